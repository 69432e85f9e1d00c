"""Every profile's golden wire log: our drivers make exactly its requests and read exactly its integers out of its replies.

How the logs come about, and the words in them: tests/golden/capture.py. Where a public capture shows a master's own choices (how many FE it
sends first, how CJ/T 188 counts its requests) those bytes are set aside.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware_profiles.evidence import Evidence, evidence_in
from firmware_profiles.loader import load_profiles
from protocol.wire.wirelog import Value

TESTS = Path(__file__).parents[2]
REGISTRY = load_profiles(strict=True)
# Profiles of whose protocol and identifiers, or of whose very model, bytes are published.
PUBLISHED = {
    "eastron/sdm120",
    "eastron/sdm630",
    "generic/cjt188_cold_water",
    "generic/cjt188_cold_water_high_first",
    "generic/cjt188_cold_water_valve",
    "generic/dlt645_1997_single_phase",
    "generic/dlt645_1997_three_phase",
    "generic/dlt645_2007_single_phase",
    "generic/dlt645_2007_single_phase_prepaid",
    "generic/dlt645_2007_single_phase_prepaid_money",
    "generic/dlt645_2007_three_phase",
    "generic/xy_md02",
    "juying/jy_dam0404",
    "juying/jy_dam0808",
    "juying/jy_dam1616",
    "waveshare/modbus_rtu_relay_16ch",
    "waveshare/modbus_rtu_relay_8ch",
}
Steps = Callable[[Any], list[Any]]


@pytest.mark.parametrize("key", REGISTRY)
def test_log_polls_everything_reads_back_commands_and_has_a_refusal(key: str, golden_steps: Steps) -> None:
    steps = [step for step in golden_steps(REGISTRY[key]) if not step.public]

    assert steps, f"{key} has no golden log; see tests/golden/capture.py"
    assert steps[0].task == Value("due", "all")
    assert any(exchange.refused is not None for step in steps for exchange in step.exchanges)
    assert any(step.task.name == "command" for step in steps) == bool(REGISTRY[key].commands)


@pytest.mark.parametrize("key", sorted(PUBLISHED))
def test_public_captures_stay_in_the_logs(key: str) -> None:
    assert _evidence(key).captured > 0


@pytest.mark.parametrize("key", REGISTRY)
def test_every_profile_is_held_against_something_our_virtual_devices_did_not_make(key: str) -> None:
    assert _evidence(key).independent > 0, f"{key}: add a public capture, a table below tests/manuals, or frames by hand to its log"


def _evidence(key: str) -> Evidence:
    files = [TESTS / "golden" / "profiles" / f"{key.replace('/', '_')}.log", TESTS / "manuals" / f"{key.replace('/', '_')}.csv"]
    return evidence_in(*(file.read_text(encoding="utf-8") if file.is_file() else "" for file in files))


@pytest.mark.parametrize("key", REGISTRY)
def test_driver_asks_and_reads_what_the_log_says(key: str, golden_steps: Steps, replay: Callable[..., None]) -> None:
    for step in golden_steps(REGISTRY[key]):
        replay(step, REGISTRY[key])


@pytest.mark.parametrize("key", [key for key, profile in REGISTRY.items() if profile.commands])
def test_command_is_followed_by_the_reading_that_proves_it(key: str, golden_steps: Steps) -> None:
    steps = [step for step in golden_steps(REGISTRY[key]) if not step.public]
    confirms = {command.name: command.confirm for command in REGISTRY[key].commands}
    taken = [(step, after) for step, after in zip(steps, [*steps[1:], None], strict=True) if step.task.name == "command"]

    for step, after in taken:
        if step.exchanges[0].refused is None:
            confirm = confirms[step.task.value.split()[0]]
            assert after is not None
            assert after.task == Value("due", confirm.quantity)
            assert [exchange.values for exchange in after.exchanges] == [[(confirm.quantity, confirm.value)]]

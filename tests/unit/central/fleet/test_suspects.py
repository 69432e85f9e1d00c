"""Two devices on one address damage each other's replies, and only theirs."""

from __future__ import annotations

import pytest

from central.fleet.suspects import Suspect, slowest, suspected_duplicates
from protocol.messages import DeviceHealth, LineHealth


def line(*devices: DeviceHealth, exchanges: int = 1000, checksum_errors: int = 0) -> LineHealth:
    counters = {"timeouts": 0, "noise_bytes": 0, "useful_bytes": 0, "busy_ms": 0, "utilisation_permille": 0}
    return LineHealth(id="l1", state="open", exchanges=exchanges, checksum_errors=checksum_errors, devices=devices, **counters)


def device(name: str, exchanges: int, damaged: int, delay_ms: int | None = None) -> DeviceHealth:
    return DeviceHealth(id=name, exchanges=exchanges, timeouts=0, damaged=damaged, delay_ms=delay_ms)


def test_replies_damaged_at_one_address_only_are_suspect() -> None:
    assert suspected_duplicates(line(device("a", 50, 40), device("b", 50, 1), checksum_errors=41)) == [Suspect("a", 800, 1)]


@pytest.mark.parametrize(
    ("found", "errors"),
    [(device("a", 50, 14), 14), (device("a", 19, 19), 19), (device("a", 50, 40), 40 + 60)],
    ids=["too little damage", "too few exchanges", "the whole line is noisy"],
)
def test_nothing_is_suspected_without_cause(found: DeviceHealth, errors: int) -> None:
    assert suspected_duplicates(line(found, checksum_errors=errors)) == []


def test_the_slowest_come_first_and_the_unknown_not_at_all() -> None:
    assert [one.id for one in slowest(line(device("a", 9, 0, 30), device("b", 9, 0), device("c", 9, 0, 250)))] == ["c", "a"]

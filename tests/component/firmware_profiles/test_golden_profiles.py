"""Every profile's golden wire log: our drivers make exactly its requests and read exactly its integers out of its replies.

How the logs come about, and the words in them: tests/golden/capture.py. Where a public capture shows a master's own choices (how many FE it
sends first, how CJ/T 188 counts its requests) those bytes are set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edge_agent.drivers.driver import Driver, driver_for
from edge_agent.drivers.fields import Decoded
from edge_agent.drivers.plan import Memory, Request, answered, plan, refused
from firmware_profiles.loader import load_profiles
from protocol.errors import DeviceRefused
from protocol.profile import AnyProfile, Profile188, Profile1997, ProfileModbus
from protocol.site_plan import Device
from protocol.wire import cjt188, dlt645, modbus
from protocol.wire.wirelog import Comment, Received, Sent, Value, parse

GOLDEN = Path(__file__).parents[2] / "golden" / "profiles"
REGISTRY = load_profiles(strict=True)
NOW = 1_790_000_000.0
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


@dataclass
class Exchange:
    """One request of a log, its reply if the log has one, and what the log says the reply means."""

    sent: bytes
    received: bytes | None = None
    values: list[tuple[str, int]] = field(default_factory=list)
    refused: str | None = None


@dataclass
class Step:
    """What is to be done (`due` items or a `command`), and the exchanges it takes."""

    profile: AnyProfile
    address: str
    task: Value
    public: bool
    exchanges: list[Exchange] = field(default_factory=list)


def _steps(key: str) -> Iterator[Step]:
    path = GOLDEN / f"{key.replace('/', '_')}.log"
    address, public, found = "", False, list[Step]()
    for entry in parse(path.read_text(encoding="utf-8"), path.name) if path.exists() else []:
        match entry:
            case Comment(text):
                public = public or text.startswith("public capture")
            case Value("address", value):
                address = value
            case Value("due" | "command", _):
                found.append(Step(REGISTRY[key], address, entry, public))
            case Sent(data):
                found[-1].exchanges.append(Exchange(data))
            case Received(data):
                assert found[-1].exchanges[-1].received is None, f"{path.name}: two replies to one request"
                found[-1].exchanges[-1].received = data
            case Value("refused", value):
                found[-1].exchanges[-1].refused = value
            case Value(name, value):
                found[-1].exchanges[-1].values.append((name, int(value)))
    yield from found


STEPS = {f"{key} {place} {step.task.name} {step.task.value[:30]}": step for key in REGISTRY for place, step in enumerate(_steps(key))}
READS = [name for name, step in STEPS.items() if step.task.name == "due"]
COMMANDS = [name for name, step in STEPS.items() if step.task.name == "command"]


@pytest.mark.parametrize("key", REGISTRY)
def test_log_polls_everything_reads_back_commands_and_has_a_refusal(key: str) -> None:
    steps = [step for step in STEPS.values() if step.profile is REGISTRY[key] and not step.public]

    assert steps, f"{key} has no golden log; see tests/golden/capture.py"
    assert steps[0].task == Value("due", "all")
    assert any(exchange.refused is not None for step in steps for exchange in step.exchanges)
    assert any(step.task.name == "command" for step in steps) == bool(REGISTRY[key].commands)


def test_public_captures_stay_in_the_logs() -> None:
    found = {step.profile.profile for step in STEPS.values() if step.public}

    assert found >= PUBLISHED


@pytest.mark.parametrize("name", READS)
def test_driver_asks_and_reads_what_the_log_says(name: str) -> None:
    step = STEPS[name]
    driver, memory = driver_for(step.profile), Memory()
    device = Device(id="one", profile=step.profile.profile, address=step.address, place="room")
    wanted = step.task.value.split()
    due = [item for item in step.profile.items if wanted == ["all"] or item.quantity in wanted]

    pending = plan(step.profile, device, due, memory, NOW)
    for exchange in step.exchanges:
        assert pending, f"the driver asks nothing more, the log goes on with {exchange.sent.hex(' ')}"
        request = pending.pop(0)
        if _replay(step, driver, request, exchange):
            answered(memory, request)
        else:
            pending = [*refused(step.profile, request, memory, NOW), *pending]

    assert pending == []


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_the_bytes_of_the_log_and_its_reply_is_accepted(name: str, write_frame: Any) -> None:
    step = STEPS[name]
    what, *carried = step.task.value.split()
    [command] = [command for command in step.profile.commands if command.name == what]

    ours = write_frame(step.profile, step.address, command, **dict(part.split("=", 1) for part in carried))

    [exchange] = step.exchanges
    assert _asked(step, ours) == _asked(step, exchange.sent)
    if (reply := exchange.received) is not None:
        assert _error(lambda: _accept(step.profile, exchange.sent, reply)) == exchange.refused


@pytest.mark.parametrize("name", [name for name in COMMANDS if not STEPS[name].public and STEPS[name].exchanges[0].refused is None])
def test_command_is_followed_by_the_reading_that_proves_it(name: str) -> None:
    step, after = list(STEPS.values())[list(STEPS).index(name) :][:2]
    [confirm] = [command.confirm for command in step.profile.commands if command.name == step.task.value]

    assert after.task == Value("due", confirm.quantity)
    assert [exchange.values for exchange in after.exchanges] == [[(confirm.quantity, confirm.value)]]


def _replay(step: Step, driver: Driver, request: Request, exchange: Exchange) -> bool:
    """Compare one exchange with the log; False when it ends in a refusal, as the log says it does."""
    asked = driver.transaction(request, [])
    assert asked is not None
    assert _asked(step, asked.request) == _asked(step, exchange.sent)
    if exchange.received is None:
        return True
    replies = [frame for frame in asked.decoder.feed(exchange.received) if asked.accept(frame)]
    assert len(replies) == 1
    assert asked.decoder.noise_bytes == 0
    assert _error(lambda: driver.transaction(request, replies)) == exchange.refused
    if exchange.refused is None:
        assert driver.transaction(request, replies) is None  # complete
        assert driver.decode(request, replies) == Decoded(tuple(exchange.values))
    return exchange.refused is None


def _asked(step: Step, request: bytes) -> bytes:
    """The request; of a public one without what its master was free to choose."""
    if not step.public or isinstance(step.profile, ProfileModbus):
        return request
    body = request.lstrip(b"\xfe")
    if not isinstance(step.profile, Profile188):
        return body
    frame = cjt188.Frame.from_bytes(body)
    return cjt188.Frame(frame.meter_type, frame.address, frame.control, frame.data[:2] + b"\x00" + frame.data[3:]).to_bytes(0)


def _error(check: Callable[[], object]) -> str | None:
    """The error bytes of a refusal, as the codec tells them; None when there is none."""
    try:
        check()
    except DeviceRefused as told:
        return str(told.details["err"]) if "err" in told.details else f"{told.details['exception_code']:02X}"
    return None


def _accept(profile: AnyProfile, sent: bytes, received: bytes) -> None:
    """Return when the device has taken the command; the codecs raise otherwise."""
    if isinstance(profile, ProfileModbus):
        modbus.check_write(sent, received)
    elif isinstance(profile, Profile188):
        cjt188.reply_data(cjt188.Frame.from_bytes(sent), cjt188.Frame.from_bytes(received))
    else:
        version = dlt645.Version.V1997 if isinstance(profile, Profile1997) else dlt645.Version.V2007
        dlt645.reply_data(version, dlt645.Frame.from_bytes(sent), dlt645.Frame.from_bytes(received))

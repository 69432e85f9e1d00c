"""Support: what profiles are checked against - golden wire logs replayed through plan and driver, and manual tables played by a device.

The words of a golden log: tests/golden/capture.py. A manual table: tests/manuals/README.md. Nothing here opens a socket.

Size: the two checks stand together because the mutation test asks both, and tests import nothing but fixtures.
"""

from __future__ import annotations

import csv
import importlib.util
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import pytest

from edge_agent.drivers.access import Access
from edge_agent.drivers.asking import read_items
from edge_agent.drivers.clock import read_clock
from edge_agent.drivers.driver import Driver, driver_for
from edge_agent.drivers.events import read_events
from edge_agent.drivers.fields import Decoded
from edge_agent.drivers.freezes import read_freezes
from edge_agent.drivers.identity import read_identity
from edge_agent.drivers.load_records import read_load_records
from edge_agent.drivers.plan import Memory, Request, answered, plan, refused
from edge_agent.drivers.procedure import Ask, Procedure
from edge_agent.drivers.settings_write import write_setting
from edge_agent.drivers.stamps import read_stamp
from edge_agent.drivers.switching import switch
from edge_agent.drivers.writes import command_write
from firmware_profiles.evidence import is_independent
from protocol.errors import DeviceRefused, NoReply
from protocol.profile import AnyProfile, Profile188, Profile2007, ProfileModbus
from protocol.profile_writes import Command
from protocol.site_plan import Device
from protocol.wire import cjt188
from protocol.wire.wirelog import Comment, Received, Sent, Value, parse

GOLDEN = Path(__file__).parents[2] / "golden" / "profiles"
MANUALS = Path(__file__).parents[2] / "manuals"
NOW = 1_790_000_000.0
TASKS = ("due", "command", "freezes", "clock", "facts", "setting", "events", "load_records")  # words that begin a step
_TASKS_OF_A_REQUEST = ("due", "command")  # the others are procedures: what they bring stands behind their last frame


class WriteFrame(Protocol):
    """`carried`: what a frame of 1CH carries beside the code: `password`, `operator`, `valid_until` (ISO time, the meter's own)."""

    def __call__(self, profile: AnyProfile, address: str, command: Command, **carried: str) -> bytes: ...


@pytest.fixture
def write_frame() -> WriteFrame:
    """Return the function that gives the bytes of a command."""
    return _write_frame


@pytest.fixture(scope="session")
def golden_steps() -> Callable[[AnyProfile], list[Step]]:
    """Return the function that reads a profile's golden log; empty when there is none."""
    return _golden_steps


@pytest.fixture(scope="session")
def replay() -> Callable[[Step, AnyProfile], None]:
    """Return the function that plays one step of a log with a profile; it raises AssertionError where they differ."""
    return _replay


@pytest.fixture(scope="session")
def manual_rows() -> Callable[[str], list[Row]]:
    """Return the function that reads a profile's manual table; empty when there is none."""
    return _manual_rows


@pytest.fixture(scope="session")
def memory_peer() -> Callable[[Sequence[Row]], Peer]:
    """Return the function that makes devices in memory from a manual table."""
    return MemoryPeer


@pytest.fixture(scope="session")
def manual_problems() -> Callable[[AnyProfile, Sequence[Row], Peer], Iterator[str]]:
    """Return the function that compares what a profile reads and writes with a manual table."""
    return _manual_problems


@pytest.fixture(scope="session")
def literals() -> Callable[[AnyProfile], dict[str, Any]]:
    """Return the function that gives what a profile says and no bytes show."""
    function: Callable[[AnyProfile], dict[str, Any]] = _literals_module().literals
    return function


@pytest.fixture(scope="session")
def reviewed() -> Any:
    """The committed table of what no bytes show."""
    return json.loads(_literals_module().TABLE.read_text(encoding="utf-8"))


@cache
def _literals_module() -> Any:
    spec = importlib.util.spec_from_file_location("golden_literals", GOLDEN.parent / "literals.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _device(profile: AnyProfile, address: str) -> Device:
    return Device(id="one", profile=profile.profile, address=address, place="room")


def _write_frame(profile: AnyProfile, address: str, command: Command, **carried: str) -> bytes:
    until = datetime.fromisoformat(carried["valid_until"]) if "valid_until" in carried else None
    access = Access(carried.get("password", "000000"), carried.get("operator", "00000000"))
    return command_write(profile, _device(profile, address), command.write, access, until).transaction.request


# --- golden logs -------------------------------------------------------------------------------------------------------


@dataclass
class Exchange:
    """One request of a log, its reply if the log has one, and what the log says the reply means."""

    sent: bytes
    received: bytes | None = None
    values: list[tuple[str, int]] = field(default_factory=list)
    refused: str | None = None


@dataclass
class Step:
    """What is to be done (see TASKS), the exchanges it takes, and what a procedure brings."""

    address: str
    task: Value
    public: bool
    exchanges: list[Exchange] = field(default_factory=list)
    results: list[tuple[str, str]] = field(default_factory=list)
    proof: list[tuple[str, int]] = field(default_factory=list)  # what is read behind a command


def _golden_steps(profile: AnyProfile) -> list[Step]:
    return _steps_in(GOLDEN / f"{profile.profile.replace('/', '_')}.log")


@cache
def _steps_in(path: Path) -> list[Step]:
    address, public, found = "", False, list[Step]()
    for entry in parse(path.read_text(encoding="utf-8"), path.name) if path.exists() else []:
        match entry:
            case Comment(text):
                public = public or is_independent(text)
            case Value("address", value):
                address = value
            case Value(name, _) if name in TASKS:
                found.append(Step(address, entry, public))
            case Sent(data):
                found[-1].exchanges.append(Exchange(data))
            case Received(data):
                assert found[-1].exchanges[-1].received is None, f"{path.name}: two replies to one request"
                found[-1].exchanges[-1].received = data
            case Value("refused", value):
                found[-1].exchanges[-1].refused = value
            case Value(name, value) if found[-1].task.name in _TASKS_OF_A_REQUEST:
                found[-1].exchanges[-1].values.append((name, int(value)))
            case Value(name, value):
                found[-1].results.append((name, value))
    for step, after in pairwise(found):
        if step.task.name == "command" and not step.public and step.exchanges[0].refused is None:
            step.proof = [value for exchange in after.exchanges for value in exchange.values]
    return found


def _replay(step: Step, profile: AnyProfile) -> None:
    if step.task.name == "due":
        _replay_reads(step, profile)
    elif step.task.name == "command":
        _replay_command(step, profile)
    else:
        _replay_procedure(step, profile)


def _replay_reads(step: Step, profile: AnyProfile) -> None:
    """Our driver asks what the log says was asked, and reads what it says was meant."""
    driver, memory = driver_for(profile), Memory()
    wanted = step.task.value.split()
    due = [item for item in profile.items if wanted == ["all"] or item.quantity in wanted]
    pending = plan(profile, _device(profile, step.address), due, memory, NOW)
    replies: list[Any] = []
    for exchange in step.exchanges:
        assert pending, f"the driver asks nothing more, the log goes on with {exchange.sent.hex(' ')}"
        request = pending[0]
        replies = _replay_read(step, profile, driver, request, exchange, replies)
        if exchange.refused is None and replies and driver.transaction(request, replies) is not None:
            continue  # an answer that takes another exchange
        del pending[0]
        if exchange.refused is None:
            answered(memory, request)
        else:
            pending = [*refused(profile, request, memory, NOW), *pending]
        replies = []
    assert pending == []


def _replay_read(step: Step, profile: AnyProfile, driver: Driver, request: Request, exchange: Exchange, before: list[Any]) -> list[Any]:
    """Compare one exchange of a read with the log; return its replies so far."""
    asked = driver.transaction(request, before)
    assert asked is not None
    assert _asked(step, profile, asked.request) == _asked(step, profile, exchange.sent)
    if exchange.received is None:
        return []
    found = [frame for frame in asked.decoder.feed(exchange.received) if asked.accept(frame)]
    assert len(found) == 1
    assert asked.decoder.noise_bytes == 0
    replies = [*before, *found]
    assert _error(lambda: driver.transaction(request, replies)) == exchange.refused
    if exchange.refused is None and driver.transaction(request, replies) is None:
        assert driver.decode(request, replies) == Decoded(tuple(exchange.values))
    else:
        assert exchange.values == []
    return replies


def _replay_command(step: Step, profile: AnyProfile) -> None:
    """The command has the bytes of the log, and its reply is taken as the log says."""
    name, *carried = step.task.value.split()
    commands = [command for command in profile.commands if command.name == name]
    assert commands, f"no command {name}"
    words = dict(part.split("=", 1) for part in carried)
    until = datetime.fromisoformat(words["valid_until"]) if "valid_until" in words else None
    access = Access(words.get("password", "000000"), words.get("operator", "00000000"))
    write = command_write(profile, _device(profile, step.address), commands[0].write, access, until)
    [exchange] = step.exchanges
    assert _asked(step, profile, write.transaction.request) == _asked(step, profile, exchange.sent)
    if exchange.received is not None:
        [reply] = [frame for frame in write.transaction.decoder.feed(exchange.received) if write.transaction.accept(frame)]
        assert _error(lambda: write.check(reply)) == exchange.refused
    if step.proof:
        assert step.proof == [(commands[0].confirm.quantity, commands[0].confirm.value)]


def _replay_procedure(step: Step, profile: AnyProfile) -> None:
    """A procedure of the agent sends what the log says was sent, and brings what it says."""
    pending = list(step.exchanges)

    def answer(asked: bytes) -> bytes | None:
        assert pending, f"the driver asks {asked.hex(' ')}, the log ends"
        exchange = pending.pop(0)
        assert asked == exchange.sent
        return exchange.received

    assert list(procedure_results(profile, _device(profile, step.address), step.task, lambda procedure: played(procedure, answer))) == step.results
    assert pending == []


def procedure_results(profile: AnyProfile, device: Device, task: Value, run: Callable[[Procedure[Any]], Any]) -> Iterator[tuple[str, str]]:
    """What a step other than `due` and `command` brings, as the words of a log."""
    words = task.value.split()
    if task.name == "freezes":  # period, most, site time
        [freeze] = [one for one in getattr(profile, "freezes", ()) if one.period == words[0]]
        for frozen in run(read_freezes(profile, device, freeze, lambda _: False, int(words[1]), datetime.fromisoformat(words[2]))):
            yield "at", frozen.at.isoformat()
            yield from ((name, str(value)) for name, value in frozen.values)
    elif task.name == "clock":  # site time
        yield "offset_ms", str(run(read_clock(profile, device, lambda: datetime.fromisoformat(words[0]))))
    elif task.name == "facts":
        yield from run(read_identity(profile, device)).items()
    elif task.name == "setting":  # name, value, perhaps password=
        access = Access(*(word.removeprefix("password=") for word in words[2:]))
        written = run(write_setting(profile, device, words[0], int(words[1]), access))
        yield "outcome", f"{written.outcome} {written.seen}"
    elif task.name == "events":  # event, count before
        assert isinstance(profile, Profile2007)
        [log] = [one for one in profile.events if one.event == words[0]]
        count, events = run(read_events(profile, device, log, int(words[1])))
        yield "count", str(count)
        for one in events:
            stamps = (one.begin.isoformat() if one.begin else "-", one.end.isoformat() if one.end else "-", one.operator or "-")
            yield "event", f"{one.number} {' '.join(stamps)}"
    else:  # load_records: since, count
        assert isinstance(profile, Profile2007)
        for record in run(read_load_records(profile, device, datetime.fromisoformat(words[0]), int(words[1]))):
            yield "record", " ".join([record.at.isoformat(), *(f"{name}={value}" for name, value in record.values.items())])


def played(procedure: Procedure[Any], answer: Callable[[bytes], bytes | None]) -> Any:
    """Carry a procedure out against a device that answers bytes with bytes; None is silence."""
    reply: Any = None
    error: Exception | None = None
    while True:
        try:
            step = procedure.throw(error) if error else procedure.send(reply)
        except StopIteration as done:
            return done.value
        reply, error = None, None
        if isinstance(step, Ask):
            raw = answer(step.transaction.request)
            frames = [] if raw is None else [one for one in step.transaction.decoder.feed(raw) if step.transaction.accept(one)]
            reply, error = (frames[0], None) if frames else (None, NoReply("nothing answers", waited_s=0.0))


def _asked(step: Step, profile: AnyProfile, request: bytes) -> bytes:
    """The request; of a public one without what its master was free to choose (FE bytes, how CJ/T 188 counts its requests)."""
    if not step.public or isinstance(profile, ProfileModbus):
        return request
    body = request.lstrip(b"\xfe")
    if not isinstance(profile, Profile188):
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


# --- manual tables -----------------------------------------------------------------------------------------------------

Place = tuple[int, int]  # function that reads it, address


@dataclass(frozen=True)
class Row:
    """One line of a manual table."""

    kind: str
    function: int
    address: int
    words: tuple[int, ...]
    what: str
    expected: str

    @property
    def read_by(self) -> int:
        """The function that reads the place back."""
        return {5: 1, 15: 1, 6: 3, 16: 3}.get(self.function, self.function)

    def places(self) -> dict[Place, int]:
        """The contents of the places the row is about."""
        return {(self.read_by, self.address + n): word for n, word in enumerate(self.words)}


class Peer(Protocol):
    """Devices filled from a manual table. `unit`: 1 = its first values, 2.. = the further ones (see `states`)."""

    def run(self, procedure: Procedure[Any]) -> Any: ...

    def state(self, unit: int) -> dict[Place, int]: ...

    def put(self, unit: int, places: dict[Place, int]) -> None: ...


@cache
def _manual_rows(key: str) -> list[Row]:
    path = MANUALS / f"{key.replace('/', '_')}.csv"
    if not path.exists():
        return []
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [
        Row(
            one["kind"],
            int(one["function"]),
            int(one["address"], 16),
            tuple(int(word, 16) for word in one["words"].split()),
            one["what"],
            one["expected"],
        )
        for one in csv.DictReader(lines)
    ]


def states(rows: Iterable[Row]) -> Iterator[tuple[dict[Place, int], list[Row]]]:
    """What each unit holds, and the rows to be read of it: first the table itself, then the table with each quantity's second, third .. value."""
    first: dict[Place, int] = {}
    further: list[list[Row]] = []
    seen: dict[str, int] = {}
    for row in rows:
        if row.kind in ("item", "hole", "freeze", "clock", "fact"):
            first |= row.places()
        elif row.kind == "again":
            number = seen[row.what] = seen.get(row.what, 0) + 1
            further += [[]] * (number > len(further))
            further[number - 1] = [*further[number - 1], row]
    yield first, [row for row in rows if row.kind == "item"]
    for again in further:
        yield first | {place: word for row in again for place, word in row.places().items()}, again


class MemoryPeer:
    """Modbus slaves in memory: functions 1-6, 15, 16 over exactly the places of the table, exception 2 for all others."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._units = {unit: dict(places) for unit, (places, _) in enumerate(states(rows), start=1)}

    def units(self) -> dict[int, dict[Place, int]]:
        """What each unit holds."""
        return {unit: dict(places) for unit, places in self._units.items()}

    def run(self, procedure: Procedure[Any]) -> Any:
        return played(procedure, self._respond)

    def state(self, unit: int) -> dict[Place, int]:
        return dict(self._units[unit])

    def put(self, unit: int, places: dict[Place, int]) -> None:
        self._units[unit] |= places

    def _respond(self, frame: bytes) -> bytes | None:
        assert frame[-2:] == _crc(frame[:-2])
        places = self._units.get(frame[0])
        if places is None:
            return None
        answer = frame[:1] + self._act(places, frame[1], frame[2:-2])
        return answer + _crc(answer)

    def _act(self, places: dict[Place, int], function: int, body: bytes) -> bytes:
        address, count = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
        read_by = {5: 1, 15: 1, 6: 3, 16: 3}.get(function, function)
        wanted = [(read_by, address + n) for n in range(1 if function in (5, 6) else count)]
        if not all(place in places for place in wanted):
            return bytes((function | 0x80, 2))
        if function <= 4:
            data = _packed([places[place] for place in wanted], bits=function < 3)
            return bytes((function, len(data))) + data
        if function in (5, 6):
            values = [count if function == 6 else int(count == 0xFF00)]
        elif function == 15:
            values = [body[5 + n // 8] >> n % 8 & 1 for n in range(count)]
        else:
            values = [int.from_bytes(body[5 + 2 * n : 7 + 2 * n], "big") for n in range(count)]
        places |= dict(zip(wanted, values, strict=True))
        return bytes((function,)) + body[:4]


def _packed(values: Sequence[int], bits: bool) -> bytes:
    if bits:
        return sum(bit << place for place, bit in enumerate(values)).to_bytes((len(values) + 7) // 8, "little")
    return b"".join(word.to_bytes(2, "big") for word in values)


def _crc(data: bytes) -> bytes:
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


def _manual_problems(profile: AnyProfile, rows: Sequence[Row], peer: Peer) -> Iterator[str]:
    """Where the profile and the manual differ, in words."""
    assert isinstance(profile, ProfileModbus)
    yield from _values(profile, rows, peer)
    yield from _frozen(profile, rows, peer)
    yield from _told(profile, rows, peer)
    for row in rows:
        if row.kind in ("command", "setting"):
            yield from _written(profile, row, peer)


def _values(profile: ProfileModbus, rows: Sequence[Row], peer: Peer) -> Iterator[str]:
    """Every item by one poll of the whole device, as the agent plans it."""
    for unit, (_, expected) in enumerate(states(rows), start=1):
        read = peer.run(read_items(profile, _device(profile, str(unit)), profile.items))
        for row in expected:
            got = str(read.get(row.what, "none"))
            if got != row.expected:
                yield f"{row.what}: expected {row.expected} from {row.words}, got {got}"
        if unit == 1 and (unknown := sorted(read.keys() - {row.what for row in expected})):
            yield f"the manual table has no {', '.join(unknown)}"


def _frozen(profile: ProfileModbus, rows: Sequence[Row], peer: Peer) -> Iterator[str]:
    """Records by period and number: `day 90 time`, `day 90 energy_active_total_daily`."""
    device = _device(profile, "1")
    for row in rows:
        if row.kind != "freeze":
            continue
        period, number, name = row.what.split()
        found = [one for one in profile.freezes if one.period == period and int(number) <= one.depth]
        got = "nothing"
        for freeze in found:
            by = (int(number) - 1) * freeze.step
            if name == "time" and freeze.time is not None:
                moved = freeze.time.model_copy(update={"address": freeze.time.address + by})
                got = _iso(peer.run(read_stamp(profile, device, moved)))
            for item in (one for one in freeze.items if one.quantity == name):
                older = item.model_copy(update={"address": item.address + by})
                view = profile.model_copy(update={"items": (older,), "blocks": ()})
                got = str(peer.run(read_items(view, device, (older,))).get(name))
        if got != row.expected:
            yield f"{row.what}: expected {row.expected}, got {got}"


def _told(profile: ProfileModbus, rows: Sequence[Row], peer: Peer) -> Iterator[str]:
    device = _device(profile, "1")
    facts = peer.run(read_identity(profile, device))
    for row in rows:
        if row.kind == "fact" and facts.get(row.what) != row.expected:
            yield f"{row.what}: expected {row.expected}, got {facts.get(row.what)}"
        if row.kind == "clock":
            got = "no clock" if profile.clock is None else _iso(peer.run(read_stamp(profile, device, profile.clock.read)))
            if got != row.expected:
                yield f"clock: expected {row.expected}, got {got}"


def _written(profile: ProfileModbus, row: Row, peer: Peer) -> Iterator[str]:
    """A write that finds the opposite, changes exactly the places of the row, and is proved by what is read back."""
    name, *value = row.what.split()
    device, before = _device(profile, "1"), peer.state(1)
    opposite = {place: word ^ 1 for place, word in row.places().items()}
    peer.put(1, opposite)
    if row.kind == "command":
        procedure = switch(profile, device, name, Access(), lambda: datetime(2026, 9, 21))
    else:
        procedure = write_setting(profile, device, name, int(value[0]), Access())
    written = peer.run(procedure)
    if (written.outcome, str(written.seen)) != ("done", row.expected):
        yield f"{row.what}: expected done and {row.expected}, got {written.outcome} and {written.seen}"
    if peer.state(1) != before | row.places():
        yield f"{row.what}: other places were written than the manual's"
    peer.put(1, before)


def _iso(at: datetime | None) -> str:
    return "none" if at is None else at.isoformat()

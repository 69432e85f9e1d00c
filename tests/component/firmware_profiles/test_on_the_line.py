"""Every profile of the registry as a device on a baud-true line, with a neighbour, read by the agent's own poller. All of it in virtual time.

What must hold: on a healthy line everything is read, and is true; on a sick one whatever is published is true, and who lives is read; what a profile
says a device can be told is done and proved; what it says a device remembers is found there.

Size: one line, port and clock in virtual time serve every case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TypeVar

import pytest

from edge_agent.drivers.access import Access
from edge_agent.drivers.baud import change_baud
from edge_agent.drivers.clock import read_clock
from edge_agent.drivers.events import read_events
from edge_agent.drivers.identity import read_identity
from edge_agent.drivers.load_records import read_load_records
from edge_agent.drivers.procedure import Procedure
from edge_agent.drivers.settings_write import write_setting
from edge_agent.drivers.switching import switch
from edge_agent.lines.outlet import Outlet
from edge_agent.lines.poller import Poller
from edge_agent.lines.schedule import Priority
from firmware_profiles.loader import load_profiles
from protocol.errors import CampusError
from protocol.messages import Event
from protocol.profile import AnyProfile
from protocol.profile_items import AnyItem, ItemMbus, Protocol, RegisterItem
from protocol.reading import Reading
from protocol.site_plan import Device, Line, VirtualDevice, VirtualFault
from provisioning.virtual.bus import MODBUS, Bus, Unit
from provisioning.virtual.instrument import Instrument
from provisioning.virtual.line import LineModel, line_settings
from provisioning.virtual.line_stats import LineStats
from provisioning.virtual.site import SiteFacts, build_unit

R = TypeVar("R")
REGISTRY = load_profiles(strict=True)
BEGIN_S = 1_790_000_000.0
FACTS = SiteFacts(seed=7, utc_offset_s=8 * 3600, epoch_s=BEGIN_S - 400 * 86_400)
ADDRESSES = {Protocol.MODBUS_RTU: ("17", "104"), Protocol.MBUS: ("00001234", "00005678"), Protocol.CJT188: ("00112233445566", "00112233445567")}
METER_ADDRESSES = ("000102030425", "000102030426")
FAULTS = {
    "noisy": VirtualFault(kind="noisy", share=0.4),
    "wrong checksum": VirtualFault(kind="wrong_checksum", share=0.3),
    "echoing": VirtualFault(kind="echoing"),
    "late reply": VirtualFault(kind="late_reply", share=0.3),
    "another of the same address": VirtualFault(kind="duplicate_address", share=0.3),
}
SICK_S = 120.0  # of line time
REMEMBERED_S = 800.0  # the first look at what a device remembers comes within ten minutes
_LOOK_BACK_S = 6.0  # longest from a device's look at its registers to the end of its reply, at 1200 baud with follow-up frames
_CLOCK_MS = 2_000
_LOAD_STEP = 100  # the coarsest step of a load record
_F32_STEPS = 2**22


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 50.0

    def monotonic(self) -> float:
        return self.now

    def wall_s(self) -> float:
        return BEGIN_S + self.now

    def wall_ms(self) -> int:
        return round(self.wall_s() * 1000)

    def trusted(self) -> bool:
        return True

    def sleep_until(self, at: float) -> None:
        self.now = max(self.now, at)


class LinePort:
    """The agent's end of a modelled line."""

    jitter_s = 0.0
    framed = False
    retry_s: Sequence[float] = (1.0,)
    patience_s: float = 0.0

    def __init__(self, model: LineModel, clock: Clock) -> None:
        self._model, self._clock, self._usual_baud = model, clock, model.settings.baud
        self._legible = True
        self._arrived: list[tuple[float, bytes]] = []

    def open(self) -> None: ...

    def close(self) -> None: ...

    def set_speed(self, baud: int | None) -> None:
        self._legible = self._model.at_speed(baud or self._usual_baud)

    def fileno(self) -> int:
        return -1

    def write(self, data: bytes) -> None:
        self._run_until(self._clock.now)
        self._model.receive(self._clock.now, data, legible=self._legible)

    def read(self, timeout_s: float) -> bytes:
        until = self._clock.now + timeout_s
        while not self._arrived and (at := self._model.next_at()) is not None and at <= until:
            self._run_until(at)
        if not self._arrived or self._arrived[0][0] > until:
            self._clock.now = until
            return b""
        at, data = self._arrived.pop(0)
        self._clock.now = max(self._clock.now, at)
        return data

    def flush_input(self) -> int:
        self._run_until(self._clock.now)
        waiting, self._arrived = self._arrived, []
        return sum(len(data) for _, data in waiting)

    def _run_until(self, at: float) -> None:
        self._arrived += [(release.at_s, release.data) for release in self._model.advance(at)]


@dataclass
class Bench:
    """A poller and two devices of one profile on a line of the profile's own settings."""

    profile: AnyProfile
    clock: Clock = field(default_factory=Clock)
    published: list[Reading] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)

    def start(self, *faults: VirtualFault, neighbour: VirtualFault | None = None) -> None:
        addresses = ADDRESSES.get(self.profile.protocol, METER_ADDRESSES)
        if getattr(self.profile, "by", "") == "primary":
            addresses = ("17", "104")
        devices = [Device(id=name, profile=self.profile.profile, address=where, place="room") for name, where in zip("ab", addresses, strict=True)]
        behaviour = {"a": faults, "b": (neighbour,) if neighbour else ()}
        units = [build_unit(one, self.profile, VirtualDevice(device=one.id, faults=behaviour[one.id]), FACTS) for one in devices]
        self.units: dict[str, Unit] = {unit.device: unit for unit in units}
        for unit in units:
            _switch_some_on(self.profile, unit.responder.instrument)
        serial = self.profile.serial
        line = Line.model_validate(
            {"id": "l", "port": {"kind": "serial", "path": "/dev/null"}, "baud": serial.baud, "parity": serial.parity}
            | {"stop_bits": serial.stop_bits, "gap_ms": self.profile.timing.gap_ms, "devices": devices}
        )
        settings = line_settings(line, modbus=any(unit.family is MODBUS for unit in units))
        self.stats = LineStats(settings.byte_s, settings.gap_s)
        model = LineModel(settings, Bus(units, self.clock.wall_s, line.baud), self.stats)
        outlet = Outlet("l", self.published.extend, self.told.append, self.clock)
        self.poller = Poller(line, {self.profile.profile: self.profile}, outlet, self.clock, lambda _plan: LinePort(model, self.clock))

    def read_everything(self) -> list[Reading]:
        """Ask each device for all it has; return what came of it."""
        asked: list[Future[list[Reading]]] = []
        for name in self.units:
            future: Future[list[Reading]] = Future()
            self.poller.read(name, None, Priority.ON_DEMAND, future)
            asked.append(future)
        while not all(one.done() for one in asked):
            self.clock.now = max(self.clock.now, self.poller.turn())
        return [reading for one in asked if not isinstance(one.exception(), CampusError) for reading in one.result()]

    def do(self, make: Callable[[], Procedure[R]]) -> R:
        """Run a procedure with device a, between polls."""
        future: Future[R] = Future()
        self.poller.run("a", make, Priority.CONTROL, future)
        while not future.done():
            self.clock.now = max(self.clock.now, self.poller.turn())
        return future.result()

    @property
    def device(self) -> Device:
        return self.poller.plan.devices[0]

    @property
    def instrument(self) -> Instrument:
        return self.units["a"].responder.instrument

    def local_time(self) -> datetime:
        """The site's time, as a meter's clock that is right shows it."""
        return self.instrument.local_time(self.clock.wall_s()) - timedelta(seconds=self.instrument.clock_offset_s)

    def run(self, seconds: float) -> None:
        """Poll as the schedule says."""
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.clock.now = max(self.clock.now, min(until, self.poller.turn()))
        self.poller.close()

    def wrong(self, readings: Sequence[Reading]) -> list[str]:
        """What was told and was not so."""
        return [f"{one.series.device} {one.series.quantity} {one.value}" for one in readings if not self._true(one)]

    def _true(self, reading: Reading) -> bool:
        instrument, quantity, at_s = self.units[reading.series.device].responder.instrument, reading.series.quantity, reading.measured_at_ms / 1000
        if quantity == "clock_offset":
            return abs(reading.value - 1000 * instrument.clock_offset_s) <= _CLOCK_MS
        item = _item(self.profile, quantity)
        back = 0 if reading.measured_at_ms % 60_000 == 0 else int(2 * _LOOK_BACK_S)  # what was frozen is dated by the end of its period
        truths = [instrument.value(quantity, at_s - half / 2) for half in range(back + 1)]
        if item is not None and item.bits is not None:
            return any(reading.value == truth & (1 << item.bits[1]) - 1 for truth in truths)
        step = Fraction(_LOAD_STEP) if item is None else abs(item.factor())
        if isinstance(item, RegisterItem) and item.type == "f32":
            step = Fraction(max(map(abs, truths)), _F32_STEPS) + 1
        return min(truths) - step <= reading.value <= max(truths) + step


def _item(profile: AnyProfile, quantity: str) -> AnyItem | ItemMbus | None:
    """The item a reading of the items or the freezes comes from; None for one of a load record."""
    frozen = (item for freeze in getattr(profile, "freezes", ()) for item in freeze.items)
    return next((one for one in (*profile.items, *frozen) if one.quantity == quantity), None)


def _told_by_polling(profile: AnyProfile) -> set[str]:
    frozen = {item.quantity for freeze in getattr(profile, "freezes", ()) for item in freeze.items}
    return {item.quantity for item in profile.items} | frozen | ({"clock_offset"} if getattr(profile, "clock", None) else set())


def _switch_some_on(profile: AnyProfile, instrument: Instrument) -> None:
    """Every third relay and input, so that no shift by one goes unseen."""
    for place, item in enumerate(profile.items):
        if isinstance(item, RegisterItem) and item.type == "bit":
            instrument.set_state(item.quantity, int((place + (instrument.device == "b")) % 3 == 0), BEGIN_S)


@pytest.mark.parametrize("key", sorted(REGISTRY))
def test_everything_is_read_and_true_on_a_healthy_line(key: str) -> None:
    bench = Bench(REGISTRY[key])
    bench.start()

    readings = bench.read_everything()

    told = sorted((one.series.device, one.series.quantity) for one in readings)
    assert told == sorted((name, item.quantity) for name in "ab" for item in bench.profile.items)
    assert bench.wrong(readings) == []
    assert not any(bench.stats.violations.values())


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("key", sorted(REGISTRY))
def test_nothing_false_is_published_on_a_sick_line(key: str, fault: str) -> None:
    bench = Bench(REGISTRY[key])
    bench.start(FAULTS[fault])

    bench.run(SICK_S)

    assert bench.wrong(bench.published) == []
    assert {item.quantity for item in bench.profile.items} <= {one.series.quantity for one in bench.published if one.series.device == "b"}


@pytest.mark.parametrize("key", sorted(REGISTRY))
def test_a_dead_neighbour_does_not_stop_the_living(key: str) -> None:
    bench = Bench(REGISTRY[key])
    bench.start(neighbour=VirtualFault(kind="dead"))

    bench.run(REMEMBERED_S)

    assert {one.series.device for one in bench.published} == {"a"}
    assert _told_by_polling(bench.profile) <= {one.series.quantity for one in bench.published}
    assert bench.wrong(bench.published) == []
    assert [event.device for event in bench.told if event.code == "device.silent"] == ["b"]


@pytest.mark.parametrize("key", [key for key in sorted(REGISTRY) if REGISTRY[key].commands])
def test_every_command_is_carried_out_and_proved(key: str) -> None:
    bench = Bench(REGISTRY[key])
    bench.start()

    for command in (*bench.profile.commands, *bench.profile.commands[:1]):
        done = bench.do(lambda name=command.name: switch(bench.profile, bench.device, name, Access(), bench.local_time))

        assert done.outcome in ("done", "already"), command.name
        assert bench.instrument.value(command.confirm.quantity, bench.clock.wall_s()) == command.confirm.value


@pytest.mark.parametrize("key", [key for key in sorted(REGISTRY) if REGISTRY[key].settings])
def test_every_setting_is_written_and_read_back(key: str) -> None:
    bench = Bench(REGISTRY[key])
    bench.start()

    for setting in bench.profile.settings:
        for value in (setting.least, setting.most):
            done = bench.do(lambda name=setting.name, told=value: write_setting(bench.profile, bench.device, name, told, Access()))

            assert done.outcome in ("done", "already"), (setting.name, value)
            assert bench.instrument.value(setting.quantity, bench.clock.wall_s()) == value


@pytest.mark.parametrize("key", [key for key in sorted(REGISTRY) if getattr(REGISTRY[key], "facts", ())])
def test_every_fact_is_told(key: str) -> None:
    bench = Bench(REGISTRY[key])
    bench.start()

    told = bench.do(lambda: read_identity(bench.profile, bench.device))

    assert set(told) == {fact.name for fact in getattr(bench.profile, "facts", ())}
    assert {"000102030425", told.get("communication_address", "000102030425")} == {"000102030425"}


@pytest.mark.parametrize("key", [key for key in sorted(REGISTRY) if getattr(REGISTRY[key], "clock", None)])
def test_a_clock_that_is_wrong_is_seen(key: str) -> None:
    bench = Bench(REGISTRY[key])
    bench.start()
    bench.instrument.clock_offset_s = -100

    told_ms = bench.do(lambda: read_clock(bench.profile, bench.device, bench.local_time))

    assert abs(told_ms + 100_000) <= _CLOCK_MS


@pytest.mark.parametrize("key", [key for key in sorted(REGISTRY) if getattr(REGISTRY[key], "events", ())])
def test_what_happened_to_a_meter_is_found_in_its_logs(key: str) -> None:
    bench = Bench(REGISTRY[key])
    bench.start()
    began, ended = datetime(2026, 9, 20, 8, 5, 7), datetime(2026, 9, 20, 8, 6, 9)

    for log in getattr(bench.profile, "events", ()):
        before, _ = bench.do(lambda log=log: read_events(bench.profile, bench.device, log, None))
        bench.instrument.journal.note(log.event, began, ended, "11223344")
        count, [record] = bench.do(lambda log=log, last=before: read_events(bench.profile, bench.device, log, last))

        assert (count, record.begin) == (before + 1, began), log.event
        assert log.end_at is None or record.end == ended
        assert log.operator_at is None or record.operator == "11223344"


@pytest.mark.parametrize("key", [key for key in sorted(REGISTRY) if getattr(REGISTRY[key], "load_records", None)])
def test_load_records_tell_what_was_measured_then(key: str) -> None:
    bench = Bench(REGISTRY[key])
    bench.start()
    since = bench.local_time().replace(minute=0, second=0, microsecond=0) - timedelta(days=2)

    records = bench.do(lambda: read_load_records(bench.profile, bench.device, since, 5))

    step = timedelta(seconds=bench.profile.load_records.interval_s)
    assert [record.at for record in records] == [since + place * step for place in range(5)]
    for record in records:
        truths = {name: bench.instrument.value(name, bench.instrument.instant_s(record.at)) for name in record.values}
        assert "voltage_a" in truths
        assert [name for name, value in record.values.items() if abs(value - truths[name]) > _LOAD_STEP] == []


def test_a_meter_told_to_speak_faster_is_lost_to_those_who_do_not() -> None:
    bench = Bench(REGISTRY["generic/dlt645_2007_single_phase"])
    bench.start()

    changed = bench.do(lambda: change_baud(bench.profile, bench.device, 2400, 9600))
    read = {one.series.device for one in bench.read_everything()}

    assert (changed.baud, changed.refusal) == (9600, None)
    assert read == {"b"}

"""Freezes, event logs and clocks brought out between polls, on meters in virtual time.

Size: one bench of meters with logs serves every case.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from edge_agent.drivers.procedure import Ask, Procedure
from edge_agent.lines.exchange import Transaction
from edge_agent.lines.marks import MarksInMemory
from edge_agent.lines.outlet import Outlet
from edge_agent.lines.poller import Poller
from edge_agent.lines.schedule import Priority
from edge_agent.lines.site_time import CHINA, SiteTime
from protocol.errors import StorageError
from protocol.messages import Event
from protocol.profile import AnyProfile, Profile
from protocol.reading import Quality, Reading
from protocol.site_plan import Device, Line
from protocol.wire import dlt645
from protocol.wire.dlt645 import Frame

ENERGY = {"quantity": "energy_active_forward", "unit": "kWh", "di": "00010000", "format": "XXXXXX.XX"}
DAILY = {
    "period": "day", "depth": 62, "time": {"di": "05060001", "format": "YYMMDDhhmm"},
    "items": [{**ENERGY, "di": "05060101"}],
}  # fmt: skip
COVER = {"event": "meter_cover_open", "count": "03300E00", "record": "03300E01", "end_at": 6, "operator_at": 12}
COMMON = {
    "schema": 1, "profile": "test/meter", "name": {"zh": "表", "en": "Meter"}, "maker": {"zh": "厂", "en": "Maker"}, "model": "M1",
    "kind": "electricity_meter", "source": "made for tests", "verified": "draft", "serial": {"baud": 2400, "parity": "E"},
    "groups": {"energy": 900}, "protocol": "dlt645_2007", "items": [ENERGY],
}  # fmt: skip
PROFILE: AnyProfile = TypeAdapter[AnyProfile](Profile).validate_python({**COMMON, "freezes": [DAILY], "events": [COVER], "clock": {}})
UNDATED: AnyProfile = TypeAdapter[AnyProfile](Profile).validate_python(
    {**COMMON, "freezes": [{"period": "month", "depth": 12, "items": [{**ENERGY, "di": "00010001"}]}]}
)
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


class Meter:
    """A meter with a clock, daily freezes of the last days, and a log. `offset_s`: its clock's error; a broadcast of the time mends it."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.offset_s, self.count = bench, 0.0, 5
        self.freezes = True
        self.extra: dict[str, str | None] = {}

    def now(self) -> datetime:
        return self.bench.time.now() + timedelta(seconds=self.offset_s)

    def answer(self, di: str) -> str | None:  # noqa: PLR0911 - a table
        if di in self.extra:
            return self.extra[di]
        if di == "04000101":
            return "00" + _bcd(self.now(), "%d%m%y")
        if di == "04000102":
            return _bcd(self.now(), "%S%M%H")
        if di.startswith("0506") and self.freezes:
            midnight = self.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=int(di[6:], 16) - 1)
            return _bcd(midnight, "%M%H%d%m%y") if di[4:6] == "00" else f"0000{midnight.day:02}00"
        if di == "03300E00":
            return f"{self.count:02}0000"
        if di.startswith("03300E"):
            return "00000002112300000003112378563412"
        return "42061200" if di.startswith("0001") else None


def _bcd(at: datetime, format: str) -> str:
    return at.strftime(format)


class Bench:
    """A line of such meters. `restart` begins a new program with the marks of the old."""

    def __init__(self, port: Any, clock: Any) -> None:
        self.port, self.clock, self.time = port, clock, SiteTime(clock)
        self.meters: dict[str, Meter] = {}
        self.readings: list[Reading] = []
        self.events: list[Event] = []
        self.marks = MarksInMemory()
        self.broadcasts: list[tuple[datetime, bytes]] = []
        self.dead: set[str] = set()
        self.full = False
        self.profile = PROFILE
        port.answer = self.answer

    def start(self, *names: str, **poll_s: int) -> Poller:
        self.devices = [self.device(name, n, poll_s) for n, name in enumerate(names, 1)]
        return self.restart()

    def device(self, name: str, number: int, poll_s: dict[str, int]) -> Device:
        address = f"{number:012}"
        self.meters.setdefault(address, Meter(self))
        return Device(id=name, address=address, profile="test/meter", place="room", poll_s=poll_s)

    def restart(self) -> Poller:
        line = Line(id="line-1", port={"kind": "serial", "path": "/dev/null"}, baud=2400, devices=tuple(self.devices))  # type: ignore[arg-type]
        outlet = Outlet("line-1", self.publish, self.emit, self.clock)
        self.poller = Poller(line, {"test/meter": self.profile}, outlet, self.clock, lambda _: self.port, marks=self.marks, zone=CHINA)
        return self.poller

    def publish(self, readings: Sequence[Reading]) -> None:
        if self.full:
            raise StorageError("disk full")
        self.readings += readings

    def emit(self, event: Event) -> None:
        if self.full:
            raise StorageError("disk full")
        self.events.append(event)

    def answer(self, request: bytes) -> list[tuple[float, bytes]]:
        asked = Frame.from_bytes(request)
        if asked.address == "9" * 12:
            self.broadcasts.append((self.time.now(), asked.data))
            for meter in self.meters.values():
                meter.offset_s = 0.0 if abs(meter.offset_s) <= 300 else meter.offset_s
            return []
        if asked.address in self.dead:
            return []
        held = self.meters[asked.address].answer(asked.data[:4][::-1].hex().upper())
        reply = Frame(asked.address, 0xD1, b"\x02") if held is None else Frame(asked.address, 0x91, asked.data[:4] + bytes.fromhex(held))
        return [(0.05, reply.to_bytes())]

    def run(self, seconds: float) -> None:
        until = self.clock.now + seconds
        while self.clock.now < until:
            self.clock.now = max(self.clock.now, min(until, self.poller.turn()))

    def until(self, hour: int, minute: int) -> None:
        """Run to the next such local time."""
        now = self.time.now()
        then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        self.run((then - now).total_seconds() % DAY)

    def frozen(self) -> list[tuple[str, int]]:
        """(local date, Wh) of every freeze published."""
        midnights = [
            one for one in self.readings if self._local(one).time() == datetime.min.time() and one.series.quantity == "energy_active_forward"
        ]
        return [(self._local(one).strftime("%m-%d"), one.value) for one in midnights]

    def asked(self, di: str) -> int:
        wanted = bytes.fromhex(di)[::-1]
        return sum(Frame.from_bytes(request).data[:4] == wanted for _, request in self.port.sent)

    def offsets(self) -> list[int]:
        return [round(one.value / 1000) for one in self.readings if one.series.quantity == "clock_offset"]

    def codes(self) -> list[str]:
        return [event.code for event in self.events]

    def _local(self, reading: Reading) -> datetime:
        return datetime.fromtimestamp(reading.measured_at_ms / 1000, CHINA).replace(tzinfo=None)


@pytest.fixture
def bench(port: Any, clock: Any) -> Bench:
    return Bench(port, clock)  # it is 2023-11-15 06:15 local


# --- freezes -----------------------------------------------------------------------------------------------------------


def test_meter_never_seen_gives_its_newest_four_freezes_at_their_own_instants(bench: Bench) -> None:
    bench.start("a")
    bench.run(5 * MINUTE)

    assert bench.frozen() == [("11-12", 1200_000), ("11-13", 1300_000), ("11-14", 1400_000), ("11-15", 1500_000)]
    midnight = next(one for one in bench.readings if one.value == 1_500_000)
    assert midnight.measured_at_ms == round(datetime(2023, 11, 15, tzinfo=CHINA).timestamp() * 1000)
    assert midnight.quality is Quality.GOOD


def test_freeze_is_fetched_once_behind_midnight_when_the_meter_has_it(bench: Bench) -> None:
    bench.start("a")
    bench.run(5 * MINUTE)
    bench.until(0, 9)
    assert len(bench.frozen()) == 4
    bench.run(35 * MINUTE)

    assert bench.frozen()[4:] == [("11-16", 1600_000)]
    bench.run(20 * HOUR)
    assert len(bench.frozen()) == 5
    assert bench.asked("05060001") == 2


def test_restart_repeats_nothing_and_catches_up_what_was_missed(bench: Bench) -> None:
    bench.start("a")
    bench.run(5 * MINUTE)
    bench.clock.now += 6 * DAY
    bench.restart()
    bench.run(5 * MINUTE)

    assert [day for day, _ in bench.frozen()][4:] == ["11-16", "11-17", "11-18", "11-19", "11-20", "11-21"]


def test_freeze_storage_refused_comes_again(bench: Bench) -> None:
    bench.full = True
    bench.start("a")
    bench.run(5 * MINUTE)
    bench.full = False
    bench.run(40 * MINUTE)

    assert [day for day, _ in bench.frozen()] == ["11-12", "11-13", "11-14", "11-15"]


def test_freeze_that_comes_late_is_looked_for_again(bench: Bench) -> None:
    bench.start("a")
    bench.run(5 * MINUTE)
    meter = bench.meters["000000000001"]
    meter.offset_s = -3 * HOUR  # the meter's midnight is still to come
    bench.until(2, 0)
    assert len(bench.frozen()) == 4
    bench.until(4, 0)

    assert bench.frozen()[4:] == [("11-16", 1600_000)]


def test_meter_without_freezes_is_asked_once_a_day(bench: Bench) -> None:
    bench.start("a")
    bench.meters["000000000001"].freezes = False
    bench.run(DAY - HOUR)
    assert bench.asked("05060001") == 1
    bench.run(2 * HOUR)

    assert bench.asked("05060001") == 2
    assert bench.poller.quarantined() == ()


def test_freeze_dated_by_us_says_so(bench: Bench) -> None:
    bench.profile = UNDATED
    bench.start("a")
    bench.run(5 * MINUTE)

    found = [one for one in bench.readings if one.quality is Quality.SUBSTITUTED]
    assert [datetime.fromtimestamp(one.measured_at_ms / 1000, CHINA).strftime("%m-%d %H:%M") for one in found] == [
        "08-01 00:00", "09-01 00:00", "10-01 00:00", "11-01 00:00",
    ]  # fmt: skip
    bench.run(DAY)
    assert bench.asked("00010001") == 1


# --- events ------------------------------------------------------------------------------------------------------------


def test_first_count_is_where_we_begin_and_later_events_are_told(bench: Bench) -> None:
    bench.start("a")
    bench.run(5 * MINUTE)
    assert bench.codes() == []
    bench.meters["000000000001"].count = 7
    bench.run(2 * HOUR)

    assert bench.codes() == ["meter.meter_cover_open"] * 2
    last = bench.events[-1]
    assert (last.device, last.severity) == ("a", "error")
    assert last.at_ms == round(datetime(2023, 11, 2, tzinfo=CHINA).timestamp() * 1000)
    assert last.data == {"count": 7, "begin": "2023-11-02 00:00:00", "end": "2023-11-03 00:00:00", "operator": "12345678", "missed": 0}


def test_events_are_told_once_also_over_a_restart(bench: Bench) -> None:
    bench.start("a")
    bench.run(5 * MINUTE)
    bench.meters["000000000001"].count = 6
    bench.run(2 * HOUR)
    bench.restart()
    bench.run(2 * HOUR)

    assert len(bench.events) == 1


def test_event_storage_refused_is_told_later(bench: Bench) -> None:
    bench.start("a")
    bench.run(5 * MINUTE)
    bench.meters["000000000001"].count, bench.full = 6, True
    bench.run(2 * HOUR)
    bench.full = False
    bench.run(2 * HOUR)

    assert [event.data["count"] for event in bench.events if event.code.startswith("meter.")] == [6]


def test_records_that_have_been_overwritten_are_counted(bench: Bench) -> None:
    bench.start("a")
    bench.run(5 * MINUTE)
    bench.meters["000000000001"].count = 20
    bench.run(2 * HOUR)

    assert [event.data["missed"] for event in bench.events] == [5, 0, 0, 0, 0, 0, 0, 0, 0, 0]


def test_count_that_falls_is_a_new_beginning(bench: Bench) -> None:
    bench.start("a")
    bench.run(5 * MINUTE)
    for count in (0, 1):
        bench.meters["000000000001"].count = count
        bench.run(2 * HOUR)

    assert [event.data["count"] for event in bench.events] == [1]


def test_another_meter_in_its_place_begins_anew(bench: Bench) -> None:
    bench.start("a")
    bench.run(5 * MINUTE)
    bench.devices = [bench.device("a", 9, {})]
    bench.meters["000000000009"].count = 50
    bench.restart()
    bench.run(2 * HOUR)

    assert bench.events == []
    assert len(bench.frozen()) == 8


def test_log_the_meter_lacks_is_asked_for_once_a_day(bench: Bench) -> None:
    bench.start("a")
    bench.meters["000000000001"].extra["03300E00"] = None
    bench.run(DAY - HOUR)

    assert bench.asked("03300E00") == 1


# --- clocks ------------------------------------------------------------------------------------------------------------


def test_offset_is_published(bench: Bench) -> None:
    bench.start("a")
    bench.meters["000000000001"].offset_s = -7
    bench.run(13 * HOUR)

    assert bench.offsets()[:2] == pytest.approx([-7, -7], abs=1)  # clocks show whole seconds
    assert bench.broadcasts == []


def test_drift_is_mended_by_one_broadcast_a_day(bench: Bench) -> None:
    bench.start("a")
    meter = bench.meters["000000000001"]
    meter.offset_s = 20
    bench.run(9 * MINUTE)
    assert bench.broadcasts == []
    bench.run(4 * MINUTE)

    assert len(bench.broadcasts) == 1
    at, data = bench.broadcasts[0]
    assert abs((datetime.strptime(data.hex(), "%S%M%H%d%m%y") - at).total_seconds()) <= 1.0
    assert bench.offsets() == pytest.approx([20, 0], abs=1)
    meter.offset_s = -30
    bench.run(14 * HOUR)
    assert len(bench.broadcasts) == 1
    bench.run(8 * HOUR)
    assert len(bench.broadcasts) == 2
    assert bench.broadcasts[1][0].strftime("%d %H:%M") >= "16 00:10"


def test_the_broadcast_of_the_capture(bench: Bench) -> None:
    frame = bytes.fromhex("68 99 99 99 99 99 99 68 08 06 84 55 43 38 39 4A 4B 16")  # fieldbus.md 1.9 no. 14

    assert dlt645.broadcast_time_request(datetime(2017, 6, 5, 10, 22, 51)).to_bytes(0) == frame


def test_restart_does_not_broadcast_again_the_same_day(bench: Bench) -> None:
    bench.start("a")
    bench.meters["000000000001"].offset_s = 20
    bench.run(15 * MINUTE)
    bench.meters["000000000001"].offset_s = 20
    bench.restart()
    bench.run(HOUR)

    assert len(bench.broadcasts) == 1


def test_no_broadcast_around_midnight(bench: Bench) -> None:
    bench.start("a")
    bench.until(23, 45)
    bench.restart()
    bench.meters["000000000001"].offset_s = 20
    bench.run(24 * MINUTE)
    assert bench.broadcasts == []
    bench.run(5 * MINUTE)

    assert [at.strftime("%H") for at, _ in bench.broadcasts] == ["00"]


def test_clock_beyond_a_broadcast_is_told_once_and_again_when_it_is_right(bench: Bench) -> None:
    bench.start("a")
    bench.meters["000000000001"].offset_s = 900
    bench.run(13 * HOUR)
    bench.restart()
    bench.run(7 * HOUR)
    assert bench.codes() == ["meter.clock_off"]
    assert bench.broadcasts == []
    bench.meters["000000000001"].offset_s = 0
    bench.run(7 * HOUR)

    assert bench.codes() == ["meter.clock_off", "meter.clock_right"]
    assert bench.events[0].data == {"offset_s": pytest.approx(900, abs=1)}


# --- beside everything else --------------------------------------------------------------------------------------------


def test_nothing_is_looked_at_while_the_clock_is_not_trusted(bench: Bench) -> None:
    bench.clock.is_trusted = False
    bench.start("a")
    bench.run(HOUR)
    assert bench.asked("05060001") + bench.asked("03300E00") + bench.asked("04000102") == 0
    bench.clock.is_trusted = True
    bench.run(10 * MINUTE)

    assert bench.frozen()
    assert bench.offsets()


def test_dead_meter_is_left_alone_and_caught_up_when_it_answers(bench: Bench) -> None:
    bench.start("a", "b")
    bench.dead = {"000000000001"}
    bench.run(HOUR)
    asked = sum(Frame.from_bytes(request).address == "000000000001" for _, request in bench.port.sent)
    assert asked <= 12
    assert [one.series.device for one in bench.readings if one.series.quantity == "clock_offset"] == ["b"]
    bench.dead.clear()
    bench.run(2 * HOUR)

    assert {one.series.device for one in bench.readings if one.series.quantity == "clock_offset"} == {"a", "b"}


@pytest.mark.parametrize(("group", "di"), [("freeze", "05060001"), ("events", "03300E00"), ("clock", "04000102")])
def test_zero_turns_a_group_off_and_a_number_is_its_period(bench: Bench, group: str, di: str) -> None:
    bench.start("a", **{group: 0})
    bench.run(2 * HOUR)
    assert bench.asked(di) == 0
    bench.start("a", **{group: 600})
    bench.run(2 * HOUR)

    assert bench.asked(di) >= 12


def test_control_waits_for_no_more_than_one_exchange_of_a_look(bench: Bench) -> None:
    bench.start("a")
    while bench.asked("05060001") == 0:
        bench.poller.turn()
    asked = dlt645.read_request(dlt645.Version.V2007, "000000000001", "00010000")
    future: Future[Any] = Future()

    def control() -> Procedure[Any]:
        return (yield Ask(Transaction(asked.to_bytes(), dlt645.Decoder(), lambda reply: dlt645.matches(dlt645.Version.V2007, asked, reply))))

    bench.poller.run("a", control, Priority.CONTROL, future)
    bench.poller.turn()

    assert future.done()


def test_looks_of_many_meters_are_spread(bench: Bench) -> None:
    bench.start(*(f"m{n}" for n in range(20)))
    bench.run(5 * MINUTE)
    assert 8 <= len(bench.offsets()) <= 12
    bench.run(6 * MINUTE)

    assert len(bench.offsets()) == 20


def test_device_taken_away_during_its_look_is_forgotten(bench: Bench) -> None:
    bench.start("a", "b")
    while bench.asked("05060001") == 0:
        bench.poller.turn()
    bench.poller.reconfigure(Line(id="line-1", port={"kind": "serial", "path": "/dev/null"}, baud=2400, devices=(bench.devices[1],)))  # type: ignore[arg-type]
    bench.run(HOUR)

    assert {one.series.device for one in bench.readings if one.series.quantity == "clock_offset"} == {"b"}

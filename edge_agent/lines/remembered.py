"""What devices remember by themselves, brought out between polls: freezes, event logs, clocks. One look at a time, each in its priority class.

What was seen last is marked after it is stored: a crash between the two repeats readings (harmless) or an event (its number shows it), and loses
nothing. A meter never seen before gives its newest freezes, at most four, and no events: its counts are where we begin.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any

from edge_agent.drivers.asking import UNHEARD
from edge_agent.drivers.clock import read_clock, set_by_broadcast
from edge_agent.drivers.events import LoggedEvent, read_events
from edge_agent.drivers.freezes import Freeze, Frozen, first_place, read_freezes
from edge_agent.drivers.plan import RETRY_REFUSED_S
from edge_agent.drivers.procedure import Procedure
from edge_agent.drivers.stamps import period_end
from edge_agent.lines.clock import Clock
from edge_agent.lines.looks import FIRST_SPREAD_S, PRIORITIES, Look, done, looks_of
from edge_agent.lines.marks import Marks
from edge_agent.lines.outlet import Outlet
from edge_agent.lines.polled import Polled
from edge_agent.lines.schedule import Priority
from edge_agent.lines.site_time import SiteTime
from edge_agent.lines.time_sync import TimeSync
from protocol.errors import CampusError, DeviceRefused, LineError, PayloadError, StorageError
from protocol.meter_events import METER_EVENTS
from protocol.profile import Profile2007
from protocol.profile_logs import EventLog2007
from protocol.reading import Quality, Reading, SeriesKey
from protocol.wire import dlt645

log = logging.getLogger(__name__)
FIRST_FREEZES = 4  # of a meter never seen before: the newest and three back
MOST_FREEZES = 62  # caught up at once; with one a day two months of absence
RETRY_S = 300.0  # after silence, or while the clock is not trusted
BAD_DATA_S = 3600.0
BROADCAST_REST_S = 0.5
AFTER_BROADCAST_S = 60.0
CHECK_S = 60.0  # how often a broadcast that must wait is considered
Run = Callable[[str, Callable[[], Procedure[Any]], Priority, Future[Any]], None]
Broadcast = Callable[[Callable[[], bytes], float, Priority, Future[Any]], None]
NewEvents = Sequence[tuple[EventLog2007, int, Sequence[LoggedEvent]]]
_TOLERANCE = {"hour": timedelta(minutes=10), "day": timedelta(hours=1), "month": timedelta(hours=1)}


class Remembered:
    """The looks of one line. Used from the line's thread; `run` and `broadcast` queue on its poller."""

    def __init__(self, line_id: str, outlet: Outlet, clock: Clock, marks: Marks, run: Run, broadcast: Broadcast) -> None:
        self._outlet, self._clock, self._marks, self._run, self._broadcast = outlet, clock, marks, run, broadcast
        self._time = SiteTime(clock)
        self._sync = TimeSync(line_id, outlet, marks, clock.monotonic())
        self._devices: Mapping[str, Polled] = {}
        self._looks: list[Look] = []
        self._under_way: tuple[Look | None, Future[Any]] | None = None
        self._check_at = 0.0

    def configure(self, devices: Mapping[str, Polled], time: SiteTime) -> None:
        """Look at these devices from now on; looks that stay keep their time."""
        now = self._clock.monotonic()
        before = {(look.device, look.kind, look.freeze, look.period_s): look for look in self._looks if self._is_same(devices, look.device)}
        wanted = [
            look
            for position, (name, one) in enumerate(devices.items())
            for look in looks_of(name, one.driver.profile, one.device.poll_s, position / len(devices), now)
        ]
        self._looks = [before.get((look.device, look.kind, look.freeze, look.period_s), look) for look in wanted]
        self._devices, self._time = devices, time
        self._sync.keep(frozenset(devices))

    def turn(self, now: float, dead: Callable[[], Sequence[str]]) -> None:
        """Take in what has come, and begin the next thing that is due. `dead`: devices that do not answer."""
        if self._under_way is not None and self._under_way[1].done():
            (look, future), self._under_way = self._under_way, None
            if look is not None:
                self._take(look, future)
        if self._under_way is None and self._sync.waiting and self._check_at <= now:
            self._check_at = now + CHECK_S
            self._correct(now)
        if self._under_way is None and self.next_at() <= now:
            self._begin(min(self._looks, key=lambda look: look.due), now, dead())

    def next_at(self) -> float:
        """When (monotonic) there is something to do; infinite while a look is under way, because its end is noticed anyway."""
        if self._under_way is not None:
            return float("inf")
        looks_at = min((look.due for look in self._looks), default=float("inf"))
        return min(looks_at, self._check_at) if self._sync.waiting else looks_at

    # --- looking -------------------------------------------------------------------------------------------------------

    def _begin(self, look: Look, now: float, dead: Sequence[str]) -> None:
        if look.device in dead or not self._clock.trusted():
            look.due = now + RETRY_S
            return
        future: Future[Any] = Future()
        self._under_way = look, future
        self._run(look.device, lambda: self._procedure(look), PRIORITIES[look.kind], future)

    def _procedure(self, look: Look) -> Procedure[Any]:
        polled = self._devices[look.device]
        profile, device = polled.driver.profile, polled.device
        if look.freeze is not None:
            last = self._marks.get(_meter(polled), _freeze_mark(look.freeze))
            most = FIRST_FREEZES if last is None else MOST_FREEZES
            return read_freezes(
                profile,
                device,
                look.freeze,
                lambda at: last is not None and self._time.ms(at) <= last,
                most,
                self._time.now(),
                polled.memory,
                self._clock.monotonic(),
            )
        if look.kind == "clock":
            return read_clock(profile, device, self._time.now)
        return self._logs(polled)

    def _logs(self, polled: Polled) -> Procedure[NewEvents]:
        """Count and new records of each log; a log the meter refuses is asked for again a day later, one it garbles with the next look."""
        profile = polled.driver.profile
        found: list[tuple[EventLog2007, int, Sequence[LoggedEvent]]] = []
        if not isinstance(profile, Profile2007):
            return found
        for kind in profile.events:
            key, now = (kind.count,), self._clock.monotonic()
            if not polled.memory.has(key, now):
                continue
            try:
                count, records = yield from read_events(profile, polled.device, kind, self._marks.get(_meter(polled), _log_mark(kind)))
            except DeviceRefused as error:
                if not error.retryable:
                    polled.memory.refused[key] = now + RETRY_REFUSED_S
                continue
            except PayloadError as error:
                log.warning("event log skipped device=%s event=%s error=%s", polled.device.id, kind.event, error)
                continue
            found.append((kind, count, records))
        return found

    def _correct(self, now: float) -> None:
        """Broadcast the time if it is the moment for it, and look at the clocks it was for soon after."""
        try:
            if not self._clock.trusted() or not self._sync.due(now, self._time.now()):
                return
            meant = self._sync.begin(self._time.now())
        except StorageError as error:
            log.error("no broadcast of the time, because it could not be noted error=%s", error)
            return
        for look in self._looks:
            if look.kind == "clock" and look.device in meant:
                look.due = now + AFTER_BROADCAST_S
        future: Future[Any] = Future()
        self._under_way = None, future
        self._broadcast(lambda: dlt645.broadcast_time_request(self._next_second()).to_bytes(), BROADCAST_REST_S, Priority.TIME_SYNC, future)

    def _next_second(self) -> datetime:
        """The time when the frame will have arrived, to the nearest second."""
        return self._time.now() + timedelta(seconds=0.6)

    # --- what came of it -----------------------------------------------------------------------------------------------

    def _take(self, look: Look, future: Future[Any]) -> None:
        polled, error, missing = self._devices.get(look.device), future.exception(0), False
        if polled is None:
            return  # taken off the plan meanwhile
        if error is None:
            try:
                missing = self._keep(look, polled, future.result(0))
            except StorageError as refused:
                error = refused
        now = self._clock.monotonic()
        done(look, now, self._time.now(), missing)
        if error is not None:
            look.due = min(look.due, now + _retry_s(error)) if not isinstance(error, DeviceRefused) else now + _retry_s(error)
        self._note(look, error)

    def _keep(self, look: Look, polled: Polled, result: Any) -> bool:
        """Store and mark; True when a freeze is not there that should be."""
        if look.freeze is not None:
            return self._keep_freezes(look.freeze, polled, result)
        if look.kind == "clock":
            self._outlet.add([Reading(SeriesKey(look.device, "clock_offset"), self._clock.wall_ms(), result, Quality.GOOD)])
            self._sync.noted(look.device, _meter(polled), result, set_by_broadcast(polled.driver.profile))
        else:
            for kind, count, records in result:
                self._keep_events(polled, kind, count, records)
        return False

    def _keep_freezes(self, freeze: Freeze, polled: Polled, found: Sequence[Frozen]) -> bool:
        readings = [
            Reading(SeriesKey(polled.device.id, quantity), self._time.ms(one.at), value, Quality.SUBSTITUTED if one.dated_by_us else Quality.GOOD)
            for one in reversed(found)
            for quantity, value in one.values
        ]
        meter, mark = _meter(polled), _freeze_mark(freeze)
        if found and self._outlet.store(readings):
            self._marks.put(meter, mark, self._time.ms(found[0].at))
        expected = period_end(self._time.now(), freeze.period) - _TOLERANCE[freeze.period]
        return (self._marks.get(meter, mark) or 0) < self._time.ms(expected)

    def _keep_events(self, polled: Polled, kind: EventLog2007, count: int, records: Sequence[LoggedEvent]) -> None:
        meter, mark = _meter(polled), _log_mark(kind)
        last = self._marks.get(meter, mark)
        if last is not None and count < last:
            log.warning("event count fell device=%s event=%s from=%d to=%d", polled.device.id, kind.event, last, count)
        for record in records:
            missed = record.number - 1 - last if last is not None and record is records[0] else 0
            if not self._tell(polled.device.id, kind.event, record, missed):
                return
            self._marks.put(meter, mark, record.number)
        if count != last:
            self._marks.put(meter, mark, count)

    def _tell(self, device: str, code: str, record: LoggedEvent, missed: int) -> bool:
        known = METER_EVENTS[code]
        return self._outlet.tell(
            f"meter.{code}",
            known.severity,
            known.en,
            device,
            at_ms=None if record.begin is None else max(0, self._time.ms(record.begin)),
            count=record.number,
            begin=_text(record.begin),
            end=_text(record.end),
            operator=record.operator,
            missed=missed,
        )

    def _note(self, look: Look, error: BaseException | None) -> None:
        """Log a look's first failure and its recovery."""
        if (error is not None) != look.failing:
            look.failing = error is not None
            what = f"{look.freeze.period} freeze" if look.freeze is not None else look.kind
            log.info("%s device=%s what=%s error=%s", "look failed" if error else "look works again", look.device, what, error)

    def _is_same(self, devices: Mapping[str, Polled], name: str) -> bool:
        """Whether what is known of a device is still about it."""
        return name in self._devices and name in devices and self._devices[name].memory is devices[name].memory


def _retry_s(error: BaseException) -> float:
    """How long to leave the device alone after a failed look."""
    if isinstance(error, DeviceRefused):
        return RETRY_REFUSED_S if not error.retryable else RETRY_S
    if isinstance(error, (*UNHEARD, LineError, StorageError)) and not isinstance(error, PayloadError):
        return RETRY_S
    return BAD_DATA_S if isinstance(error, CampusError) else FIRST_SPREAD_S


def _meter(polled: Polled) -> str:
    """The meter itself: another one in its place has another address and begins anew."""
    return f"{polled.device.id} {polled.device.address}"


def _freeze_mark(freeze: Freeze) -> str:
    return f"freeze.{first_place(freeze)}"


def _log_mark(kind: EventLog2007) -> str:
    return f"event.{kind.event}.{kind.count.lower()}"


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat(" ")

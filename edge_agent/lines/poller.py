"""The work of one line, one exchange a turn: ask the schedule, speak through the driver, hand readings on. No thread of its own.

Size: polls, asks and procedures end in the same schedule, and a lost port touches all three.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from edge_agent.drivers import plan
from edge_agent.drivers.driver import refusal_lasts, target_silent
from edge_agent.drivers.plan import Request
from edge_agent.drivers.procedure import Ask, Pause, Procedure, Speed
from edge_agent.lines.asks import Asks
from edge_agent.lines.clock import Clock
from edge_agent.lines.exchange import Exchange, LineCounters, RawFrame, Transaction
from edge_agent.lines.line import Line
from edge_agent.lines.marks import Marks, MarksInMemory
from edge_agent.lines.outlet import Outlet
from edge_agent.lines.polled import Polled, polled_devices, telling
from edge_agent.lines.port import Port
from edge_agent.lines.remembered import Remembered
from edge_agent.lines.running import Paused, Running
from edge_agent.lines.schedule import Finished, Job, Outcome, Priority, Schedule, Wait
from edge_agent.lines.site_time import CHINA, SiteTime
from protocol.errors import CampusError, DeviceRefused, LineError, NoReply, NotFound, PortUnavailable, Refused, UnexpectedReply, WireError
from protocol.messages import DeviceHealth
from protocol.profile import AnyProfile
from protocol.reading import Quality, Reading, SeriesKey
from protocol.site_plan import Device
from protocol.site_plan import Line as LinePlan

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Broadcast:
    """Something every device hears and none answers. `rest_s`: idle bus behind it, for devices to act."""

    build: Callable[[], bytes]
    rest_s: float


Step = Request | Running | Broadcast
EVERYBODY = "*"  # where a broadcast is filed; no device id holds this character
MAX_PAUSED = 256  # procedures that wait for a time; further ones are refused


class Poller:
    """Everything one line worker does between two looks at its inbox. Used from one thread; counters may be read from others.

    `interrupted` tells whether the inbox holds something: it is asked at the last moment before a request is sent.
    """

    def __init__(
        self,
        line: LinePlan,
        profiles: Mapping[str, AnyProfile],
        outlet: Outlet,
        clock: Clock,
        port_for: Callable[[LinePlan], Port],
        stopping: Callable[[], bool] = lambda: False,
        interrupted: Callable[[], bool] = lambda: False,
        marks: Marks | None = None,
        zone: tzinfo = CHINA,
    ) -> None:
        self._profiles, self._outlet, self._clock, self._port_for = profiles, outlet, clock, port_for
        self._stopping, self._interrupted = stopping, interrupted
        self.counters = LineCounters()
        self.plan = line
        self.is_open = False
        self._failures, self._retry_at = 0, clock.monotonic()
        self._lost_at, self._told_lost = clock.monotonic(), False
        self._devices: dict[str, Polled] = {}
        self._refused: dict[str, Device] = {}
        self._asks, self._paused = Asks(), Paused()
        self._schedule: Schedule[Step] = Schedule(self._requests, clock.monotonic())
        self._port, self._line = self._connect()
        self._remembered = Remembered(line.id, outlet, clock, marks or MarksInMemory(), self.run, self.broadcast)
        self._zone = zone
        self._take_devices(line)

    def turn(self) -> float:
        """Make one exchange, or find nothing to do. Returns when (monotonic) the next turn is worth while; the past means at once."""
        now = self._clock.monotonic()
        if not self.is_open and not self._open(now):
            self._outlet.flush()
            return self._retry_at
        for running in self._paused.due(now):
            self._schedule.go_on(running.ticket, running.priority, running.device, running)
        self._remembered.turn(now, self._schedule.quarantined)
        job = self._schedule.next_job(now)
        if isinstance(job, Wait):
            self._outlet.flush()
            return min(job.until, self._paused.next_at(), self._remembered.next_at())
        try:
            self._set_speed(job.request.baud if isinstance(job.request, Running) else None)
            self._line.await_gap(self._gap_s(job))
            if self._interrupted():
                return now  # an order came while the bus rested: it may be more urgent, and this job is not lost
            self._execute(job)
        except PortUnavailable as error:
            self._schedule.finished(job, Outcome.NOT_SENT, self._clock.monotonic())
            self._port_lost(error)
        except CampusError as error:
            self._give_up(job, error)
            if job.ticket is None:
                raise
        except BaseException:
            self._give_up(job, LineError("the exchange was given up", line=self.plan.id))
            raise
        return now

    def reconfigure(self, line: LinePlan, zone: tzinfo | None = None) -> None:
        """Poll another plan from now on. The port is reopened only if it or its settings changed; unchanged devices keep what they learned."""
        old, self.plan = self.plan, line
        self._zone = zone or self._zone
        if _serial_settings(old) != _serial_settings(line):
            self._port.close()
            self.is_open, self._failures, self._retry_at, self._told_lost = False, 0, self._clock.monotonic(), False
            self._port, self._line = self._connect()
        self._take_devices(line)

    def read(self, device: str, quantities: frozenset[str] | None, priority: Priority, future: Future[list[Reading]]) -> None:
        """Queue an urgent read; the future gets the readings, or the error if there is none."""
        polled = self._find(device, future)
        if polled is None:
            return
        items = [item for item in polled.driver.profile.items if quantities is None or item.quantity in quantities]
        if quantities is not None and (unknown := quantities - {item.quantity for item in items}):
            future.set_exception(NotFound(f"profile {polled.driver.profile.profile} has no {', '.join(sorted(unknown))}", device=device))
            return
        requests = plan.plan(polled.driver.profile, polled.device, items, polled.memory, self._clock.monotonic())
        if not requests:
            future.set_exception(NotFound("the device refuses all of these values", device=device))
            return
        self._ask(device, requests, priority, future, retries=1)

    def run(self, device: str, make: Callable[[], Procedure[Any]], priority: Priority, future: Future[Any]) -> None:
        """Queue a procedure; the future gets its result. It is never repeated by itself."""
        if len(self._paused) >= MAX_PAUSED:
            future.set_exception(Refused(f"{MAX_PAUSED} procedures wait on this line already; try again later", device=device))
        elif self._find(device, future) is not None:
            running = Running(device, priority, make, future)
            running.ticket = self._ask(device, [running], priority, future, retries=0)

    def broadcast(self, build: Callable[[], bytes], rest_s: float, priority: Priority, future: Future[Any]) -> None:
        """Queue a broadcast; the future is done when its last bit has left."""
        self._ask(EVERYBODY, [Broadcast(build, rest_s)], priority, future, retries=0)

    def quarantined(self) -> tuple[str, ...]:
        """Devices that do not answer."""
        return self._schedule.quarantined()

    def device_healths(self) -> tuple[DeviceHealth, ...]:
        """The devices with most trouble and the slowest."""
        return telling(list(self._devices.values()))

    def raw_frames(self) -> list[RawFrame]:
        """The last bytes on the line."""
        return self._line.raw_frames()

    def close(self) -> None:
        """Hand out what is left, fail what waits, give the port back."""
        self._outlet.flush()
        self._schedule.drop_asks()
        self._asks.fail_all(Refused("the line is being stopped", stopped=True))
        self._port.close()
        self.is_open = False

    # --- one exchange --------------------------------------------------------------------------------------------------

    def _execute(self, job: Job[Step]) -> None:
        if isinstance(job.request, Broadcast):
            self._line.tell(job.request.build(), job.request.rest_s)
            self._finish(job, Outcome.OK)
            return
        polled = self._devices[job.device]
        if isinstance(job.request, Running):
            self._run_on(job, polled, job.request)
            return
        try:
            self._asks.note(job.ticket, self._read(polled, job.request))
        except DeviceRefused as error:
            self._refusal(job, polled, error)
        except WireError as error:
            self._finish(job, Outcome.GARBLED, error)
        except (NoReply, UnexpectedReply) as error:
            self._silence(job, polled, error)
        else:
            plan.answered(polled.memory, job.request)
            self._finish(job, Outcome.OK)

    def _run_on(self, job: Job[Step], polled: Polled, running: Running) -> None:
        """Take a procedure's next step on the line, and let it say what it wants then: at once, after a pause, or nothing more."""
        outcome = Outcome.OK
        if not running.begun:
            running.begin()
        elif isinstance(running.step, Pause):
            running.answer()
        if isinstance(running.step, Ask):
            outcome = self._ask_for(polled, running, running.step.transaction)
        while isinstance(running.step, Speed):
            self._change_speed(running, running.step.baud)
        self._tell_revived(job, self._schedule.finished(job, outcome, self._clock.monotonic(), [running] if isinstance(running.step, Ask) else ()))
        if isinstance(running.step, Pause):
            self._paused.add(self._clock.monotonic() + running.step.seconds, running)
        elif running.step is None:
            self._asks.resolve(running.ticket)
            self._set_speed(None)

    def _ask_for(self, polled: Polled, running: Running, transaction: Transaction[Any]) -> Outcome:
        try:
            reply = self._exchange(polled, transaction).reply
        except (NoReply, UnexpectedReply) as error:
            polled.delays.missed()
            running.fail(error)
            return Outcome.SILENT
        except WireError as error:
            running.fail(error)
            return Outcome.GARBLED
        running.answer(reply)
        return Outcome.OK

    def _change_speed(self, running: Running, baud: int) -> None:
        try:
            self._set_speed(baud)
        except Refused as error:
            running.fail(error)
        else:
            running.baud = baud
            running.answer()

    def _set_speed(self, baud: int | None) -> None:
        self._line.set_speed(baud, 0.0 if baud is None else self.plan.bits_per_byte / baud)

    def _read(self, polled: Polled, request: Request) -> list[Reading]:
        """All exchanges of one request (replies may come in several frames), decoded."""
        replies: list[Any] = []
        ended_ms = 0
        while (transaction := polled.driver.transaction(request, replies)) is not None:
            exchange = self._exchange(polled, transaction)
            replies.append(exchange.reply)
            ended_ms = exchange.ended_ms
        decoded = polled.driver.decode(request, replies)
        self._note_bad(polled, request, decoded.bad)
        quality = Quality.GOOD if self._clock.trusted() else Quality.CLOCK_UNSURE
        readings = [Reading(SeriesKey(request.device.id, quantity), ended_ms, value, quality) for quantity, value in decoded.values]
        self._outlet.add(readings)
        return readings

    def _exchange(self, polled: Polled, transaction: Transaction[Any]) -> Exchange[Any]:
        polled.tally.exchanges += 1
        try:
            exchange = self._line.exchange(transaction, polled.timing(), self._outlet.flush_if_due, polled.device.id)
        except CampusError as error:
            polled.tally.failed(error)
            raise
        if exchange.td_s is not None:
            polled.delays.answered(exchange.td_s)
        return exchange

    def _refusal(self, job: Job[Step], polled: Polled, error: DeviceRefused) -> None:
        if target_silent(error):
            self._silence(job, polled, error)
            return
        then: Sequence[Step] = ()
        if isinstance(job.request, Request) and refusal_lasts(error):
            then = plan.refused(polled.driver.profile, job.request, polled.memory, self._clock.monotonic())
            log.info("device refuses a read device=%s key=%s reason=%s", job.device, job.request.key, error.details.get("reason"))
        self._finish(job, Outcome.REFUSED, error, then)

    def _silence(self, job: Job[Step], polled: Polled, error: CampusError) -> None:
        polled.delays.missed()
        profile, now = polled.driver.profile, self._clock.monotonic()
        then: Sequence[Step] = ()
        if isinstance(job.request, Request) and not job.last_try:
            then = plan.silent(profile, job.request, polled.memory, now)
        finished = self._finish(job, Outcome.SILENT, error, then)
        if finished.died:
            plan.dead(polled.memory)
        if finished.mute and isinstance(job.request, Request):
            self._schedule.instead(job, plan.refused(profile, job.request, polled.memory, now))

    def _finish(self, job: Job[Step], outcome: Outcome, error: CampusError | None = None, then: Sequence[Step] = ()) -> Finished:
        finished = self._schedule.finished(job, outcome, self._clock.monotonic(), then)
        if finished.died:
            log.warning("device does not answer line=%s device=%s error=%s", self.plan.id, job.device, error)
            self._outlet.tell("device.silent", "warning", "device does not answer; it is asked again from time to time", job.device)
        self._tell_revived(job, finished)
        self._asks.note(job.ticket, (), error)
        if finished.over:
            self._asks.resolve(job.ticket)
        return finished

    def _tell_revived(self, job: Job[Step], finished: Finished) -> None:
        if finished.revived:
            log.info("device answers again line=%s device=%s", self.plan.id, job.device)
            self._outlet.tell("device.answering", "info", "device answers again", job.device)

    def _gap_s(self, job: Job[Step]) -> float:
        """The gap the device wants beyond the line's own."""
        return self._devices[job.device].timing().gap_s if job.device in self._devices else 0.0

    def _give_up(self, job: Job[Step], error: CampusError) -> None:
        """The job could not even be tried: it must not come again at once."""
        self._schedule.abandon(job)
        self._asks.fail([job.ticket], error)

    def _note_bad(self, polled: Polled, request: Request, bad: Sequence[str]) -> None:
        """Count values that could not be used; tell of each quantity once until it is good again."""
        polled.bad_values += len(bad)
        quantities = {message.partition(":")[0]: message for message in bad}
        for quantity in sorted(quantities.keys() - polled.bad):
            log.warning("value skipped device=%s %s", polled.device.id, quantities[quantity])
            self._outlet.tell("device.bad_value", "warning", f"value skipped: {quantities[quantity]}", polled.device.id, quantity=quantity)
        polled.bad -= {one.item.quantity for one in request.fields}
        polled.bad |= quantities.keys()

    # --- asks ----------------------------------------------------------------------------------------------------------

    def _find(self, device: str, future: Future[Any]) -> Polled | None:
        """The device of an ask, or None after failing its future."""
        polled = self._devices.get(device)
        if polled is None:
            future.set_exception(NotFound(f"line {self.plan.id} polls no device {device!r}", device=device, line=self.plan.id))
        elif not self.is_open and not self._open(self._clock.monotonic()):
            future.set_exception(PortUnavailable("the line's port is not available", line=self.plan.id))
            return None
        return polled

    def _ask(self, device: str, steps: Sequence[Step], priority: Priority, future: Future[Any], retries: int) -> int:
        ticket = self._asks.ticket()
        try:
            self._schedule.ask(ticket, priority, device, steps, retries)
        except Refused as error:
            future.set_exception(error)
        else:
            self._asks.add(ticket, future, steps[0] if isinstance(steps[0], Running) else None)
        return ticket

    # --- port and plan -------------------------------------------------------------------------------------------------

    def _connect(self) -> tuple[Port, Line]:
        """A port and a line for the plan in force; not opened yet."""
        port = self._port_for(self.plan)
        byte_s = self.plan.bits_per_byte / self.plan.baud
        return port, Line(port, self._clock, byte_s, self.plan.gap_ms / 1000, self.counters, self._stopping)

    def _open(self, now: float) -> bool:
        if now < self._retry_at:
            return False
        try:
            self._port.open()
        except PortUnavailable as error:
            self._port_lost(error)
            return False
        if self._told_lost:
            log.info("port works again line=%s after_failures=%d", self.plan.id, self._failures)
            self._outlet.tell("line.port_available", "info", "the line's port works again", failures=self._failures)
        self.is_open, self._failures, self._told_lost = True, 0, False
        return True

    def _port_lost(self, error: PortUnavailable) -> None:
        now = self._clock.monotonic()
        self.is_open = False
        self._retry_at = now + self._port.retry_s[min(self._failures, len(self._port.retry_s) - 1)]
        self._lost_at = now if self._failures == 0 else self._lost_at
        self._failures += 1
        self._asks.fail_all(error)
        self._paused = Paused()
        self._schedule.drop_asks()
        if not self._told_lost and now - self._lost_at >= self._port.patience_s:
            self._told_lost = True
            log.error("port unavailable line=%s error=%s", self.plan.id, error)
            self._outlet.tell("line.port_unavailable", "error", error.message)

    def _take_devices(self, line: LinePlan) -> None:
        before = self._devices
        refused_before, self._refused = self._refused, {}
        self._devices = polled_devices(line.devices, self._profiles, before, lambda device, error: self._refuse(device, error, refused_before))
        changed = frozenset(name for name, one in self._devices.items() if name in before and before[name].memory is not one.memory)
        periods = {name: one.periods() for name, one in self._devices.items()}
        lost = self._schedule.configure(periods, self._clock.monotonic(), changed)
        self._remembered.configure(self._devices, SiteTime(self._clock, self._zone))
        lost += self._paused.drop(lambda name: name not in self._devices or name in changed)
        self._asks.fail(lost, NotFound(f"the device was taken off line {line.id}"))

    def _refuse(self, device: Device, error: CampusError, before: Mapping[str, Device]) -> None:
        """A device that cannot be polled is told once, not at every reload; the others go on."""
        self._refused[device.id] = device
        if before.get(device.id) != device:
            log.error("device cannot be polled line=%s device=%s error=%s", self.plan.id, device.id, error)
            self._outlet.tell("device.misconfigured", "error", error.message, device.id, profile=device.profile)

    def _requests(self, device: str, groups: frozenset[str]) -> Sequence[Step]:
        polled = self._devices[device]
        return plan.plan(polled.driver.profile, polled.device, polled.items(groups), polled.memory, self._clock.monotonic())


def _serial_settings(line: LinePlan) -> LinePlan:
    """What a line is besides its devices."""
    return line.model_copy(update={"devices": ()})

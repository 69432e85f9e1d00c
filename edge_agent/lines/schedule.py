"""Who is asked next on a line. Pure: no thread, no clock; time is an argument.

Work comes in *sets*: the requests that read a device's due groups, or an urgent ask. Sets run one request at a time, so an urgent ask waits at
most for the exchange in progress; then the set it interrupted goes on. Among polls the device that has waited longest is next, which is round
robin when the line is full and never starves anybody.

A device that does not answer costs little: the rest of its set is skipped, it gets one retry behind all that wait, then it is quarantined
(1, 2, 5, 15, 60 min) and probed with one request, and no second dead device is probed before all living work that waited is done.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Generic, TypeVar

from protocol.errors import Refused

R = TypeVar("R")
BACKOFF_S = (60.0, 120.0, 300.0, 900.0, 3600.0)
MAX_ASKS = 64  # waiting per priority class; further ones are refused
Periods = Mapping[str, float]  # poll group -> seconds


class Priority(IntEnum):
    """Classes of work, most urgent first."""

    CONTROL = 0
    RECHARGE = 1
    ON_DEMAND = 2
    TIME_SYNC = 3
    FREEZE = 4
    POLL = 5


class Outcome(Enum):
    """How an exchange ended. REFUSED: the device answered with an error. GARBLED: something answered, damaged. NOT_SENT: the port failed."""

    OK = "ok"
    REFUSED = "refused"
    GARBLED = "garbled"
    SILENT = "silent"
    NOT_SENT = "not_sent"


@dataclass(frozen=True, slots=True)
class Job(Generic[R]):
    """One request to make now. `ticket`: the ask it belongs to, None for polls. `last_try`: no poll retry follows if this meets silence."""

    priority: Priority
    device: str
    request: R
    ticket: int | None = None
    last_try: bool = True


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until` (monotonic seconds, may be infinite)."""

    until: float


@dataclass(frozen=True, slots=True)
class Finished:
    """What the end of a job changed. `over`: its set is complete or given up; `mute`: a living device stayed silent to this request twice."""

    over: bool = False
    died: bool = False
    revived: bool = False
    mute: bool = False


@dataclass(slots=True)
class _Set(Generic[R]):
    """Requests of one device that belong together."""

    device: str
    requests: deque[R]
    priority: Priority = Priority.POLL
    ticket: int | None = None
    retries: int = 0
    retrying: bool = False
    answered: R | None = None  # proof that the device lives, from this pass
    garbled: bool = False  # the request in front has been repeated because of a damaged reply


@dataclass(slots=True)
class _Device(Generic[R]):
    """Poll state of one device."""

    periods: Periods
    phase: float  # 0..1 of a period behind the line's start, so that devices do not fall due together
    due: dict[str, float]
    position: int
    failures: int = 0  # 0 alive, 1 silent once, 2.. dead: index into BACKOFF_S + 2
    retry: _Set[R] | None = None
    proof: R | None = None  # answered last; tells a device mute to one request from a dead one
    wake_at: float = 0.0  # when the retry or the next probe is due

    @property
    def dead(self) -> bool:
        return self.failures >= 2

    def due_at(self) -> float:
        return self.wake_at if self.failures else min(self.due.values(), default=math.inf)


@dataclass(slots=True)
class Schedule(Generic[R]):
    """State of one line. `plan(device, groups)` gives the requests that read these groups; it may be empty."""

    plan: Callable[[str, frozenset[str]], Sequence[R]]
    started_at: float
    _devices: dict[str, _Device[R]] = field(default_factory=dict)
    _asks: dict[Priority, deque[_Set[R]]] = field(default_factory=lambda: {priority: deque() for priority in Priority})
    _poll: _Set[R] | None = None
    _probed_at: float = -math.inf

    def next_job(self, now: float) -> Job[R] | Wait:
        """The next request to make, or until when there is none. Asked again before `finished`, it names the same one or a more urgent."""
        for queue in self._asks.values():
            if queue:
                return _job(queue[0])
        while self._poll is None or not self._poll.requests:
            device = self._next_device(now)
            if device is None:
                return Wait(min((one.due_at() for one in self._devices.values()), default=math.inf))
            self._poll = self._begin(device, now)
        return _job(self._poll)

    def finished(self, job: Job[R], outcome: Outcome, now: float, then: Sequence[R] = ()) -> Finished:
        """Take a job's outcome. `then`: requests to make instead of this one, now (refused, or an ask that goes on) or at the retry (silent, when
        not `last_try`)."""
        if outcome is Outcome.NOT_SENT:
            return Finished(over=self._drop_ask(job))
        if job.ticket is not None:
            return self._ask_finished(job, outcome, now, then)
        current = self._poll
        if current is None or not current.requests or current.requests[0] is not job.request:
            return Finished(over=True)  # the device was taken off the plan meanwhile
        device = self._devices[job.device]
        if outcome is Outcome.GARBLED and not current.garbled:
            current.garbled = True
            return Finished()
        current.garbled = False
        current.requests.popleft()
        if outcome in (Outcome.OK, Outcome.REFUSED):
            current.requests.extendleft(reversed(then))
            if outcome is Outcome.OK:
                current.answered = device.proof = job.request
            return Finished(over=not current.requests, revived=self._alive(device, now))
        return self._silent(device, current, job.request, now, then)

    def instead(self, job: Job[R], requests: Sequence[R]) -> None:
        """Make these next in the poll set the finished job belonged to."""
        if self._poll is not None and self._poll.device == job.device:
            self._poll.requests.extendleft(reversed(requests))

    def abandon(self, job: Job[R]) -> None:
        """Drop a job that could not even be tried (a program error), so that it does not come again at once."""
        if job.ticket is not None:
            self._drop_ask(job)
        elif self._poll is not None and self._poll.requests and self._poll.requests[0] is job.request:
            self._poll.requests.popleft()

    def ask(self, ticket: int, priority: Priority, device: str, requests: Iterable[R], retries: int = 0) -> None:
        """Queue an urgent set; raise Refused when its class is full."""
        queue = self._asks[priority]
        if len(queue) >= MAX_ASKS:
            raise Refused(f"{MAX_ASKS} {priority.name.lower()} requests wait on this line already; try again later", device=device)
        queue.append(_Set(device, deque(requests), priority, ticket, retries))

    def go_on(self, ticket: int, priority: Priority, device: str, request: R) -> None:
        """Take an ask that has paused up again, before those of its class that have not begun."""
        self._asks[priority].appendleft(_Set(device, deque([request]), priority, ticket))

    def configure(self, devices: Mapping[str, Periods], now: float, changed: frozenset[str] = frozenset()) -> list[int]:
        """Poll exactly these devices, in this order. Unchanged ones keep their state; returns the tickets of asks that have lost their device."""
        old, new = self._devices, dict[str, _Device[R]]()
        for position, (name, periods) in enumerate(devices.items()):
            kept = old.get(name) if name not in changed else None
            if kept is None or kept.periods != periods:
                kept = _Device(periods, position / len(devices), dict.fromkeys(periods, now), position)
            kept.position = position
            new[name] = kept
        self._devices = new  # at once: other threads read it for the health report
        gone = changed | (old.keys() - self._devices.keys())
        if self._poll is not None and self._poll.device in gone:
            self._poll = None
        return self._drop_asks(gone)

    def quarantined(self) -> tuple[str, ...]:
        """Devices that are not answering, in plan order."""
        return tuple(name for name, device in self._devices.items() if device.dead)

    def drop_asks(self) -> list[int]:
        """Give up every ask (the port is gone) and return the tickets."""
        return self._drop_asks(None)

    # --- choosing ------------------------------------------------------------------------------------------------------

    def _next_device(self, now: float) -> str | None:
        """Who has waited longest; a dead device only when nobody alive still waits since the last probe."""
        waiting = [(one.due_at(), one.position, name) for name, one in self._devices.items() if not one.dead and one.due_at() <= now]
        first = min(waiting, default=None)
        if first is None or first[0] > self._probed_at:
            probes = [(one.wake_at, one.position, name) for name, one in self._devices.items() if one.dead and one.wake_at <= now]
            first = min([*probes, *([first] if first else [])], default=None)
        return first[2] if first else None

    def _begin(self, name: str, now: float) -> _Set[R]:
        """Take a device's due groups (or its retry) as the set to run. What was missed is skipped, not made up for."""
        device = self._devices[name]
        if device.retry is not None:
            retry, device.retry = device.retry, None
            return retry
        groups = frozenset(group for group, at in device.due.items() if at <= now)
        if device.dead:
            self._probed_at = now
            groups = groups or frozenset(device.due)
        for group in groups:
            device.due[group] = self._after(device, group, now)
        requests = deque(self.plan(name, groups))
        if device.dead:
            requests.rotate(-device.failures)  # one unreadable item must not keep a living meter in quarantine
            device.wake_at = now + BACKOFF_S[0]
        return _Set(name, requests, retrying=device.dead)

    def _after(self, device: _Device[R], group: str, now: float) -> float:
        """The next time of this group on its own grid; the second reading is not closer than half a period to the first."""
        period_s = device.periods[group]
        first = device.due[group] <= self.started_at or device.failures > 0
        origin = self.started_at + device.phase * period_s
        steps = math.floor((now + (period_s / 2 if first else 0) - origin) / period_s) + 1
        return origin + steps * period_s

    # --- outcomes ------------------------------------------------------------------------------------------------------

    def _alive(self, device: _Device[R], now: float) -> bool:
        """Note an answer; True if the device was dead. When a whole line had been dead, the others are probed again soon."""
        was_dead, device.failures = device.dead, 0
        if was_dead and all(one.dead for one in self._devices.values() if one is not device):
            for one in self._devices.values():
                one.wake_at = min(one.wake_at, now)
        return was_dead

    def _silent(self, device: _Device[R], current: _Set[R], request: R, now: float, then: Sequence[R]) -> Finished:
        if current.retrying and current.answered is not None:
            return Finished(mute=True, over=not current.requests)
        self._poll = None
        if device.failures == 0:
            known = current.answered if current.answered is not None else device.proof
            proof = [known] if known is not None and known != request else []
            device.failures, device.wake_at = 1, now
            device.retry = _Set(current.device, deque([*proof, *(then or [request]), *current.requests]), retrying=True)
            return Finished(over=True)
        device.failures += 1
        step = min(device.failures - 2, len(BACKOFF_S) - 1)
        if all(one.dead for one in self._devices.values()):
            step = 0  # perhaps the cable: a line where nobody answers is probed every minute
        device.wake_at = now + BACKOFF_S[step]
        return Finished(over=True, died=device.failures == 2)

    def _ask_finished(self, job: Job[R], outcome: Outcome, now: float, then: Sequence[R]) -> Finished:
        queue = self._asks[job.priority]
        if not queue or queue[0].ticket != job.ticket:
            return Finished(over=True)
        current = queue[0]
        if then or outcome in (Outcome.OK, Outcome.REFUSED):
            current.requests.popleft()
            current.requests.extendleft(reversed(then))
        elif current.retries > 0:
            current.retries -= 1
        else:
            current.requests.clear()
        if over := not current.requests:
            queue.popleft()
        known = self._devices.get(job.device)
        revived = known is not None and outcome in (Outcome.OK, Outcome.REFUSED) and known.dead and self._alive(known, now)
        return Finished(over=over, revived=revived)

    def _drop_ask(self, job: Job[R]) -> bool:
        queue = self._asks[job.priority]
        if job.ticket is not None and queue and queue[0].ticket == job.ticket:
            queue.popleft()
        return job.ticket is not None

    def _drop_asks(self, devices: Iterable[str] | None) -> list[int]:
        """Remove the asks of these devices (None: all)."""
        gone = None if devices is None else frozenset(devices)
        dropped = []
        for queue in self._asks.values():
            lost = [one for one in queue if gone is None or one.device in gone]
            for one in lost:
                queue.remove(one)
                dropped.append(one.ticket)
        return [ticket for ticket in dropped if ticket is not None]


def _job(current: _Set[R]) -> Job[R]:
    return Job(current.priority, current.device, current.requests[0], current.ticket, current.retrying or current.ticket is not None)

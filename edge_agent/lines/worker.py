"""The thread that owns one line: it takes orders between two exchanges and lets the poller work the rest of the time."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import tzinfo
from typing import Any, Literal

from edge_agent.drivers.procedure import Procedure, R
from edge_agent.lines.clock import Clock
from edge_agent.lines.exchange import RawFrame
from edge_agent.lines.marks import Marks
from edge_agent.lines.outlet import Outlet
from edge_agent.lines.poller import Poller
from edge_agent.lines.port import Port, make_port
from edge_agent.lines.schedule import Priority
from edge_agent.lines.site_time import CHINA
from protocol.errors import LineError, Refused
from protocol.messages import Event, LineHealth
from protocol.profile import AnyProfile
from protocol.reading import Reading
from protocol.site_plan import Line

log = logging.getLogger(__name__)
MAX_ORDERS = 256  # waiting for the thread; further ones are refused
LONGEST_SLEEP_S = 1.0  # so that `last_progress` moves while there is nothing to do
AFTER_ERROR_S = 1.0


class LineWorker:
    """Polls one line of a gateway and answers urgent reads.

    `publish` takes the readings of one or several exchanges and commits them; `emit` takes events. Both are called from the worker's thread.
    `marks`: what was seen last of what devices remember, None = begin anew; `zone`: the site's time.
    """

    def __init__(
        self,
        line: Line,
        profiles: Mapping[str, AnyProfile],
        publish: Callable[[Sequence[Reading]], None],
        emit: Callable[[Event], None],
        clock: Clock,
        port_for: Callable[[Line], Port] = make_port,
        marks: Marks | None = None,
        zone: tzinfo = CHINA,
    ) -> None:
        self._clock = clock
        self._stop = threading.Event()
        self._orders: deque[tuple[Callable[[], None], Future[Any] | None]] = deque()
        self._changed = threading.Condition()
        self._outlet = Outlet(line.id, publish, emit, clock)
        self._poller = Poller(line, profiles, self._outlet, clock, port_for, self._stop.is_set, lambda: bool(self._orders), marks, zone)
        self._thread = threading.Thread(target=self._run, name=f"line-{line.id}", daemon=True)
        self._started_at = self._progress = clock.monotonic()
        self.internal_errors = 0

    def start(self) -> None:
        """Start polling."""
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Stop after the wait in progress, publish what is left, close the port; raise LineError if the thread does not end in time."""
        self._stop.set()
        with self._changed:
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise LineError(f"line thread {self._thread.name} did not end within {timeout_s} s", line=self._poller.plan.id)

    def reload(self, line: Line, zone: tzinfo | None = None) -> None:
        """Poll this plan from the next exchange on (in another time zone, if one is given). What did not change keeps its state."""
        self._order(lambda: self._poller.reconfigure(line, zone), None)

    def read_now(self, device: str, quantities: Iterable[str] | None = None, priority: Priority = Priority.ON_DEMAND) -> Future[list[Reading]]:
        """Read a device as soon as the exchange in progress is over; None means all it has. Readings are published as well.

        The future fails with NotFound, NoReply, DeviceRefused, PortUnavailable, or Refused when too much waits.
        """
        wanted = None if quantities is None else frozenset(quantities)
        future: Future[list[Reading]] = _promise()
        self._order(lambda: self._poller.read(device, wanted, priority, future), future)
        return future

    def run(self, device: str, make: Callable[[], Procedure[R]], priority: Priority = Priority.CONTROL) -> Future[R]:
        """Carry a procedure out, once, never repeated by itself; others are served at its pauses. `make` builds it when its turn comes.

        The future gets the result or what it raises; PortUnavailable or Refused when the line is lost or stops on the way. Two procedures on one
        device take turns at their pauses: whoever must not be overtaken waits for the first.
        """
        future: Future[R] = _promise()
        self._order(lambda: self._poller.run(device, make, priority, future), future)
        return future

    def broadcast(self, build: Callable[[], bytes], rest_s: float = 0.1, priority: Priority = Priority.TIME_SYNC) -> Future[list[Any]]:
        """Send one frame to everybody (time, freeze); `build` runs just before sending. The future gets an empty list once it has left."""
        future: Future[list[Any]] = _promise()
        self._order(lambda: self._poller.broadcast(build, rest_s, priority, future), future)
        return future

    def health(self) -> LineHealth:
        """Counters and state now."""
        counters, plan = self._poller.counters, self._poller.plan
        lived_s = max(1e-3, self._clock.monotonic() - self._started_at)
        return LineHealth(
            id=plan.id,
            state=self._state(),
            exchanges=counters.exchanges,
            timeouts=counters.timeouts,
            checksum_errors=counters.checksum_errors,
            noise_bytes=counters.noise_bytes,
            useful_bytes=counters.useful_bytes,
            busy_ms=round(counters.busy_s * 1000),
            utilisation_permille=round(1000 * counters.useful_bytes * plan.bits_per_byte / plan.baud / lived_s),
            quarantined=self._poller.quarantined(),
            devices=self._poller.device_healths() or None,
        )

    def efficiency_permille(self) -> int:
        """Scheduler efficiency E: (wire + measured Td + gap of the good exchanges) / busy time."""
        counters = self._poller.counters
        return round(1000 * counters.ideal_s / counters.busy_s) if counters.busy_s else 0

    def last_progress(self) -> float:
        """Monotonic time at which the thread was last seen alive; it moves while waiting too, and stands when the thread is stuck."""
        return self._progress

    def raw_frames(self) -> list[RawFrame]:
        """The last bytes on the line, oldest first."""
        return self._poller.raw_frames()

    @property
    def lost_readings(self) -> int:
        """Readings storage refused."""
        return self._outlet.lost_readings

    # --- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._progress = self._clock.monotonic()
                self._wait(self._work())
        finally:
            self._poller.close()
            self._refuse_orders()

    def _work(self) -> float:
        """Take orders, make one exchange; returns when to go on. The top of the thread: nothing that goes wrong here may end it."""
        try:
            self._take_orders()
            return self._poller.turn()
        except LineError as error:
            if not self._stop.is_set():
                log.error("line failed line=%s error=%s", self._poller.plan.id, error)
        except Exception:
            self.internal_errors += 1
            log.exception("program error on line=%s count=%d; polling goes on", self._poller.plan.id, self.internal_errors)
            if self.internal_errors == 1:
                self._outlet.tell("line.internal_error", "error", "the program failed in an exchange; see the log")
        return self._clock.monotonic() + AFTER_ERROR_S

    def _take_orders(self) -> None:
        while self._orders:
            order, _ = self._orders.popleft()
            order()

    def _wait(self, until: float) -> None:
        """Sleep until then, at most a while; an order or the stop wakes."""
        left = min(until - self._clock.monotonic(), LONGEST_SLEEP_S)
        if left > 0:
            with self._changed:
                if not self._orders and not self._stop.is_set():
                    self._changed.wait(left)

    def _order(self, order: Callable[[], None], future: Future[Any] | None) -> None:
        with self._changed:
            if self._stop.is_set() or len(self._orders) >= MAX_ORDERS:
                error = Refused("the line is stopped" if self._stop.is_set() else f"{MAX_ORDERS} orders wait on this line already")
                if future is None:
                    raise error
                future.set_exception(error)
                return
            self._orders.append((order, future))
            self._changed.notify()

    def _refuse_orders(self) -> None:
        while self._orders:
            _, future = self._orders.popleft()
            if future is not None and not future.done():
                future.set_exception(Refused("the line is stopped"))

    def _state(self) -> Literal["open", "unavailable", "stopped"]:
        if self._stop.is_set() or not self._thread.is_alive():
            return "stopped"
        return "open" if self._poller.is_open else "unavailable"


def _promise() -> Future[Any]:
    """A future that cannot be cancelled: what is asked of a line is either done or answered with an error."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future

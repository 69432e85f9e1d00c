"""The running lines of this box."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import tzinfo

from edge_agent.desired import changes
from edge_agent.lines.site_time import CHINA
from edge_agent.lines.worker import LineWorker
from edge_agent.watchdog import Progress
from protocol.errors import LineError, NotFound
from protocol.messages import LineHealth, LineStatus
from protocol.site_plan import Device, Line

_LOG = logging.getLogger(__name__)
STALLED_AFTER_S = 60.0  # the longest exchange (300 baud, long frame) takes about 10 s
_STOP_S = 2.0


class LineSet:
    """Line workers by id. `apply` and `stop` belong to one thread; the others may be called from any."""

    def __init__(self, make: Callable[[Line, tzinfo], LineWorker]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._plans: tuple[Line, ...] = ()
        self._zone: tzinfo = CHINA
        self._workers: dict[str, LineWorker] = {}

    def apply(self, plans: Sequence[Line], zone: tzinfo = CHINA) -> None:
        """Run these lines from now on, by the site's time; lines that did not change are not touched."""
        change = changes(self._plans, plans)
        self._stop(change.stop)
        moved, self._zone = zone != self._zone, zone
        for plan in change.reload if not moved else [plan for plan in plans if plan.id in self._workers]:
            self._workers[plan.id].reload(plan, zone)
        started = {plan.id: self._make(plan, zone) for plan in change.start}
        for worker in started.values():
            worker.start()
        with self._lock:
            self._workers |= started
            self._plans = tuple(plans)
        _LOG.info("lines: %d started, %d changed, %d stopped, %d in all", len(change.start), len(change.reload), len(change.stop), len(plans))

    def stop(self) -> None:
        """Stop all lines, side by side."""
        self._stop(tuple(self._workers))
        with self._lock:
            self._plans = ()

    def worker(self, line_id: str) -> LineWorker:
        """The worker of a line; raises NotFound."""
        with self._lock:
            if line_id not in self._workers:
                raise NotFound(f"there is no line {line_id!r} on this gateway", line=line_id)
            return self._workers[line_id]

    def device(self, device_id: str) -> tuple[LineWorker, Device]:
        """A device of the plan in force and the worker of its line; raises NotFound."""
        with self._lock:
            for plan in self._plans:
                for device in plan.devices:
                    if device.id == device_id and plan.id in self._workers:
                        return self._workers[plan.id], device
        raise NotFound(f"no line of this gateway has a device {device_id!r}", device=device_id)

    @property
    def zone(self) -> tzinfo:
        """The site's time zone."""
        return self._zone

    def statuses(self) -> tuple[LineStatus, ...]:
        """The lines as the birth message tells them."""
        with self._lock:
            return tuple(LineStatus(id=plan.id, devices=len(plan.devices)) for plan in self._plans)

    def healths(self) -> tuple[LineHealth, ...]:
        """Counters of each line."""
        with self._lock:
            workers = list(self._workers.values())
        return tuple(worker.health() for worker in workers)

    def progress(self) -> Progress:
        """When each line's thread was last seen alive."""
        with self._lock:
            return {f"line {line_id}": (worker.last_progress(), STALLED_AFTER_S) for line_id, worker in self._workers.items()}

    def _stop(self, line_ids: Sequence[str]) -> None:
        with self._lock:
            leaving = [self._workers.pop(line_id) for line_id in line_ids]
        if leaving:
            with ThreadPoolExecutor(len(leaving), thread_name_prefix="stop-line") as pool:
                list(pool.map(_stop_one, leaving))


def _stop_one(worker: LineWorker) -> None:
    try:
        worker.stop(_STOP_S)
    except LineError as error:
        _LOG.error("%s; it is left behind", error)

"""Where a line's readings leave it: gathered for at most a second, published together, because publishing is a durable commit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from edge_agent.lines.clock import Clock
from protocol.errors import CampusError, StorageError
from protocol.messages import Event
from protocol.reading import Reading

log = logging.getLogger(__name__)
MAX_AGE_S = 1.0
MAX_READINGS = 500


class Outlet:
    """Readings and events of one line on their way out. What storage refuses is counted as lost and told once; polling goes on."""

    def __init__(self, line_id: str, publish: Callable[[Sequence[Reading]], None], emit: Callable[[Event], None], clock: Clock) -> None:
        self._line_id, self._publish, self._emit, self._clock = line_id, publish, emit, clock
        self._waiting: list[Reading] = []
        self._oldest_at = 0.0
        self._refusing = False
        self.lost_readings = 0
        self.lost_events = 0

    def add(self, readings: Sequence[Reading]) -> None:
        """Take readings along."""
        if not self._waiting:
            self._oldest_at = self._clock.monotonic()
        self._waiting += readings

    def flush_if_due(self) -> None:
        """Publish when the oldest reading has waited long enough, or there are many."""
        if self._waiting and (len(self._waiting) >= MAX_READINGS or self._clock.monotonic() - self._oldest_at >= MAX_AGE_S):
            self.flush()

    def store(self, readings: Sequence[Reading]) -> bool:
        """Publish these at once, behind what waits; True when they are stored."""
        self.add(readings)
        return self.flush()

    def flush(self) -> bool:
        """Publish what waits; False when storage refused it. Never raises StorageError."""
        if not self._waiting:
            return True
        readings, self._waiting = self._waiting, []
        try:
            self._publish(readings)
        except StorageError as error:
            self.lost_readings += len(readings)
            if not self._refusing:
                self._refusing = True
                log.error("storage refuses readings; polling goes on line=%s lost=%d error=%s", self._line_id, self.lost_readings, error)
                self.tell("line.readings_lost", "error", f"readings were not stored and are lost: {error.message}", lost=len(readings))
            return False
        if self._refusing:
            self._refusing = False
            log.info("storage takes readings again line=%s lost=%d", self._line_id, self.lost_readings)
            self.tell("line.readings_stored_again", "info", "readings are stored again", lost=self.lost_readings)
        return True

    def tell(
        self, code: str, severity: str, message: str, device: str | None = None, *, at_ms: int | None = None, **data: str | int | bool | None
    ) -> bool:
        """Emit an event of this line, of now or of `at_ms`; one that storage refuses is logged and counted, and False comes back."""
        event = Event.model_validate(
            {
                "code": code,
                "at_ms": self._clock.wall_ms() if at_ms is None else at_ms,
                "severity": severity,
                "line": self._line_id,
                "device": device,
                "message": message[:2000],
                "data": data,
            }
        )
        try:
            self._emit(event)
        except CampusError as error:
            self.lost_events += 1
            log.error("event could not be stored code=%s device=%s message=%s error=%s", code, device, message, error)
            return False
        return True

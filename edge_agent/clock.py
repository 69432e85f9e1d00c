"""Whether the wall clock can be believed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from edge_agent.lines.clock import SystemClock

FLOOR_MS = 1_735_689_600_000  # 2025-01-01 UTC: no box ran this program before
TOLERANCE_MS = 5_000  # corrections by the time service
_YEAR_MS = 366 * 86_400_000


class GuardedClock(SystemClock):
    """The machine's clocks; wall time is trusted while it is above the floor and not behind the newest stored batch.

    A mark more than a year ahead is taken for the mistake it must be, so that one wrong jump does not spoil the quality for ever.
    """

    def __init__(self, newest_stored_ms: int, wall_ms: Callable[[], int] | None = None) -> None:
        super().__init__()
        self._mark_ms = newest_stored_ms
        self._wall = wall_ms
        self._lock = threading.Lock()

    def wall_ms(self) -> int:
        return super().wall_ms() if self._wall is None else self._wall()

    def trusted(self) -> bool:
        now_ms = self.wall_ms()
        with self._lock:
            if self._mark_ms > now_ms + _YEAR_MS and now_ms >= FLOOR_MS:
                self._mark_ms = now_ms
            believed = now_ms >= FLOOR_MS and now_ms >= self._mark_ms - TOLERANCE_MS
            if believed:
                self._mark_ms = max(self._mark_ms, now_ms)
            return believed

"""Time as a line needs it: a monotonic clock, wall time, and a wait that ends on time."""

from __future__ import annotations

import time
from typing import Protocol

SPIN_S = 0.001  # an ordinary sleep may end this late; the rest of a wait is spent looking at the clock


class Clock(Protocol):
    """Where a line worker takes its time from."""

    def monotonic(self) -> float:
        """Seconds that only rise."""

    def wall_ms(self) -> int:
        """Unix milliseconds UTC."""

    def trusted(self) -> bool:
        """False while wall time has not been set from a trusted source since the box started."""

    def sleep_until(self, at: float) -> None:
        """Return when `monotonic()` has reached `at`, to within a few microseconds."""


class SystemClock:
    """The machine's own clocks. `trusted` is asked of the caller's source (NTP state, signed time from central)."""

    def __init__(self, is_trusted: bool = True) -> None:
        self.is_trusted = is_trusted

    def monotonic(self) -> float:
        return time.monotonic()

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def trusted(self) -> bool:
        return self.is_trusted

    def sleep_until(self, at: float) -> None:
        while (left := at - time.monotonic()) > 0:
            if left > SPIN_S:
                time.sleep(left - SPIN_S)

"""Waiting for what must come."""

from __future__ import annotations

import time
from collections.abc import Callable

LONG_S = 60.0  # a busy machine of two cores still does anything within


def wait(ready: Callable[[], object], limit_s: float, what: str) -> float:
    """Wait for what must come; returns the seconds it took. Raises TimeoutError."""
    begun = time.monotonic()
    while not ready():
        if time.monotonic() - begun > limit_s:
            raise TimeoutError(f"not within {limit_s:.0f} s: {what}")
        time.sleep(0.01)
    return time.monotonic() - begun

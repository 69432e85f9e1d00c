"""When a report is late and when a meter counts as silent. Pure; the same rule stands in queries.sql (a test compares them)."""

from __future__ import annotations

from central.iot.model import MeterState

SILENT_AFTER_REPORTS = 2  # missed one after another
HOUR_MS = 3_600_000


def late_at_ms(since_ms: int, every_h: int, window_h: int) -> int:
    """When the report after `since_ms` (the last one, or the registration) is late: its hours and its window are over."""
    return since_ms + (every_h + window_h) * HOUR_MS


def silent_at_ms(since_ms: int, every_h: int, window_h: int) -> int:
    """When so many reports are missing that the meter counts as silent."""
    return since_ms + (SILENT_AFTER_REPORTS * every_h + window_h) * HOUR_MS


def meter_state(last_ms: int | None, every_h: int, window_h: int, now_ms: int) -> MeterState:
    """How a meter is at an instant. `last_ms`: its newest report, None before the first."""
    if last_ms is None:
        return "never"
    if now_ms >= silent_at_ms(last_ms, every_h, window_h):
        return "silent"
    return "late" if now_ms >= late_at_ms(last_ms, every_h, window_h) else "reporting"

"""Values of a device: the newest of each series, and curves thinned to what a screen can show."""

from __future__ import annotations

from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, one, rows
from central.metering.model import LatestValue, Point
from protocol.quantities import QUANTITIES, Kind

_SQL = load_statements("central.metering")
MAX_TIME_MS = 253_402_300_799_000  # the year 9999


@dataclass(frozen=True, slots=True)
class Count:
    """One number a statement returns."""

    total: int


def latest_values(conn: Connection, device_code: str) -> list[LatestValue]:
    """The newest value of each series the device has; one index seek a series."""
    return rows(conn, _SQL["latest_values"], LatestValue, device=device_code)


def curve(conn: Connection, device_code: str, quantity: str, from_ms: int, to_ms: int, max_points: int = 2000) -> list[Point]:
    """Readings with from <= time < to, in order of time. Raises NotFound where the device never sent this quantity.

    Beyond `max_points` readings they are thinned: registers and states keep the last value of equal time slices, other quantities the lowest and
    highest, so that no peak is lost. Every point is a real reading.
    """
    from_ms, to_ms = max(0, from_ms), min(to_ms, MAX_TIME_MS)
    missing = f"device {device_code!r} has no readings of {quantity!r}"
    series_id = one(conn, _SQL["curve_series"], Count, missing, device=device_code, quantity=quantity).total
    if to_ms <= from_ms:
        return []
    asked = {"series_id": series_id, "from_ms": from_ms, "to_ms": to_ms}
    if one(conn, _SQL["curve_count"], Count, missing, **asked).total <= max_points:
        return rows(conn, _SQL["curve"], Point, **asked)
    if keeps_last(quantity):
        return rows(conn, _SQL["curve_last"], Point, buckets=max(1, max_points), **asked)
    return rows(conn, _SQL["curve_extremes"], Point, buckets=max(1, max_points // 2), **asked)


def keeps_last(quantity: str) -> bool:
    """Whether thinning keeps the last value of a slice (registers, states) instead of its lowest and highest."""
    known = QUANTITIES.get(quantity)
    return known is not None and known.kind in (Kind.CUMULATIVE, Kind.STATE)

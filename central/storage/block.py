"""Readings of one series in one week as a block: steps instead of values, in arrays of 16-bit integers. Pure.

    at[i]    = first_at    + i * step_ms + sum of late[0..i]          late = late_high * 65536 + late_low, low part signed
    value[i] = first_value + unit * sum of rise[0..i]                 rise = rise_high * 65536 + rise_low, low part signed

The high arrays and the qualities are left out when they are all 0, which is the rule. Series read in the same exchange have the same instants: one
block of a week holds them, the others name it (`times_of`). Decoding is the database's: function packed_between of migration 0005.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from central.ingest.pack import Integers, Rows

WEEK_MS = 604_800_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOW = 1 << 16


@dataclass(frozen=True, slots=True)
class Block:
    """One row of reading_block. `late_low`, `step_ms`: None where `times_of` names who holds the times."""

    series_id: int
    week_at: datetime
    times_of: int | None
    first_at: datetime
    last_at: datetime
    first_value: int
    last_value: int
    unit: int
    step_ms: int | None
    last_quality: int
    late_low: list[int] | None
    late_high: list[int] | None
    rise_low: list[int]
    rise_high: list[int] | None
    quality: list[int] | None

    @property
    def readings(self) -> int:
        """How many readings it holds."""
        return len(self.rise_low)

    def columns(self) -> dict[str, Any]:
        """Its fields by name, arrays as the database reads them: its driver would take each number by itself."""
        fields = ((name, getattr(self, name)) for name in self.__slots__)
        return {name: f"{{{str(value)[1:-1]}}}" if isinstance(value, list) else value for name, value in fields}


def encode(rows: Rows) -> Iterator[Block]:
    """The readings of one device in one week, sorted by series and instant, as blocks. Values lie within +-2**45 (SQL function packable)."""
    holders: dict[bytes, int] = {}
    for part in _series(rows):
        series_id, at = int(part.series_id[0]), part.measured_at_ms
        unit, rise_low, rise_high = _rises(part.value)
        holder = holders.setdefault(at.tobytes(), series_id)
        step_ms, late_low, late_high = _lateness(at) if holder == series_id else (None, None, None)
        yield Block(
            series_id=series_id,
            week_at=instant(int(at[0]) // WEEK_MS * WEEK_MS),
            times_of=None if holder == series_id else holder,
            first_at=instant(int(at[0])),
            last_at=instant(int(at[-1])),
            first_value=int(part.value[0]),
            last_value=int(part.value[-1]),
            unit=unit,
            step_ms=step_ms,
            last_quality=int(part.quality[-1]),
            late_low=late_low,
            late_high=late_high,
            rise_low=rise_low,
            rise_high=rise_high,
            quality=_unless_zero(part.quality),
        )


def instant(at_ms: int) -> datetime:
    """Unix milliseconds as the database takes them."""
    return _EPOCH + timedelta(milliseconds=at_ms)


def _series(rows: Rows) -> Iterator[Rows]:
    starts = np.flatnonzero(np.diff(rows.series_id)) + 1
    bounds = [0, *starts.tolist(), len(rows)]
    for first, last in pairwise(bounds):
        if last > first:
            yield Rows(*(column[first:last] for column in (rows.series_id, rows.measured_at_ms, rows.value, rows.quality)))


def _lateness(at: Integers) -> tuple[int, list[int], list[int] | None]:
    steps = np.diff(at, prepend=at[0])
    step_ms = int(np.median(steps[1:])) if len(at) > 1 else 0
    steps[1:] -= step_ms
    return step_ms, *_planes(steps)


def _rises(value: Integers) -> tuple[int, list[int], list[int] | None]:
    steps = np.diff(value, prepend=value[0])
    unit = int(np.gcd.reduce(steps)) or 1
    return unit, *_planes(steps // unit)


def _planes(steps: Integers) -> tuple[list[int], list[int] | None]:
    """The signed low 16 bits of each, and what is above them."""
    low = (steps + _LOW // 2) % _LOW - _LOW // 2
    return low.tolist(), _unless_zero((steps - low) // _LOW)


def _unless_zero(column: Integers) -> list[int] | None:
    return column.tolist() if column.any() else None

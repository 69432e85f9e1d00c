"""What a group of points is computed from, read in bulk: where to take up each point again, its stays, readings, verdicts and marks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import numpy as np

from central.consumption.model import LOOK_AHEAD_MS, Flags, Integers, Stay
from central.db.pool import Connection
from central.db.statements import load_statements, rows
from protocol.site_plan import Site

_SQL = load_statements("central.consumption")
_EPOCH_2000_MS = 946_684_800_000
_ZONE = str(Site.model_fields["timezone"].default)
# What can pass a meter in an hour where nobody said it, register base units: the largest meter connected without transformers carries 3 x 100 A
# (66 kW), those behind transformers count less; a DN100 water meter is overloaded beyond 50 m3/h.
MAX_PER_HOUR = {"electricity": 100_000, "water": 50_000}


@dataclass(frozen=True, slots=True)
class PointStay:
    """A stay at a point, and the series its register is read as (None while the meter never sent one)."""

    point_id: int
    series_id: int | None
    medium: str
    stay: Stay


@dataclass(frozen=True, slots=True)
class Restart:
    """Where a point is taken up again: figures from `day` on are renewed. `anchor`: instant and register of the accepted reading before it."""

    point_id: int
    day: date | None
    anchor_at_ms: int | None
    anchor_value: int | None
    last_day: date | None

    @property
    def anchor(self) -> tuple[int, int] | None:
        """The reading to start from."""
        return None if self.anchor_at_ms is None or self.anchor_value is None else (self.anchor_at_ms, self.anchor_value)


@dataclass(frozen=True, slots=True)
class Window:
    """Readings of one series that are wanted: from_ms <= instant < until_ms (None: to the last)."""

    series_id: int
    from_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Read:
    """Readings of one series in rising order of time."""

    at_ms: Integers
    value: Integers
    quality: Integers

    def between(self, from_ms: int, until_ms: int | None) -> Read:
        """Those with from_ms <= instant <= until_ms: both ends of a stay belong to it."""
        first = int(np.searchsorted(self.at_ms, from_ms))
        last = len(self.at_ms) if until_ms is None else int(np.searchsorted(self.at_ms, until_ms, side="right"))
        return Read(self.at_ms[first:last], self.value[first:last], self.quality[first:last])


NO_READINGS = Read(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))


def site_zone(conn: Connection) -> str:
    """The name of the zone whose days count; the plan's default before there is a plan."""
    row = conn.execute(_SQL["zone"]).fetchone()
    return str(row[0]) if row and row[0] else _ZONE


def load_stays(conn: Connection, ids: Collection[int]) -> dict[int, list[PointStay]]:
    """Stays of the points whose register is known, in order."""
    found: dict[int, list[PointStay]] = defaultdict(list)
    for row in rows(conn, _SQL["stays"], _StayRow, ids=list(ids)):
        found[row.point_id].append(row.point_stay())
    return found


def load_restarts(conn: Connection, changed: Mapping[int, tuple[int, date]]) -> dict[int, Restart]:
    """For each point with (first instant that may differ, its local day): where to start, by the rule of `course.judge`.

    No day: nothing before the change can be started from, so from the point's first stay.
    """
    found = rows(
        conn,
        _SQL["restarts"],
        Restart,
        ids=list(changed),
        from_ms=[at_ms for at_ms, _ in changed.values()],
        from_day=[day for _, day in changed.values()],
        ahead_ms=LOOK_AHEAD_MS,
    )
    return {one.point_id: one for one in found}


def load_readings(conn: Connection, windows: Sequence[Window]) -> dict[int, Read]:
    """Readings by series; those taken without a trusted clock are not among them, nobody knows when they were."""
    if not windows:
        return {}
    columns = {
        "ids": [one.series_id for one in windows],
        "from_ms": [one.from_ms for one in windows],
        "until_ms": [one.until_ms for one in windows],
    }
    with conn.cursor(binary=True) as cursor:
        found = cursor.execute(_SQL["readings"], columns).fetchall()
    return {series_id: Read(_at_ms(at), _integers(value, ">i8"), _integers(quality, ">i2")) for series_id, at, value, quality in found}


def _at_ms(data: bytes) -> Integers:
    """Instants as PostgreSQL sends them: microseconds since 2000."""
    return _integers(data, ">i8") // 1000 + _EPOCH_2000_MS


def _integers(data: bytes, kind: str) -> Integers:
    return np.frombuffer(data, kind).astype(np.int64)


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A row of reading_verdict."""

    series_id: int
    at_ms: int
    verdict: str
    reason: str


def load_verdicts(conn: Connection, windows: Sequence[Window]) -> dict[int, list[VerdictRow]]:
    """Verdicts that stand, by series."""
    found: dict[int, list[VerdictRow]] = defaultdict(list)
    if windows:
        columns = {
            "ids": [one.series_id for one in windows],
            "from_ms": [one.from_ms for one in windows],
            "until_ms": [one.until_ms for one in windows],
        }
        for row in rows(conn, _SQL["verdicts"], VerdictRow, **columns):
            found[row.series_id].append(row)
    return found


def load_marks(conn: Connection, ids: Collection[int]) -> dict[int, list[tuple[int, int]]]:
    """Intervals (ms) marked as filled in, by point."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row in rows(conn, _SQL["marks"], _MarkRow, ids=list(ids)):
        found[row.point_id].append((row.from_ms, row.to_ms))
    return found


def within(marks: Sequence[tuple[int, int]], at_ms: Integers) -> Flags:
    """Which instants lie in a marked interval."""
    inside = np.zeros(len(at_ms), np.bool_)
    for from_ms, to_ms in marks:
        inside |= (at_ms >= from_ms) & (at_ms < to_ms)
    return inside


@dataclass(frozen=True, slots=True)
class _MarkRow:
    point_id: int
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class _StayRow:
    point_id: int
    series_id: int | None
    medium: str
    from_ms: int
    until_ms: int | None
    ct: int
    pt: int
    numerator: int
    denominator: int
    rollover: int | None
    max_per_hour: int | None
    opening: int | None
    closing: int | None

    def point_stay(self) -> PointStay:
        ratio = Fraction(self.ct * self.pt * self.numerator, self.denominator)
        limit = self.max_per_hour or MAX_PER_HOUR[self.medium]
        stay = Stay(self.from_ms, self.until_ms, ratio, limit, self.opening, self.closing, self.rollover)
        return PointStay(self.point_id, self.series_id, self.medium, stay)

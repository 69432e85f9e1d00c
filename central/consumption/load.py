"""What a group of points is computed from, read in bulk: where to take up each point again, its stays, readings, verdicts and marks.

Stamps become true instants here (`clock`): stays, day rows, anchors and windows are in true time; readings and verdicts are stored under stamps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction

import numpy as np

from central.consumption.arrivals import unpack_arrivals
from central.consumption.clock import Offset, corrected, stamp_ends, true_ends
from central.consumption.days import day_of
from central.consumption.model import LOOK_AHEAD_MS, Flags, Integers, Stay
from central.db.pool import Connection
from central.db.statements import load_statements, rows
from central.fleet.clock_offset import offsets_of
from protocol.site_plan import Site

_SQL = load_statements("central.consumption")
_EPOCH_2000_MS = 946_684_800_000
_FAR_MS = 4_102_444_800_000  # 2100
_ZONE = str(Site.model_fields["timezone"].default)
# What can pass a meter in an hour where nobody said it, register base units: the largest meter connected without transformers carries 3 x 100 A
# (66 kW), those behind transformers count less; a DN100 water meter is overloaded beyond 50 m3/h.
MAX_PER_HOUR = {"electricity": 100_000, "water": 50_000}

Clocks = Mapping[str, Sequence[Offset]]  # gateway -> times its clock was wrong


@dataclass(frozen=True, slots=True)
class PointStay:
    """A stay at a point, and the series its register is read as (None while the meter never sent one). `offsets`: when its clock was wrong."""

    point_id: int
    series_id: int | None
    medium: str
    stay: Stay
    offsets: tuple[Offset, ...] = ()


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
class Arrived:
    """A point, and the first and last instant something arrived for."""

    point_id: int
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Window:
    """Readings of one series that are wanted: from_ms <= true instant < until_ms (None: to the last). `offsets`: when its clock was wrong."""

    series_id: int
    from_ms: int
    until_ms: int | None
    offsets: tuple[Offset, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """Readings of one series in rising order of true time. `stamp_ms`: what they are stored under; differs where the clock was wrong."""

    at_ms: Integers
    value: Integers
    quality: Integers
    stamp_ms: Integers

    def between(self, from_ms: int, until_ms: int | None) -> Read:
        """Those with from_ms <= instant <= until_ms: both ends of a stay belong to it."""
        first = int(np.searchsorted(self.at_ms, from_ms))
        last = len(self.at_ms) if until_ms is None else int(np.searchsorted(self.at_ms, until_ms, side="right"))
        return Read(self.at_ms[first:last], self.value[first:last], self.quality[first:last], self.stamp_ms[first:last])


NO_READINGS = Read(*(np.empty(0, np.int64) for _ in range(4)))


def site_zone(conn: Connection) -> str:
    """The name of the zone whose days count; the plan's default before there is a plan."""
    row = conn.execute(_SQL["zone"]).fetchone()
    return str(row[0]) if row and row[0] else _ZONE


def proven_from(conn: Connection, zone: str) -> date:
    """The first local day whose readings are all kept. What stands of earlier days cannot be computed again, so it is left as it is."""
    row = conn.execute(_SQL["kept_from"]).fetchone()
    return date.min if row is None or row[0] is None else day_of(int(row[0]), zone) + timedelta(days=1)


def load_clocks(conn: Connection) -> Clocks:
    """Every time a gateway's clock was wrong, by gateway; mostly none."""
    gateways = [row[0] for row in conn.execute(_SQL["wrong_clocks"])]
    return offsets_of(conn, gateways, 0, _FAR_MS) if gateways else {}


def load_arrived(conn: Connection, clocks: Clocks, packed: Sequence[bytes]) -> list[Arrived]:
    """The points that arrivals concern."""
    arrived = {series: (first_s * 1000, last_s * 1000 + 1000) for series, (first_s, last_s) in unpack_arrivals(packed).items()}
    if not arrived:
        return []
    if clocks:
        for series, gateway in conn.execute(_SQL["series_of_gateways"], {"ids": list(arrived), "gateways": list(clocks)}):
            arrived[series] = true_ends(*arrived[series], clocks[gateway])
    first_ms, last_ms = zip(*arrived.values(), strict=True)
    return rows(conn, _SQL["arrived_points"], Arrived, ids=list(arrived), first_ms=list(first_ms), last_ms=list(last_ms))


def load_stays(conn: Connection, ids: Collection[int], clocks: Clocks) -> dict[int, list[PointStay]]:
    """Stays of the points whose register is known, in order."""
    found: dict[int, list[PointStay]] = defaultdict(list)
    for row in rows(conn, _SQL["stays"], _StayRow, ids=list(ids)):
        found[row.point_id].append(row.point_stay(clocks))
    return found


def load_restarts(conn: Connection, changed: Mapping[int, tuple[int, date]], stays: Mapping[int, Sequence[PointStay]]) -> dict[int, Restart]:
    """For each point with (first instant that may differ, its local day): where to start, by the rule of `course.judge`.

    No day: nothing before the change can be started from, so from the point's first stay.
    """
    furthest_ms = [max((abs(one.offset_ms) for stay in stays.get(point, ()) for one in stay.offsets), default=0) for point in changed]
    found = rows(
        conn,
        _SQL["restarts"],
        Restart,
        ids=list(changed),
        from_ms=[at_ms for at_ms, _ in changed.values()],
        from_day=[day for _, day in changed.values()],
        ahead_ms=LOOK_AHEAD_MS,
        furthest_ms=furthest_ms,
    )
    return {one.point_id: one for one in found}


def load_readings(conn: Connection, windows: Sequence[Window]) -> dict[int, Read]:
    """Readings by series; those taken without a trusted clock are not among them, nobody knows when they were."""
    if not windows:
        return {}
    with conn.cursor(binary=True) as cursor:
        found = cursor.execute(_SQL["readings"], _stamp_columns(windows)).fetchall()
    wanted = {one.series_id: one for one in windows}
    return {
        series_id: _read(wanted[series_id], _at_ms(at), _integers(value, ">i8"), _integers(quality, ">i2")) for series_id, at, value, quality in found
    }


def _read(window: Window, stamp_ms: Integers, value: Integers, quality: Integers) -> Read:
    """Readings in order of true time. Of those that a clock set back puts at one instant the one stamped first counts."""
    if not window.offsets:
        return Read(stamp_ms, value, quality, stamp_ms)
    at_ms = corrected(stamp_ms, window.offsets)
    at_ms, places = np.unique(at_ms, return_index=True)
    read = Read(at_ms, value[places], quality[places], stamp_ms[places])
    return read.between(window.from_ms, None if window.until_ms is None else window.until_ms - 1)


def _stamp_columns(windows: Sequence[Window]) -> dict[str, list[int | None]]:
    ends = [stamp_ends(one.from_ms, one.until_ms, one.offsets) if one.offsets else (one.from_ms, one.until_ms) for one in windows]
    return {"ids": [one.series_id for one in windows], "from_ms": [first for first, _ in ends], "until_ms": [end for _, end in ends]}


def _at_ms(data: bytes) -> Integers:
    """Instants as PostgreSQL sends them: microseconds since 2000."""
    return _integers(data, ">i8") // 1000 + _EPOCH_2000_MS


def _integers(data: bytes, kind: str) -> Integers:
    return np.frombuffer(data, kind).astype(np.int64)


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """A row of reading_verdict. `stamp_ms`: what the reading is stored under; `at_ms`: when that truly was."""

    series_id: int
    stamp_ms: int
    at_ms: int
    verdict: str
    reason: str


def load_verdicts(conn: Connection, windows: Sequence[Window]) -> dict[int, list[VerdictRow]]:
    """Verdicts that stand, by series."""
    found: dict[int, list[VerdictRow]] = defaultdict(list)
    if windows:
        wanted = {one.series_id: one for one in windows}
        for row in rows(conn, _SQL["verdicts"], VerdictRow, **_stamp_columns(windows)):
            offsets = wanted[row.series_id].offsets
            at_ms = int(corrected(np.array([row.stamp_ms], np.int64), offsets)[0]) if offsets else row.stamp_ms
            found[row.series_id].append(replace(row, at_ms=at_ms))
    return found


def load_held(conn: Connection, windows: Sequence[tuple[int, date, date]]) -> dict[int, set[tuple[int, int]]]:
    """Instant and register of the last accepted reading of each day that stands, by point. `windows`: point, first and last day."""
    found: dict[int, set[tuple[int, int]]] = defaultdict(set)
    if windows:
        ids, since, until = (list(column) for column in zip(*windows, strict=True))
        for point_id, at_ms, value in conn.execute(_SQL["held"], {"ids": ids, "since": since, "until": until}):
            found[point_id].add((at_ms, value))
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
    gateway: str | None
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

    def point_stay(self, clocks: Clocks) -> PointStay:
        ratio = Fraction(self.ct * self.pt * self.numerator, self.denominator)
        limit = self.max_per_hour or MAX_PER_HOUR[self.medium]
        stay = Stay(self.from_ms, self.until_ms, ratio, limit, self.opening, self.closing, self.rollover)
        return PointStay(self.point_id, self.series_id, self.medium, stay, tuple(clocks.get(self.gateway or "", ())))

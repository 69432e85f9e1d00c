"""The nightly look at daily freezes: what meters froze at both midnights of a day against what its slots sum to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import floor

import numpy as np

from central.consumption.days import bounds
from central.consumption.days_table import DayRow, Days, present_days, to_figures
from central.consumption.findings import Found, Looked, record
from central.consumption.freeze import FREEZE, Freezes, freeze_doubt
from central.consumption.load import PointStay, load_clocks, load_stays
from central.consumption.model import Spans, Stay
from central.db.pool import Connection
from central.db.statements import load_statements, rows

_SQL = load_statements("central.consumption")
STEP = 10  # 0.01 kWh, what freezes are kept in
_GROUP = 1000


@dataclass(frozen=True, slots=True)
class _FrozenRow:
    point_id: int
    opening: int
    closing: int


def check_freezes(conn: Connection, zone: str, day: date) -> int:
    """Compare the day of every point whose meter has freezes of it, in transactions of its own; returns how many do not agree."""
    start_ms, end_ms = bounds(day, zone)
    with conn.transaction():
        frozen = rows(conn, _SQL["freezes"], _FrozenRow, start_ms=start_ms, end_ms=end_ms)
    return sum(_check(conn, zone, day, frozen[start : start + _GROUP]) for start in range(0, len(frozen), _GROUP))


def _check(conn: Connection, zone: str, day: date, frozen: list[_FrozenRow]) -> int:
    start_ms, end_ms = bounds(day, zone)
    ids = [one.point_id for one in frozen]
    found = []
    with conn.transaction():
        stays = load_stays(conn, ids, load_clocks(conn))
        days = present_days(conn, [Days(point, day - timedelta(days=1), day + timedelta(days=1)) for point in ids])
        for one in frozen:
            stay = _only(stays.get(one.point_id, []), start_ms, end_ms)
            row = days.get((one.point_id, day))
            if stay is None or row is None:
                continue
            beside = days.get((one.point_id, day - timedelta(days=1))), row, days.get((one.point_id, day + timedelta(days=1)))
            doubt = freeze_doubt(to_figures(row), zone, _edges(beside, stay), Freezes(one.opening, one.closing, STEP), stay.ratio)
            if doubt is not None:
                found.append(Found(FREEZE, one.point_id, doubt.at_ms, doubt.until_ms, doubt.data))
        record(conn, (FREEZE,), [Looked(point, start_ms, end_ms) for point in ids], found)
    return len(found)


def _only(stays: list[PointStay], start_ms: int, end_ms: int) -> Stay | None:
    """The stay that lasted the whole day."""
    return next((one.stay for one in stays if one.stay.from_ms <= start_ms and (one.stay.until_ms is None or one.stay.until_ms >= end_ms)), None)


def _edges(days: tuple[DayRow | None, DayRow, DayRow | None], stay: Stay) -> Spans:
    """What passed between the readings on both sides of the day's ends."""
    spans = []
    for before, after in pairwise(days):
        last = None if before is None or before.last_at_ms is None or before.last_value is None else (before.last_at_ms, before.last_value)
        first = None if after is None or after.first_at_ms is None or after.first_value is None else (after.first_at_ms, after.first_value)
        if last is not None and first is not None:
            spans.append((last[0], first[0], floor(first[1] * stay.ratio) - floor(last[1] * stay.ratio)))
    columns = np.array(spans, np.int64).reshape(-1, 3)
    return Spans(columns[:, 0], columns[:, 1], columns[:, 2])

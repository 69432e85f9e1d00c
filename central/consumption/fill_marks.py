"""The nightly look for readings that were made up: what `filled` finds in the last days becomes marks and findings.

A mark grows while the fill goes on; what a person withdrew, or marked before, is left alone; what lies before such a mark is not marked either.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from central.consumption.days import boundaries
from central.consumption.days_table import flags, parse_slots
from central.consumption.dirty import note_dirty
from central.consumption.filled import Fill, fills
from central.consumption.findings import FILLED, Found, record
from central.consumption.load import load_stays
from central.consumption.model import Integers, Samples
from central.consumption.slots import SLOTS_AN_HOUR
from central.consumption.tariffs import MEDIA
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run

log = logging.getLogger(__name__)

_SQL = load_statements("central.consumption")
ACTOR = "central"
DAYS = 9
POINTS = 5000  # of a medium looked at together: some 50 MB
STEP = 10  # the least difference registers show, base units: 0.01 kWh, 0.01 m3
_TELLING = 20  # evenness of rises of fewer steps than this an hour is what any small steady load looks like


def mark_fills(conn: Connection, zone: str, today: date) -> int:
    """Mark what the DAYS before today hold of made-up readings, in transactions of its own; returns how many marks were written or grew."""
    since = today - timedelta(days=DAYS)
    done = 0
    for medium in MEDIA:
        with conn.transaction():
            ids = [row[0] for row in conn.execute(_SQL["points_with_days"], {"medium": medium, "since": since})]
        for start in range(0, len(ids), POINTS):
            with conn.transaction():
                found = _found(conn, zone, ids[start : start + POINTS], since, today)
                done += _mark(conn, found)
    if done:
        log.warning("%d points hold readings that look filled in; marked", done)
    return done


def _found(conn: Connection, zone: str, ids: Collection[int], since: date, today: date) -> list[Fill]:
    series = _hourly(conn, zone, ids, since, today)
    return [one for one in fills(series, STEP) if _tells(series[one.point], one)]


def _hourly(conn: Connection, zone: str, ids: Collection[int], since: date, today: date) -> dict[int, Samples]:
    """What had passed by each full hour at which something was read, in the register's own units."""
    ratios = {point: stays[-1].stay.ratio for point, stays in load_stays(conn, ids, {}).items()}
    parts: dict[int, list[tuple[Integers, Integers]]] = {}
    passed: dict[int, int] = {}
    with conn.cursor() as cursor:
        for point, day, slots, seen in cursor.stream(_SQL["slots_of_days"], {"ids": list(ids), "since": since, "until": today}, size=500):
            amounts, _ = parse_slots(slots)
            before = passed.get(point, 0)
            at_edge = before + np.append(0, np.cumsum(amounts))
            passed[point] = int(at_edge[-1])
            hours = np.flatnonzero(flags(seen)[::SLOTS_AN_HOUR]) * SLOTS_AN_HOUR
            if len(hours) and point in ratios:
                ratio = ratios[point]
                register = at_edge[hours] * ratio.denominator // ratio.numerator
                parts.setdefault(point, []).append((boundaries(day, zone)[hours], register))
    return {
        point: Samples(np.concatenate([at_ms for at_ms, _ in some]), np.concatenate([value for _, value in some])) for point, some in parts.items()
    }


def _tells(samples: Samples, fill: Fill) -> bool:
    """Whether the rises are large enough for their evenness to mean something."""
    first, last = (int(place) for place in np.searchsorted(samples.at_ms, [fill.from_ms, fill.to_ms]))
    rise = int(samples.value[last]) - int(samples.value[first])
    return rise >= _TELLING * STEP * (last - first)


@dataclass(frozen=True, slots=True)
class _Known:
    id: int
    point_id: int
    point: str
    from_ms: int
    to_ms: int
    grows: bool


def _mark(conn: Connection, found: Sequence[Fill]) -> int:
    known: dict[int, list[_Known]] = {}
    for row in rows(conn, _SQL["marks_between"], _Known, ids=[one.point for one in found], actor=ACTOR):
        known.setdefault(row.point_id, []).append(row)
    return sum(_mark_one(conn, one, known) for one in found)


def _mark_one(conn: Connection, fill: Fill, known: Mapping[int, Sequence[_Known]]) -> int:
    """Write the mark, or have the one it goes on from grow. 0: it is known already."""
    beside = [one for one in known.get(fill.point, ()) if one.from_ms <= fill.to_ms and one.to_ms >= fill.from_ms]
    from_ms = max([fill.from_ms, *(one.to_ms for one in beside)])
    if from_ms >= fill.to_ms:
        return 0
    start_ms = from_ms
    for one in beside:
        if one.grows and one.to_ms == from_ms:
            start_ms = one.from_ms
            run(conn, _SQL["grow_mark"], id=one.id, to_ms=fill.to_ms)
    if start_ms == from_ms:
        run(conn, _SQL["put_fill"], id=fill.point, from_ms=from_ms, to_ms=fill.to_ms, reason="several meters count evenly at once", actor=ACTOR)
    note_dirty(conn, [fill.point], datetime.fromtimestamp(from_ms / 1000, UTC), datetime.fromtimestamp(fill.to_ms / 1000, UTC), "filled in")
    record(conn, (), (), [Found(FILLED, fill.point, start_ms, fill.to_ms, {})])
    return 1

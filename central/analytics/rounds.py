"""The morning round among the leader's: at 07:00, when the night's readings are in and before the plumber starts, in slices between other work.

A site's first round waits for something to look at, a computed day before today: one over nothing would put the first leak off by a day.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from central.analytics.batteries import battery_series, forget_batteries, take_batteries
from central.analytics.leak_watch import follow_nights
from central.analytics.nights import forget_nights, take_place_nights, take_point_nights, water_buildings, water_points
from central.analytics.rises import forget_rises, points_of, put_rises
from central.analytics.shapes import forget_shapes, put_shapes, weeks_to_put
from central.consumption.load import site_zone
from central.db.pool import Connection, Pool
from central.db.statements import load_statements, run

log = logging.getLogger(__name__)

_SQL = load_statements("central.analytics")
_HOUR = 7
_LOOK_EVERY_S = 60.0
_FIRST_LOOK_EVERY_S = 5.0  # between two readings there is a moment in which nothing waits to be computed
_POINTS = 50  # of which the nights are taken together: at first start 3000 day rows, half a second
_RISES = 250
_BATTERIES = 20
T = TypeVar("T")


class AnalyticsRounds:
    """One slice of work a turn, once a local day. `clock`: Unix seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._looked_s = float("-inf")
        self._look_every_s = 0.0
        self._work: Iterator[str] | None = None

    def turn(self, pool: Pool) -> bool:
        """Do the next slice, if there is one, in transactions of its own; returns whether there was. Raises DatabaseError: then it begins anew."""
        work, self._work = self._work or self._begun(pool), None
        done = None if work is None else next(work, None)
        if done is not None:
            log.debug("morning round: %s", done)
            self._work = work
        return done is not None

    def _begun(self, pool: Pool) -> Iterator[str] | None:
        now_s = self._clock()
        if abs(now_s - self._looked_s) < self._look_every_s:  # abs: the clock may be set back
            return None
        self._looked_s = now_s
        with pool.connection() as conn:
            zone = site_zone(conn)
            due = due_day(now_s, zone)
            row = conn.execute(_SQL["round_done"]).fetchone()
            done = row[0] if row else None
            wanted = _ready(conn, due) if done is None else done < due
        self._look_every_s = _LOOK_EVERY_S if wanted or done is not None else _FIRST_LOOK_EVERY_S
        return morning(pool, zone, due) if wanted else None


def _ready(conn: Connection, due: date) -> bool:
    row = conn.execute(_SQL["ready_for_first_round"], {"day": due}).fetchone()
    return bool(row and row[0])


def due_day(now_s: float, zone: str) -> date:
    """The day whose morning round is due: today from seven on, before that yesterday."""
    return (datetime.fromtimestamp(now_s, UTC).astimezone(ZoneInfo(zone)) - timedelta(hours=_HOUR)).date()


def morning(pool: Pool, zone: str, today: date) -> Iterator[str]:
    """The round in slices, each a transaction; doing it again changes nothing. Yields what was done."""
    yield from _leaks(pool, zone, today)
    yield from _rises(pool, today - timedelta(days=1))
    with pool.connection() as conn:
        weeks = weeks_to_put(conn, today)
    for week in weeks:
        with pool.connection() as conn:
            places = put_shapes(conn, week)
        yield f"habits of {places} places in the week from {week}"
    with pool.connection() as conn:
        series = battery_series(conn)
    for some in _slices(series, _BATTERIES):
        with pool.connection() as conn:
            forecasts = take_batteries(conn, zone, some, today)
        yield f"{forecasts} batteries"
    with pool.connection() as conn:
        gone = forget_nights(conn, today) + forget_shapes(conn, today) + forget_batteries(conn, today)
        run(conn, _SQL["note_round"], done_on=today)
        run(conn, _SQL["purge_rounds"], done_on=today)
    log.info("the morning round of %s is done; %d old rows deleted", today, gone)
    yield "done"


def _leaks(pool: Pool, zone: str, today: date) -> Iterator[str]:
    with pool.connection() as conn:
        points, buildings = water_points(conn), water_buildings(conn, today)
    opened = 0
    for some in _slices(points, _POINTS):
        with pool.connection() as conn:
            taken = take_point_nights(conn, zone, [point.point_id for point in some], today)
            opened += follow_nights(conn, zone, "point", {point.code: point.room for point in some}, today)
        yield f"{taken} nights of points"
    for codes in _slices(buildings, _POINTS):
        with pool.connection() as conn:
            taken = take_place_nights(conn, zone, codes, today)
            opened += follow_nights(conn, zone, "place", dict.fromkeys(codes, False), today)
        yield f"{taken} nights of buildings"
    if opened:
        log.info("%d leaks are open", opened)


def _rises(pool: Pool, until: date) -> Iterator[str]:
    with pool.connection() as conn:
        ids = points_of(conn, until)
    for some in _slices(ids, _RISES):
        with pool.connection() as conn:
            compared = put_rises(conn, some, until)
        yield f"{compared} weeks compared"
    with pool.connection() as conn:
        forget_rises(conn, until)


def _slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))

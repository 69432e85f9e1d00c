"""Consumption of a point by the hour over a few days, computed from its registers now: what a change to its stays does to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from central.consumption.course import judge
from central.consumption.days import boundaries, bounds
from central.consumption.load import NO_READINGS, PointStay, Window, load_clocks, load_readings, load_stays
from central.consumption.model import LOOK_AHEAD_MS, Course, Samples, Spans
from central.consumption.slots import day_figures, hours
from central.db.pool import Connection
from central.metering.replacement import Hour

_MAX_DAYS = 3
_HOUR_MS = 3_600_000
Hourly = Mapping[int, tuple[int | None, str]]


def hours_of_days(conn: Connection, point_id: int, days: tuple[date, date], zone: str) -> Hourly:
    """Start of each hour -> (amount in base units or None, quality), first day to last, at most three days."""
    first, last = days[0], max(days[0], min(days[1], days[0] + timedelta(days=_MAX_DAYS - 1)))
    from_ms, until_ms = bounds(first, zone)[0] - LOOK_AHEAD_MS, bounds(last, zone)[1] + LOOK_AHEAD_MS
    stays = [one for one in load_stays(conn, {point_id}, load_clocks(conn)).get(point_id, ()) if _touches(one, from_ms, until_ms)]
    readings = load_readings(conn, [Window(one.series_id, from_ms, until_ms, one.offsets) for one in stays if one.series_id is not None])
    courses = []
    for one in stays:
        read = readings.get(one.series_id or 0, NO_READINGS).between(max(from_ms, one.stay.from_ms), one.stay.until_ms)
        whole = replace(
            one.stay,
            opening=one.stay.opening if one.stay.from_ms >= from_ms else None,
            closing=one.stay.closing if one.stay.until_ms is not None and one.stay.until_ms < until_ms else None,
        )
        courses.append(judge(whole, Samples(read.at_ms, read.value), False))
    return _hours(courses, [first + timedelta(days=number) for number in range((last - first).days + 1)], zone)


def changed_hours(before: Hourly, after: Hourly) -> tuple[Hour, ...]:
    """The hours whose amount is another one."""
    starts = sorted(at_ms for at_ms in before.keys() | after.keys() if before.get(at_ms, _UNKNOWN)[0] != after.get(at_ms, _UNKNOWN)[0])
    return tuple(Hour(at_ms, before.get(at_ms, _UNKNOWN)[0], *after.get(at_ms, _UNKNOWN)) for at_ms in starts)


_UNKNOWN: tuple[int | None, str] = (None, "unknown")


def _touches(one: PointStay, from_ms: int, until_ms: int) -> bool:
    return one.stay.from_ms < until_ms and (one.stay.until_ms is None or one.stay.until_ms >= from_ms)


def _hours(courses: list[Course], days: list[date], zone: str) -> Hourly:
    none = NO_READINGS.at_ms
    spans = Spans(*(np.concatenate([none, *(getattr(one.spans, name) for one in courses)]) for name in ("start_ms", "end_ms", "amount")))
    accepted = Samples(*(np.concatenate([none, *(getattr(one.accepted, name) for one in courses)]) for name in ("at_ms", "value")))
    found: dict[int, tuple[int | None, str]] = {}
    for day in days:
        edges = boundaries(day, zone)
        by_hour = hours(day_figures(day, zone, spans, accepted, np.zeros(len(edges) - 1, np.int64), taken_ms=accepted.at_ms))
        for number, (amount, known_s, measured) in enumerate(
            zip(by_hour.amount.tolist(), by_hour.known_s.tolist(), by_hour.measured.tolist(), strict=True)
        ):
            quality = "measured" if measured else "estimated" if known_s else "unknown"
            found[int(edges[0]) + number * _HOUR_MS] = (amount if known_s else None, quality)
    return found

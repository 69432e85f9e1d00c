"""Consumption as it is asked for: of points and places by quarter, hour, day, month or year; rankings; a year by the hour. Reads only.

Month figures are the reported ones: of a closed month what it was closed with, of an open one what is known now; what is adjusted into it stands
beside. Every item says how good it is. Missing is null, never zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import starmap
from typing import Any

import numpy as np

from central.consumption.closing import adjusted_into
from central.consumption.days import bounds, month_bounds, month_of, next_month
from central.consumption.days_table import Days, parse_integers, present_days, to_figures
from central.consumption.model import SLOT_MS, DayFigures
from central.consumption.places import place_days_between
from central.consumption.slots import SLOT_S, SLOTS_AN_HOUR
from central.db.pool import Connection
from central.db.statements import load_statements, one, rows
from protocol.errors import ConfigError, NotFound

_SQL = load_statements("central.consumption")
# PostgreSQL's binary form of an array of one dimension without nulls: dimensions, flags, type, length, lower bound, then length and value of each.
_ARRAY_HEADER = 20
_BIGINTS = np.dtype([("size", ">i4"), ("value", ">i8")])
_INTEGERS = np.dtype([("size", ">i4"), ("value", ">i4")])
MAX_DAYS = {"15m": 62, "hour": 366, "day": 3700, "month": 12_000, "year": 12_000}


class Step(StrEnum):
    """How finely a range is cut."""

    QUARTER = "15m"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Item:
    """One period. `value` in the medium's base unit (Wh, litre), null where nothing is known.

    `quality`: measured, estimated, partial (not all of it is known), unknown. `coverage`: share known. `rates`: sharp, peak, flat, valley, deep
    valley; null for parts of a day. `adjusted`: entered into this month because closed months would be different by what is known today; not part
    of `value`.
    """

    start: str
    start_ms: int
    end_ms: int
    value: int | None
    quality: str
    coverage: float
    rates: tuple[int, ...] | None = None
    adjusted: int = 0
    closed: bool = False


@dataclass(slots=True)  # not frozen: there are as many as points, and freezing doubles what making them costs
class MonthFigure:
    """A reported month of a point; `rates` null where not asked for."""

    point_id: int
    point: str
    value: int | None
    known_s: int
    measured: bool
    rates: list[int] | None
    adjusted: int
    closed: bool


@dataclass(frozen=True, slots=True)
class Ranked:
    """One line of a ranking."""

    code: str
    name_zh: str
    name_en: str
    value: int
    coverage: float


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A day by the hour; null where nothing is known."""

    day: date
    hours: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class PointFacts:
    """What a report says of the point itself."""

    point_id: int
    code: str
    medium: str
    virtual: bool


def point_facts(conn: Connection, code: str) -> PointFacts:
    """Raises NotFound."""
    return one(conn, _SQL["point_facts"], PointFacts, f"there is no metering point {code!r}", code=code)


def point_consumption(conn: Connection, zone: str, code: str, since: date, until: date, step: Step) -> list[Item]:
    """A point from local day `since` to `until`, both included; whole months and years where that is the step. Raises NotFound, ConfigError."""
    point = point_facts(conn, code)
    _check_range(since, until, step)
    if step in (Step.MONTH, Step.YEAR):
        months = _point_months(conn, zone, point.point_id, month_of(since), month_of(until))
        return months if step is Step.MONTH else _years(months)
    found = present_days(conn, [Days(point.point_id, since, until)])
    figures = {day: to_figures(row) for (_, day), row in found.items()}
    return [item for day in _days(since, until) for item in _day_items(day, zone, figures.get(day), step)]


def check_place(conn: Connection, code: str) -> None:
    """Raises NotFound."""
    if conn.execute(_SQL["place_exists"], {"code": code}).fetchone() is None:
        raise NotFound(f"there is no place {code!r}")


def missing_inputs(conn: Connection, code: str, since: date, until: date) -> list[str]:
    """Inputs of a virtual point that are not known whole in the range: why it is not."""
    return [row[0] for row in conn.execute(_SQL["missing_inputs"], {"code": code, "since": since, "until": until})]


def place_consumption(conn: Connection, zone: str, place: str, medium: str, since: date, until: date, step: Step) -> list[Item]:
    """A place with everything below it. Raises ConfigError."""
    _check_range(since, until, step)
    if step in (Step.MONTH, Step.YEAR):
        months = _place_months(conn, zone, place, medium, month_of(since), month_of(until))
        return months if step is Step.MONTH else _years(months)
    found = {row.day: row for row in place_days_between(conn, [place], since, until) if row.medium == medium}
    items: list[Item] = []
    for day in _days(since, until):
        row = found.get(day)
        size = {Step.QUARTER: 1, Step.HOUR: SLOTS_AN_HOUR}.get(step)
        slots = None if row is None else parse_integers(row.slots)
        known = None if row is None else parse_integers(row.known)
        points = 0 if row is None else row.points
        start_ms, end_ms = bounds(day, zone)
        number = (end_ms - start_ms) // SLOT_MS
        for first in range(0, number, size or number):
            stop = min(first + (size or number), number)
            share = 0.0 if known is None or not points else min(1.0, float(known[first:stop].sum()) / (points * (stop - first)))
            value = None if slots is None or not (share or slots[first:stop].any()) else int(slots[first:stop].sum())
            rates = tuple(parse_integers(row.rates).tolist()) if row is not None and size is None else None
            items.append(_item(start_ms + first * SLOT_MS, start_ms + stop * SLOT_MS, day, first, value, share, share == 1.0, rates))
    return items


def month_of_points(conn: Connection, month: date, ids: Sequence[int] | None = None, rates: bool = False) -> list[MonthFigure]:
    """The reported month of some or all points that have one, in order of id. Rates cost half as much again."""
    wanted = None if ids is None else list(ids)
    return list(starmap(MonthFigure, _fetch(conn, "month_of_points", month=month, ids=wanted, rates=rates)))


def ranking(conn: Connection, place: str, medium: str, since: date, until: date, by: str, top: int) -> list[Ranked]:
    """Who used most: by `place` (directly below) or by `point` (in it and below). Whole months are read as months, anything else as days."""
    whole = since.day == 1 and (until + timedelta(days=1)).day == 1
    statement = f"ranking_by_{by}_{'months' if whole else 'days'}"
    found = _fetch(conn, statement, place=place, medium=medium, since=since, until=until, top=top, days=(until - since).days + 1)
    return list(starmap(Ranked, found))


def heat_map(conn: Connection, place: str, medium: str, year: int) -> list[HeatRow]:
    """A place's year, a row a day with its hours; days of which nothing is known are left out."""
    return heat_between(conn, place, medium, date(year, 1, 1), date(year, 12, 31))


def heat_between(conn: Connection, place: str, medium: str, since: date, until: date) -> list[HeatRow]:
    """As `heat_map`, of any days."""
    found = _fetch(conn, "heat_map", place=place, medium=medium, since=since, until=until)
    return [HeatRow(day, _hours(slots, known)) for day, slots, known in found]


def _fetch(conn: Connection, statement: str, **params: object) -> list[tuple[Any, ...]]:
    """Rows by position. Never prepared: the one plan for all values reads whole tables for one building."""
    with conn.cursor(binary=True) as cursor:
        return cursor.execute(_SQL[statement], params, prepare=False).fetchall()


def _hours(slots: bytes, known: bytes | None) -> tuple[int | None, ...]:
    """A day's hours from arrays as `heat_map` sends them; `known` null: something is known of every slot."""
    amounts = _by_hour(slots, _BIGINTS)
    if known is None:
        return tuple(amounts)
    return tuple(amount if points or amount else None for amount, points in zip(amounts, _by_hour(known, _INTEGERS), strict=True))


def _by_hour(sent: bytes, kind: np.dtype[np.void]) -> list[int]:
    values = np.frombuffer(sent, kind, offset=_ARRAY_HEADER)["value"].astype(np.int64)
    return list(np.add.reduceat(values, np.arange(0, len(values), SLOTS_AN_HOUR)).tolist())


def _check_range(since: date, until: date, step: Step) -> None:
    if until < since:
        raise ConfigError(f"the range ends ({until}) before it begins ({since})")
    if (until - since).days >= MAX_DAYS[step]:
        raise ConfigError(f"{(until - since).days + 1} days are too many for step {step}; at most {MAX_DAYS[step]}")


def _days(since: date, until: date) -> list[date]:
    return [since + timedelta(days=number) for number in range((until - since).days + 1)]


def _day_items(day: date, zone: str, figures: DayFigures | None, step: Step) -> list[Item]:
    start_ms, end_ms = bounds(day, zone)
    number = (end_ms - start_ms) // SLOT_MS
    size = {Step.QUARTER: 1, Step.HOUR: SLOTS_AN_HOUR}.get(step, number)
    items = []
    for first in range(0, number, size):
        stop = min(first + size, number)
        start, end = start_ms + first * SLOT_MS, start_ms + stop * SLOT_MS
        if figures is None:
            items.append(_item(start, end, day, first, None, 0.0, False, None))
            continue
        known_s = int(figures.known_s[first:stop].sum())
        share = known_s / ((stop - first) * SLOT_S)
        pinned = bool(figures.pins[first] and figures.pins[stop]) and not figures.made_up[first:stop].any()
        rates = tuple(figures.rates.tolist()) if step is Step.DAY and known_s else None
        items.append(_item(start, end, day, first, int(figures.slots[first:stop].sum()) if known_s else None, share, pinned, rates))
    return items


def _item(start_ms: int, end_ms: int, day: date, slot: int, value: int | None, share: float, pinned: bool, rates: tuple[int, ...] | None) -> Item:
    label = f"{day}" if (end_ms - start_ms) > 3_600_000 else f"{day} {slot // 4:02d}:{slot % 4 * 15:02d}"
    return Item(label, start_ms, end_ms, value, _quality(value, share, pinned), round(share, 4), rates)


def _quality(value: int | None, share: float, pinned: bool) -> str:
    if value is None:
        return "unknown"
    if share < 1:
        return "partial"
    return "measured" if pinned else "estimated"


@dataclass(frozen=True, slots=True)
class _MonthRow:
    month: date
    value: int | None
    due_s: int | None
    known_s: int
    measured: bool
    rates: list[int] | None
    adjusted: int
    closed: bool


def _point_months(conn: Connection, zone: str, point_id: int, first: date, last: date) -> list[Item]:
    return _months(zone, first, last, rows(conn, _SQL["months_of_point"], _MonthRow, id=point_id, first=first, last=last))


def _place_months(conn: Connection, zone: str, place: str, medium: str, first: date, last: date) -> list[Item]:
    found = rows(conn, _SQL["months_of_place"], _MonthRow, place=place, medium=medium, first=first, last=last)
    adjusted = adjusted_into(conn, zone, place, medium, first, last)
    return _months(zone, first, last, [replace(row, adjusted=adjusted.get(row.month, 0)) for row in found])


def _months(zone: str, first: date, last: date, found: Sequence[_MonthRow]) -> list[Item]:
    by_month = {row.month: row for row in found}
    items = []
    month = first
    while month <= last:
        start_ms, end_ms = month_bounds(month, zone)
        row = by_month.get(month)
        if row is None or row.value is None:
            items.append(Item(f"{month:%Y-%m}", start_ms, end_ms, None, "unknown", 0.0, None, 0 if row is None else row.adjusted))
        else:
            due_s = row.due_s or (end_ms - start_ms) // 1000
            share = min(1.0, row.known_s / due_s)
            rates = None if row.rates is None else tuple(row.rates)
            quality = _quality(row.value, share, row.measured)
            items.append(Item(f"{month:%Y-%m}", start_ms, end_ms, row.value, quality, round(share, 4), rates, row.adjusted, row.closed))
        month = next_month(month)
    return items


def _years(months: Sequence[Item]) -> list[Item]:
    """Years as sums of the months that were asked for."""
    years: dict[str, list[Item]] = {}
    for item in months:
        years.setdefault(item.start[:4], []).append(item)
    return [_year(label, items) for label, items in years.items()]


def _year(label: str, items: Sequence[Item]) -> Item:
    known = [item for item in items if item.value is not None]
    length_ms = sum(item.end_ms - item.start_ms for item in items)
    share = sum(item.coverage * (item.end_ms - item.start_ms) for item in items) / length_ms
    value = sum(item.value or 0 for item in known) if known else None
    rates = tuple(sum(column) for column in zip(*(item.rates for item in known if item.rates is not None), strict=True)) or None
    measured = all(item.quality == "measured" for item in items)
    adjusted = sum(item.adjusted for item in items)
    closed = all(item.closed for item in items)
    return Item(label, items[0].start_ms, items[-1].end_ms, value, _quality(value, share, measured), round(share, 4), rates, adjusted, closed)

"""A period of a point or a place beside another one: a year before by date, weekday or week of term (同比), or the period just before (环比)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np

from central.consumption.compare import Comparison, Counterpart, Mode, Series, Term, compare, counterparts
from central.consumption.days import boundaries, bounds, days_of_month, next_month
from central.consumption.days_table import Days, parse_integers, present_days, to_figures
from central.consumption.model import Integers
from central.consumption.places import place_days_between
from central.consumption.slots import SLOT_S, SLOTS_AN_HOUR
from central.consumption.tariff import kind_of
from central.consumption.tariffs import calendar_days
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from protocol.errors import ConfigError

_SQL = load_statements("central.consumption")
_PERIOD = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
Comparing = Literal["same_date", "weekday", "term_week", "previous"]
_HOUR_MS = 3_600_000
HoursOf = Callable[[date, date], Mapping[date, tuple[Integers, Integers]]]


@dataclass(frozen=True, slots=True)
class Compared:
    """`days` that were laid beside others, out of those of the period; `notes`: how many days each remark holds for. `comparable`: see reason."""

    code: str
    medium: str
    mode: str
    period: str
    days: int
    paired_days: int
    base_first: date | None
    base_last: date | None
    notes: Mapping[str, int]
    comparable: bool
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class AcademicTerm:
    """A part of the academic year that comes back every year, both days included."""

    kind: str
    first_day: date
    last_day: date


def compare_point(conn: Connection, zone: str, code: str, point_id: int, medium: str, mode: Comparing, period: str) -> Compared:
    """A point's year, month or day (`2025`, `2025-03`, `2025-03-01`). Raises ConfigError."""

    return _compared(conn, zone, code, medium, mode, period, _point_hours(conn, point_id))


def compare_point_days(conn: Connection, zone: str, point_id: int, pairs: Sequence[tuple[date, date]], until_ms: int) -> Comparison:
    """A point's days, in rising order, each laid beside another one. What of the last of them lies after `until_ms` counts on neither side."""
    hours_of = _point_hours(conn, point_id)
    over = sum(min(max(until_ms - bounds(day, zone)[0], 0) // _HOUR_MS, len(boundaries(day, zone)) // SLOTS_AN_HOUR) for day, _ in pairs)
    now, then = (_series(days, zone, hours_of) for days in ([day for day, _ in pairs], [base for _, base in pairs]))
    return compare(Series(now.amount[:over], now.known_s[:over]), Series(then.amount[:over], then.known_s[:over]))


def _point_hours(conn: Connection, point_id: int) -> HoursOf:
    def hours_of(since: date, until: date) -> Mapping[date, tuple[Integers, Integers]]:
        figures = (to_figures(row) for row in present_days(conn, [Days(point_id, since, until)]).values())
        return {one.day: _hourly(one.slots, one.known_s) for one in figures}

    return hours_of


def compare_place(conn: Connection, zone: str, place: str, medium: str, mode: Comparing, period: str) -> Compared:
    """A place's year, month or day; an hour is known where every point that counts is. Raises ConfigError."""

    def hours_of(since: date, until: date) -> Mapping[date, tuple[Integers, Integers]]:
        found = [row for row in place_days_between(conn, [place], since, until) if row.medium == medium and row.points]
        return {row.day: _hourly(parse_integers(row.slots), parse_integers(row.known) * SLOT_S // row.points) for row in found}

    return _compared(conn, zone, place, medium, mode, period, hours_of)


def academic_terms(conn: Connection) -> list[AcademicTerm]:
    """Every term, oldest first."""
    return rows(conn, _SQL["academic_terms"], AcademicTerm)


def put_academic_terms(conn: Connection, terms: Sequence[AcademicTerm]) -> None:
    """Write terms; one of the same kind and first day is replaced. Raises ConfigError."""
    for one in terms:
        if one.last_day < one.first_day:
            raise ConfigError(f"the term {one.kind} ends ({one.last_day}) before it begins ({one.first_day})")
    columns = {name: [getattr(one, name) for one in terms] for name in ("kind", "first_day", "last_day")}
    run(conn, _SQL["put_academic_terms"], **columns)


def _compared(conn: Connection, zone: str, code: str, medium: str, mode: Comparing, period: str, hours_of: HoursOf) -> Compared:
    days, previous = _days(period)
    if mode == "previous":
        paired, bases = list(days), previous
        notes: dict[str, int] = {}
    else:
        beside = _beside(conn, days, Mode(mode))
        paired = [one.day for one in beside if one.base is not None]
        bases = [one.base for one in beside if one.base is not None]
        notes = {str(note): sum(one.note is note for one in beside) for note in {one.note for one in beside} if note is not None}
    found = compare(_series(paired, zone, hours_of), _series(bases, zone, hours_of))
    first, last = (bases[0], bases[-1]) if bases else (None, None)
    return Compared(code, medium, mode, period, len(days), len(paired), first, last, notes, found.reason is None, found)


def _beside(conn: Connection, days: Sequence[date], mode: Mode) -> list[Counterpart]:
    calendar = {one.day: one.kind for one in calendar_days(conn)}
    terms = [Term(one.kind, one.first_day, one.last_day) for one in academic_terms(conn)] if mode is Mode.TERM_WEEK else []
    return counterparts(days, mode, lambda day: kind_of(day, calendar), terms)


def _days(period: str) -> tuple[list[date], list[date]]:
    """The days of a period, and those of the one before it."""
    found = _PERIOD.fullmatch(period)
    try:
        year, month, day = (None if part is None else int(part) for part in found.groups()) if found else (None, None, None)
        if year is None:
            raise ValueError("it is none")
        first = date(year, month or 1, day or 1)
        before = first - timedelta(days=1)
        if day is not None:
            return [first], [before]
        if month is not None:
            return days_of_month(first), days_of_month(before)
        return _days_of_year(year), _days_of_year(year - 1)
    except ValueError as error:
        raise ConfigError(f"{period!r} is no period: {error}; expected a year, a month or a day: 2025, 2025-03, 2025-03-01") from error


def _days_of_year(year: int) -> list[date]:
    month, found = date(year, 1, 1), []
    while month.year == year:
        found += days_of_month(month)
        month = next_month(month)
    return found


def _series(days: Sequence[date], zone: str, hours_of: HoursOf) -> Series:
    """Hours of the days one after the other; of days of which nothing is known nothing."""
    none = np.empty(0, np.int64)
    known = hours_of(min(days), max(days)) if days else {}
    parts = [known[day] if day in known else _unknown(day, zone) for day in days]
    return Series(np.concatenate([none, *(amount for amount, _ in parts)]), np.concatenate([none, *(known_s for _, known_s in parts)]))


def _unknown(day: date, zone: str) -> tuple[Integers, Integers]:
    slots = np.zeros(len(boundaries(day, zone)) - 1, np.int64)
    return _hourly(slots, slots)


def _hourly(slots: Integers, known_s: Integers) -> tuple[Integers, Integers]:
    starts = np.arange(0, len(slots), SLOTS_AN_HOUR)
    return np.add.reduceat(slots, starts), np.add.reduceat(known_s, starts)

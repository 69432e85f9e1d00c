"""Comparing periods honestly (同比, 环比): only what is known on both sides, no percentage from gaps, and a label that says what was compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from math import floor

from central.consumption.model import Integers
from central.consumption.rounding import half_up
from central.consumption.tariff import DayKind

LEAST_COVERAGE = Fraction(95, 100)  # of both periods; below it no percentage is shown
_HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Series:
    """Consumption by the hour of a period, as far as known; columns of equal length, aligned by place with the period it is compared with."""

    amount: Integers
    known_s: Integers


class Reason(StrEnum):
    """Why there is no percentage."""

    COVERAGE = "coverage"  # too little of one of the periods is known
    ZERO = "zero"  # nothing was used in the base period


@dataclass(frozen=True, slots=True)
class Comparison:
    """`value`, `base`: all that is known of each period; `common_*`: over the hours known whole in both.

    `change_permille`: of the common hours; None for a `reason`.
    """

    value: int
    base: int
    coverage_percent: int
    base_coverage_percent: int
    common_value: int
    common_base: int
    common_hours: int
    change_permille: int | None
    reason: Reason | None


def compare(now: Series, then: Series) -> Comparison:
    """Lay two periods side by side, hour by hour from their beginnings; what one is longer than the other is not common."""
    length = min(len(now.amount), len(then.amount))
    common = (now.known_s[:length] == _HOUR_S) & (then.known_s[:length] == _HOUR_S)
    value, base = int(now.amount[:length][common].sum()), int(then.amount[:length][common].sum())
    reason = None
    if min(_coverage(now), _coverage(then)) < LEAST_COVERAGE:
        reason = Reason.COVERAGE
    elif base <= 0:
        reason = Reason.ZERO
    return Comparison(
        value=int(now.amount.sum()),
        base=int(then.amount.sum()),
        coverage_percent=floor(_coverage(now) * 100),
        base_coverage_percent=floor(_coverage(then) * 100),
        common_value=value,
        common_base=base,
        common_hours=int(common.sum()),
        change_permille=half_up(Fraction(value - base, base) * 1000) if reason is None else None,
        reason=reason,
    )


class Mode(StrEnum):
    """What a day is compared with: the same date a year before, the same weekday 52 weeks before, the same weekday of the same week of term."""

    SAME_DATE = "same_date"
    WEEKDAY = "weekday"
    TERM_WEEK = "term_week"


class Note(StrEnum):
    """What a reader of a comparison must know, or why a day has no counterpart."""

    NO_SUCH_DATE = "no_such_date"  # 29 February
    NO_TERM = "no_term"  # the day, or the week a year before, is in no term of that kind
    OTHER_KIND = "other_kind"  # a holiday beside a workday, or the like


@dataclass(frozen=True, slots=True)
class Term:
    """A part of the academic year that comes back every year: `kind` (`spring`, `summer_break`, ...). Its weeks begin on Mondays."""

    kind: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Counterpart:
    """The day a day is compared with; None if there is none. `mode` and `note` are its label, `week` the week of term where that decides."""

    day: date
    base: date | None
    mode: Mode
    note: Note | None = None
    week: int | None = None


def counterparts(days: Sequence[date], mode: Mode, kind_of: Callable[[date], DayKind], terms: Sequence[Term] = ()) -> list[Counterpart]:
    """The day of a year before for each day, with what makes the two differ in kind. `terms`: of both years, in any order."""
    found = [_counterpart(day, mode, terms) for day in days]
    return [one if one.base is None or kind_of(one.day) == kind_of(one.base) else _noted(one) for one in found]


def _counterpart(day: date, mode: Mode, terms: Sequence[Term]) -> Counterpart:
    if mode is Mode.WEEKDAY:
        return Counterpart(day, day - timedelta(weeks=52), mode)
    if mode is Mode.TERM_WEEK:
        return _same_week_of_term(day, terms)
    if (day.month, day.day) == (2, 29):
        return Counterpart(day, None, mode, Note.NO_SUCH_DATE)
    return Counterpart(day, day.replace(year=day.year - 1), mode)


def _same_week_of_term(day: date, terms: Sequence[Term]) -> Counterpart:
    term = next((one for one in terms if one.first <= day <= one.last), None)
    if term is None:
        return Counterpart(day, None, Mode.TERM_WEEK, Note.NO_TERM)
    into = day - _monday(term.first)
    week = into.days // 7 + 1
    earlier = max((one for one in terms if one.kind == term.kind and one.last < term.first), key=lambda one: one.first, default=None)
    base = None if earlier is None else _monday(earlier.first) + into
    if earlier is None or base is None or not earlier.first <= base <= earlier.last:
        return Counterpart(day, None, Mode.TERM_WEEK, Note.NO_TERM, week)
    return Counterpart(day, base, Mode.TERM_WEEK, None, week)


def _noted(one: Counterpart) -> Counterpart:
    return Counterpart(one.day, one.base, one.mode, Note.OTHER_KIND, one.week)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _coverage(series: Series) -> Fraction:
    return Fraction(int(series.known_s.sum()), max(len(series.known_s), 1) * _HOUR_S)

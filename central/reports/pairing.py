"""Which period a period is laid beside, day by day: the one before it, or one of a year before by date, weekday or week of term."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from central.consumption.compare import Counterpart, Mode, Term, counterparts
from central.consumption.comparisons import academic_terms
from central.consumption.days import month_of, next_month
from central.consumption.tariff import kind_of
from central.consumption.tariffs import calendar_days
from central.db.pool import Connection
from central.reports.model import Beside, Paired
from central.reports.span import Span, whole_months

_DAY = timedelta(days=1)


def pair(conn: Connection, period: Span, beside: Beside) -> Paired | None:
    """The counterpart of every day that has begun; None where nothing is to be compared."""
    if beside == "none":
        return None
    days = period.each
    if beside == "previous":
        first, last = before(period.first, period.last)
        bases = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        return _paired(beside, list(zip(days, bases, strict=False)), [])
    calendar = {one.day: one.kind for one in calendar_days(conn)}
    terms = [Term(one.kind, one.first_day, one.last_day) for one in academic_terms(conn)] if beside == "term_week" else []
    found = counterparts(days, Mode(beside), lambda day: kind_of(day, calendar), terms)
    return _paired(beside, [(one.day, one.base) for one in found if one.base is not None], found)


def before(first: date, last: date) -> tuple[date, date]:
    """The period just before one: as many calendar months where it consists of whole ones, else as many days."""
    months = whole_months(first, last)
    if months is not None and months[0] == first and next_month(months[1]) - _DAY == last:
        count = (last.year - first.year) * 12 + last.month - first.month + 1
        start = first
        for _ in range(count):
            start = month_of(start - _DAY)
        return start, first - _DAY
    return first - (last - first + _DAY), first - _DAY


def _paired(mode: Beside, pairs: Sequence[tuple[date, date]], found: Sequence[Counterpart]) -> Paired:
    notes = {str(note): sum(one.note is note for one in found) for note in {one.note for one in found} if note is not None}
    bases = [base for _, base in pairs]
    return Paired(mode, pairs, min(bases, default=None), max(bases, default=None), notes)

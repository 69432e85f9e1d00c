"""A period as reports ask for it, and how it is cut: into stretches in which the tree of supply stands still, those into months and days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from central.consumption.days import bounds, day_of, month_of, next_month
from protocol.errors import ConfigError

MAX_DAYS = 3700
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """Local days `first` to `last`, both included, looked at at `now_ms`: nothing is due of what lies ahead."""

    first: date
    last: date
    zone: str
    now_ms: int

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def start_ms(self) -> int:
        """Its first instant."""
        return bounds(self.first, self.zone)[0]

    @property
    def end_ms(self) -> int:
        """The instant it ends, or now if it has not ended."""
        return max(self.start_ms, min(bounds(self.last, self.zone)[1], self.now_ms))

    @property
    def reached(self) -> date:
        """Its last day that has begun."""
        return min(self.last, day_of(self.now_ms, self.zone))

    @property
    def each(self) -> list[date]:
        """Its days that have begun."""
        return [self.first + timedelta(days=number) for number in range((self.reached - self.first).days + 1)]

    def part(self, first: date, last: date) -> Span:
        """A part of it."""
        return replace(self, first=first, last=last)


def span(first: date, last: date, zone: str, now_ms: int) -> Span:
    """A period. Raises ConfigError for one that is none."""
    if not 0 <= (last - first).days < MAX_DAYS:
        raise ConfigError(f"the range {first} to {last} must not end before it begins nor be longer than {MAX_DAYS} days")
    return Span(first, last, zone, now_ms)


def stretches(period: Span, changes: Sequence[date]) -> Iterator[Span]:
    """The period cut before each of these days that lie within it."""
    starts = [period.first, *sorted({day for day in changes if period.first < day <= period.last})]
    for number, start in enumerate(starts):
        yield period.part(start, starts[number + 1] - _DAY if number + 1 < len(starts) else period.last)


def whole_months(first: date, last: date) -> tuple[date, date] | None:
    """The first and last month that lie in a range with all their days; None if there is none."""
    begin = first if first.day == 1 else next_month(first)
    end = month_of(last) if (last + _DAY).day == 1 else month_of(month_of(last) - _DAY)
    return (begin, end) if begin <= end else None


def loose_days(first: date, last: date) -> list[tuple[date, date]]:
    """What of a range lies in no whole month, as ranges of days."""
    months = whole_months(first, last)
    if months is None:
        return [(first, last)]
    begin, end = months[0], next_month(months[1]) - _DAY
    return [(start, stop) for start, stop in ((first, begin - _DAY), (end + _DAY, last)) if start <= stop]

"""What part of the site and of time a page shows: node, period, comparison, tab. All of it stands in the address, so that a link shows the same.

    ?node=b1&period=month&at=2026-11-01&compare=previous&tab=ranking      ?node=b1&period=custom&at=2026-11-03&to=2026-11-09

Pure but for the FastAPI dependency at the end. Days are the site's local days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import Query

from protocol.errors import ConfigError

W = TypeVar("W", bound=StrEnum)
MAX_CUSTOM_DAYS = 3700
_FIRST_YEAR, _LAST_YEAR = 2000, 2200


class Period(StrEnum):
    """How much of time a page shows. Weeks begin on Mondays."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    CUSTOM = "custom"


class Compare(StrEnum):
    """What it is shown beside: nothing, the period before, the same period of the year before."""

    NONE = "none"
    PREVIOUS = "previous"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class View:
    """`node`: a place's code; empty: all the asker may see. `first`, `last`: local days, both included; whole periods but for CUSTOM.

    `today`: the local day on which it is looked at.
    """

    node: str
    period: Period
    first: date
    last: date
    compare: Compare
    tab: str
    today: date

    @property
    def days(self) -> int:
        """How many local days it spans."""
        return (self.last - self.first).days + 1

    @property
    def is_current(self) -> bool:
        """Whether today lies in it."""
        return self.first <= self.today <= self.last

    @property
    def has_earlier(self) -> bool:
        """Whether an address can ask for the period before."""
        return self.first > date(_FIRST_YEAR + 1, 1, 1)

    @property
    def has_later(self) -> bool:
        """Whether the next period has begun."""
        return self.last < self.today

    def query(self, **changes: str) -> str:
        """The address's query string of this view, with some parts (`node`, `tab`, `compare`, ...) otherwise."""
        parts = {"node": self.node, "period": self.period.value, "at": self.first.isoformat()}
        if self.period is Period.CUSTOM:
            parts["to"] = self.last.isoformat()
        if self.compare is not Compare.NONE:
            parts["compare"] = self.compare.value
        if self.tab:
            parts["tab"] = self.tab
        return urlencode({key: value for key, value in (parts | changes).items() if value})

    def moved(self, steps: int) -> View:
        """The view as many periods later (or earlier)."""
        first, last = _span(self.period, _shifted(self.period, self.first, steps, self.days), self.days)
        return replace(self, first=first, last=last)

    def current(self) -> View:
        """As long, and up to today."""
        days = self.days if self.period is Period.CUSTOM else 1
        first, last = _span(self.period, self.today - timedelta(days=days - 1), days)
        return replace(self, first=first, last=last)

    def turned(self, period: str) -> View:
        """The same time in periods of another length: around today where it holds today, else around its first day."""
        wanted = Period(period)
        if wanted in (Period.CUSTOM, self.period):
            return replace(self, period=wanted)
        first, last = _span(wanted, self.today if self.is_current else self.first, 1)
        return replace(self, period=wanted, first=first, last=last)

    def beside(self) -> tuple[date, date] | None:
        """First and last day of what it is compared with."""
        if self.compare is Compare.NONE:
            return None
        if self.compare is Compare.PREVIOUS:
            before = self.moved(-1)
            return before.first, before.last
        if self.period is Period.WEEK:  # 52 weeks: the week nearest by the calendar, weekday by weekday
            return _span(self.period, self.first - timedelta(weeks=52), self.days)
        return _span(self.period, _year_before(self.first), self.days)


def view_of(asked: Mapping[str, str], today: date) -> View:
    """The view an address asks for; what it leaves out is the current month. Raises ConfigError for what no view can be."""
    period = _word(Period, asked.get("period") or Period.MONTH.value, "period")
    compare = _word(Compare, asked.get("compare") or Compare.NONE.value, "compare")
    at = _day(asked.get("at") or "", today, "at")
    last = _day(asked.get("to") or "", at, "to") if period is Period.CUSTOM else at
    if not 0 <= (last - at).days < MAX_CUSTOM_DAYS:
        raise ConfigError(f"the range {at} to {last} must not end before it begins nor be longer than {MAX_CUSTOM_DAYS} days")
    first, last = _span(period, at, (last - at).days + 1)
    return View(asked.get("node") or "", period, first, last, compare, asked.get("tab") or "", today)


def asked_view(
    node: Annotated[str, Query(max_length=64)] = "",
    period: Annotated[str, Query(max_length=10)] = "",
    at: Annotated[str, Query(max_length=10)] = "",
    to: Annotated[str, Query(max_length=10)] = "",
    compare: Annotated[str, Query(max_length=10)] = "",
    tab: Annotated[str, Query(max_length=20)] = "",
) -> Mapping[str, str]:
    """Dependency: the view's part of the address, for `view_of`."""
    return {"node": node, "period": period, "at": at, "to": to, "compare": compare, "tab": tab}


def _span(period: Period, at: date, days: int) -> tuple[date, date]:
    if period is Period.WEEK:
        monday = at - timedelta(days=at.weekday())
        return monday, monday + timedelta(days=6)
    if period is Period.MONTH:
        first = at.replace(day=1)
        return first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    if period is Period.YEAR:
        return date(at.year, 1, 1), date(at.year, 12, 31)
    return at, at + timedelta(days=days - 1)


def _shifted(period: Period, first: date, steps: int, days: int) -> date:
    if period is Period.MONTH:
        months = first.year * 12 + first.month - 1 + steps
        return date(months // 12, months % 12 + 1, 1)
    if period is Period.YEAR:
        return date(first.year + steps, 1, 1)
    return first + timedelta(days=steps * days)


def _year_before(day: date) -> date:
    return day.replace(year=day.year - 1, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)


def _word(kind: type[W], text: str, name: str) -> W:
    try:
        return kind(text)
    except ValueError:
        raise ConfigError(f"{name} must be one of {', '.join(kind)}, got {text!r}") from None


def _day(text: str, otherwise: date, name: str) -> date:
    try:
        found = date.fromisoformat(text) if text else otherwise
    except ValueError:
        raise ConfigError(f"{name} must be a day such as 2026-11-22, got {text!r}") from None
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise ConfigError(f"{name} must lie between {_FIRST_YEAR} and {_LAST_YEAR}, got {found}")
    return found

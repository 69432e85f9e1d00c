"""Differences of meters over the time in which all of them are measured: what a parent shows less what its children show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from central.db.pool import Connection
from central.reports.span import Span
from central.reports.sums import by_part, fetch
from central.reports.weigh import Share

MAX_POINT_DAYS = 6_000  # read hour by hour: about a third of a second; more is taken by whole days


@dataclass(frozen=True, slots=True)
class Exact:
    """`value`: of all with their signs, `added`: of those that are added, over `count` of `due` hours (days) measured in all; None where none are."""

    value: int | None
    added: int | None
    count: int
    due: int
    unit: Literal["hour", "day"]


def exact(conn: Connection, period: Span, groups: Mapping[str, Sequence[Share]]) -> dict[str, Exact]:
    """One difference a group. A point stands in a group once."""
    return {name: _by_hours(conn, period, shares) for name, shares in groups.items()} if _few(period, groups) else _by_days(conn, period, groups)


def _few(period: Span, groups: Mapping[str, Sequence[Share]]) -> bool:
    return sum(map(len, groups.values())) * len(period.each) <= MAX_POINT_DAYS


def _by_hours(conn: Connection, period: Span, shares: Sequence[Share]) -> Exact:
    asked = {"ids": [point for _, point, _ in shares], "signs": [sign for _, _, sign in shares], "first": period.first, "last": period.last}
    count, value, added = fetch(conn, "exact_hours", asked)[0]
    due = (period.end_ms - period.start_ms) // 3_600_000
    return Exact(value if count else None, added if count else None, count, due, "hour")


def _by_days(conn: Connection, period: Span, groups: Mapping[str, Sequence[Share]]) -> dict[str, Exact]:
    shares = [(name, point, sign) for name, group in groups.items() for _, point, sign in group]
    sizes = [len(groups[name]) for name, _, _ in shares]
    found = by_part(conn, "exact_days", shares, sizes=sizes, first=period.first, last=period.last)
    due = len(period.each)
    none = Exact(None, None, 0, due, "day")
    return {name: Exact(found[name][1], found[name][2], found[name][0], due, "day") if name in found else none for name in groups}

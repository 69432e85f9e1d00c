"""Sums over the points of a place, part by part, for any period: whole months are read as they are reported, other days as they are known today.

The tree of supply may change within the period. It is then cut at these days, and each stretch is summed by the tree it had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from central.db.pool import Connection
from central.db.statements import load_statements
from central.reports.model import LEAST_COVERAGE, MAX_CUTS, NOTHING, Figure, Medium, Reason
from central.reports.span import Span, loose_days, stretches, whole_months
from central.reports.weigh import Counting, Share, Weigh
from protocol.errors import ConfigError

_SQL = load_statements("central.reports")


@dataclass(slots=True)
class Sum:
    """A part as it is added up. `due_s`, `known_s`: of what is added; `less_*`: of what is taken away; `rows`: with something known."""

    value: int = 0
    due_s: int = 0
    known_s: int = 0
    less_due_s: int = 0
    less_known_s: int = 0
    rows: int = 0
    measured: bool = True

    @property
    def figure(self) -> Figure:
        """What can be said of it. Nothing is taken away of which too little is known: the rest would be somebody else's energy."""
        if not self.rows or not self.known_s:
            return NOTHING
        coverage = min(_share(self.known_s, self.due_s), _share(self.less_known_s, self.less_due_s))
        if self.less_due_s and coverage < LEAST_COVERAGE:
            return Figure(None, round(coverage, 4), "unknown", Reason.PARTS_MISSING)
        reason = Reason.NEGATIVE if self.value < 0 else None
        if coverage < 1:
            return Figure(self.value, min(round(coverage, 4), 0.9999), "partial", reason)
        return Figure(self.value, 1.0, "measured" if self.measured else "estimated", reason)


def stretches_of(conn: Connection, period: Span, node: str, items: bool = False) -> list[Span]:
    """The period in stretches in which nothing changes. `items`: changed items matter too. Raises ConfigError for too many."""
    asked = {"node": node, "first": period.first, "last": period.last, "zone": period.zone, "items": items}
    changes = [row[0] for row in fetch(conn, "changes_of_tree", asked)]
    if len(changes) > MAX_CUTS:
        raise ConfigError(f"the tree of supply below {node!r} changed on {len(changes)} days of the period, at most {MAX_CUTS} can be; ask for less")
    return list(stretches(period, changes))


def counting(conn: Connection, period: Span, node: str, medium: Medium) -> list[Counting]:
    """The points that count in a place on the first day of a stretch."""
    asked = {"node": node, "medium": medium, "day": period.first, "zone": period.zone}
    return [Counting(*row) for row in fetch(conn, "counting", asked)]


def sums(conn: Connection, period: Span, node: str, medium: Medium, weigh: Weigh, items: bool = False) -> dict[str, Sum]:
    """Every part's sum. `weigh` says who counts for what; it is asked for each stretch."""
    total: dict[str, Sum] = {}
    for stretch in stretches_of(conn, period, node, items):
        points = counting(conn, stretch, node, medium)
        add(conn, stretch, weigh(points), points, total)
    return total


def add(conn: Connection, stretch: Span, shares: Sequence[Share], points: Iterable[Counting], total: dict[str, Sum]) -> None:
    """Add one stretch of these shares."""
    add_due(stretch, shares, points, total)
    columns, names = columns_of(shares)
    months = whole_months(stretch.first, stretch.last)
    asked = [("sum_days", first, last) for first, last in loose_days(stretch.first, stretch.last)]
    for statement, first, last in asked if months is None else [*asked, ("sum_months", *months)]:
        for part, value, known_s, less_known_s, measured, count, _ in fetch(conn, statement, {**columns, "first": first, "last": last}):
            one = total[names[part]]
            one.value += value
            one.known_s += known_s
            one.less_known_s += less_known_s
            one.measured = one.measured and measured
            one.rows += count


def add_due(stretch: Span, shares: Sequence[Share], points: Iterable[Counting], total: dict[str, Sum]) -> None:
    """Add what is due of these shares in one stretch."""
    start_ms, end_ms = stretch.start_ms, stretch.end_ms
    due = {one.point_id: _due_s(one, start_ms, end_ms) for one in points}
    for part, point, sign in shares:
        one = total.setdefault(part, Sum())
        if sign > 0:
            one.due_s += due[point]
        else:
            one.less_due_s += due[point]


def columns_of(shares: Sequence[Share]) -> tuple[dict[str, str], list[str]]:
    """Shares as the statements take them, parts as numbers, and the names of these. Arrays as text: the driver takes 10 ms for 12,600 numbers."""
    names = list(dict.fromkeys(part for part, _, _ in shares))
    numbers = {name: number for number, name in enumerate(names)}
    return {
        "parts": _array(numbers[part] for part, _, _ in shares),
        "ids": _array(point for _, point, _ in shares),
        "signs": _array(sign for _, _, sign in shares),
    }, names


def _array(values: Iterable[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def by_part(conn: Connection, statement: str, shares: Sequence[Share], **asked: object) -> dict[str, tuple[Any, ...]]:
    """A statement's rows by part, without the part."""
    columns, names = columns_of(shares)
    return {names[row[0]]: row[1:] for row in fetch(conn, statement, {**columns, **asked})}


def _due_s(point: Counting, start_ms: int, end_ms: int) -> int:
    until_ms = end_ms if point.removed_ms is None else min(end_ms, point.removed_ms)
    return max(0, until_ms - max(start_ms, point.installed_ms)) // 1000


def _share(known_s: int, due_s: int) -> float:
    return min(1.0, known_s / due_s) if due_s else 1.0


def fetch(conn: Connection, statement: str, asked: Mapping[str, object]) -> list[tuple[Any, ...]]:
    """Rows by position. Never prepared: the one plan for all values reads whole tables for one building."""
    with conn.cursor(binary=True) as cursor:
        return cursor.execute(_SQL[statement], asked, prepare=False).fetchall()

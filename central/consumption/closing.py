"""Closing a month: its figures are kept as they are reported. What later data would change is entered as an adjustment into an open month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import orjson

from central.consumption.days import day_of, days_of_month, month_bounds, month_of, next_month
from central.consumption.months import last_closed
from central.consumption.tree import counts_in, hangs, load_tree
from central.db.pool import Connection
from central.db.statements import load_statements, one, rows, run
from central.reports.dictionary import factor_versions_on
from protocol.errors import Conflict, Refused

_SQL = load_statements("central.consumption")
MAX_MISSING = 0.05  # of all point seconds of the month; more has to be forced with a reason


@dataclass(frozen=True, slots=True)
class MonthState:
    """How a month stands. `points`: with a meter, and in sums; `missing`: share of their time of which nothing is known.

    `waiting`: arrivals and changes the job has not worked off. `refused`: why it cannot be closed (without force), None when it can.
    """

    month: date
    closed: bool
    points: int
    with_figures: int
    measured: int
    missing: float
    findings: int
    waiting: int
    refused: str | None


def close_month(conn: Connection, zone: str, month: date, actor: str, now: datetime, preview: bool, force: str | None = None) -> MonthState:
    """Close a month in the caller's transaction, or only tell how it stands. `force`: the reason to close it in spite of missing data.

    Raises Conflict for a closed month, one that is not over, or one after a month that is still open; Refused where too much is missing.
    """
    run(conn, _SQL["lock_consumption"])
    state = month_state(conn, zone, month, now)
    if preview:
        return state
    order = _order_problem(conn, zone, month, now)
    if order:
        raise Conflict(order)
    if state.refused and not force:
        raise Refused(f"{month:%Y-%m} is not closed: {state.refused}; settle it, or close it with a reason")
    run(conn, _SQL["close_month"], month=month, actor=actor, now=now, inputs=orjson.dumps(_inputs(conn, month, force)).decode())
    run(conn, _SQL["close_figures"], month=month)
    run(conn, _SQL["close_places"], month=month)
    return month_state(conn, zone, month, now)


def month_state(conn: Connection, zone: str, month: date, now: datetime) -> MonthState:
    """How a month stands now."""
    found = one(conn, _SQL["month_state"], _Facts, "", month=month, next=next_month(month), **_window(month, zone))
    missing = 1 - found.known_s / found.due_s if found.due_s else 0.0
    refused = _order_problem(conn, zone, month, now) or _data_problem(found, missing)
    return MonthState(
        month, found.closed, found.points, found.with_figures, found.measured, round(missing, 6), found.findings, found.waiting, refused
    )


def adjusted_into(conn: Connection, zone: str, place: str, medium: str, first: date, last: date) -> dict[date, int]:
    """What was entered into open months, first to last, for the points that counted in a place in the month that was closed.

    A point counts where it did on the last day of that month on which it hung anywhere.
    """
    found = rows(conn, _SQL["adjustments_into"], _Adjusted, medium=medium, first=first, last=last)
    tree = load_tree(conn, zone, {row.point_id for row in found})
    total: dict[date, int] = {}
    for row in found:
        day = next((day for day in reversed(days_of_month(row.closed_month)) if hangs(tree, row.point_id, day)), row.closed_month)
        if place in counts_in(tree, row.point_id, day):
            total[row.into_month] = total.get(row.into_month, 0) + row.value
    return total


@dataclass(frozen=True, slots=True)
class _Adjusted:
    into_month: date
    closed_month: date
    point_id: int
    value: int


@dataclass(frozen=True, slots=True)
class _Facts:
    closed: bool
    points: int
    with_figures: int
    measured: int
    due_s: int
    known_s: int
    findings: int
    waiting: int


def _order_problem(conn: Connection, zone: str, month: date, now: datetime) -> str | None:
    newest = last_closed(conn)
    if newest is not None and month <= newest:
        return f"{month:%Y-%m} is closed already"
    today = day_of(int(now.timestamp() * 1000), zone)
    if month >= month_of(today):
        return f"{month:%Y-%m} is not over"
    row = conn.execute(_SQL["first_month"]).fetchone()
    first = next_month(newest) if newest is not None else row[0] if row and row[0] else month
    return f"{first:%Y-%m} is still open; close months in order" if first < month else None


def _data_problem(found: _Facts, missing: float) -> str | None:
    if found.waiting:
        return f"{found.waiting} arrivals or changes wait to be worked off"
    if missing > MAX_MISSING:
        return f"{missing:.1%} of what should be known is missing, at most {MAX_MISSING:.0%} may be"
    return None


def _inputs(conn: Connection, month: date, force: str | None) -> dict[str, object]:
    """What the figures were made with: versions of tariffs and conversion factors in force, and why it was forced."""
    versions = conn.execute(_SQL["tariffs_in_force"], {"month": month, "next": next_month(month)}).fetchall()
    tariffs = [f"{tariff} {valid_from}" for tariff, valid_from in versions]
    return {"tariffs": tariffs, "factors": factor_versions_on(month), "forced": force, "closed_with": "central.consumption"}


def _window(month: date, zone: str) -> dict[str, datetime]:
    start_ms, end_ms = month_bounds(month, zone)
    return {"start_at": datetime.fromtimestamp(start_ms / 1000, UTC), "end_at": datetime.fromtimestamp(end_ms / 1000, UTC)}

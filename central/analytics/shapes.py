"""The habits of a place: how much of its load runs at night and on free days, week by week, beside its own eight weeks before."""

from __future__ import annotations

from datetime import date, timedelta

from central.analytics.model import Medium, ShapeRow
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from central.identity.scope import Scope

_SQL = load_statements("central.analytics")
MAX_ROWS = 500
KEEP_WEEKS = 60
BACK_WEEKS = 9
LEAST_WEEKS = 4  # of the eight before: with fewer nothing is usual yet
_COVERAGE_PERMILLE = 950


def load_shapes(
    conn: Connection, scope: Scope, node: str | None, medium: Medium = "electricity", offset: int = 0, limit: int = 100
) -> list[ShapeRow]:
    """Places at and below a node in their newest complete week, those first whose nights cost most above their usual."""
    newest = conn.execute(_SQL["newest_shape"]).fetchone()
    asked = {"scope": scope, "node": node or None, "medium": medium, "offset": offset, "limit": min(limit, MAX_ROWS)}
    return rows(conn, _SQL["shapes"], ShapeRow, week=newest[0] if newest else None, least=LEAST_WEEKS, **asked)


def put_shapes(conn: Connection, monday: date) -> int:
    """Compute every place's week that begins on a Monday; returns how many there are."""
    return run(conn, _SQL["put_shapes"], since=monday, until=monday + timedelta(days=6), share=_COVERAGE_PERMILLE)


def weeks_to_put(conn: Connection, today: date) -> list[date]:
    """Mondays of complete weeks to compute: the last two again, for what came late, and at first all that are compared."""
    this = today - timedelta(days=today.weekday())
    newest = conn.execute(_SQL["newest_shape"]).fetchone()
    weeks = 2 if newest and newest[0] is not None and newest[0] >= this - timedelta(weeks=2) else BACK_WEEKS
    return [this - timedelta(weeks=number) for number in range(weeks, 0, -1)]


def forget_shapes(conn: Connection, today: date) -> int:
    """Delete weeks older than are kept."""
    return run(conn, _SQL["purge_shapes"], before=today - timedelta(weeks=KEEP_WEEKS))

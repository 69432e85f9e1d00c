"""Months of points: the sums of their days. A closed one keeps its figures; what it would differ by is counted in the first open month."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import date

from central.consumption.days import month_bounds, next_month
from central.consumption.days_table import column
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run

_SQL = load_statements("central.consumption")
Key = tuple[int, date]  # point, month
ACTOR = "consumption"


@dataclass(frozen=True, slots=True)
class MonthRow:
    """One row of consumption_month without its version; `rates` as text."""

    point_id: int
    month: date
    value: int
    known_s: int
    measured: bool
    days: int
    rates: str


def refresh_months(conn: Connection, zone: str, keys: Collection[Key], reason: str) -> int:
    """Write months anew from their days; for closed ones enter the difference. Returns how many months changed."""
    due, present = months_of_days(conn, zone, keys), present_months(conn, keys)
    written = [row for key, row in due.items() if row != present.get(key)]
    gone = [key for key in present if key not in due]
    if written:
        run(conn, _SQL["write_months"], **{field.name: column([getattr(row, field.name) for row in written]) for field in fields(MonthRow)})
    if gone:
        run(conn, _SQL["delete_months"], **_columns(gone))
    changed = [(row.point_id, row.month) for row in written] + gone
    adjust(conn, changed, reason)
    return len(changed)


def months_of_days(conn: Connection, zone: str, keys: Collection[Key]) -> dict[Key, MonthRow]:
    """What the day rows make of months; nothing where no day is known."""
    lengths = {month: (next_month(month), month_length_s(month, zone)) for month in {month for _, month in keys}}
    found = rows(
        conn,
        _SQL["months_of_days"],
        MonthRow,
        **_columns(keys),
        nexts=[lengths[month][0] for _, month in keys],
        lengths_s=[lengths[month][1] for _, month in keys],
    )
    return {(row.point_id, row.month): row for row in found}


def present_months(conn: Connection, keys: Collection[Key]) -> dict[Key, MonthRow]:
    """Month rows that stand."""
    return {(row.point_id, row.month): row for row in rows(conn, _SQL["present_months"], MonthRow, **_columns(keys))}


def month_length_s(month: date, zone: str) -> int:
    """Seconds of a local month."""
    start_ms, end_ms = month_bounds(month, zone)
    return (end_ms - start_ms) // 1000


def last_closed(conn: Connection) -> date | None:
    """The newest closed month; all before it are closed too."""
    row = conn.execute(_SQL["last_closed"]).fetchone()
    return row[0] if row else None


def adjust(conn: Connection, changed: Collection[Key], reason: str) -> None:
    """Closed figures plus adjustments must give what is known today: enter what is missing to that into the first open month."""
    newest = last_closed(conn)
    closed = [key for key in changed if newest is not None and key[1] <= newest]
    if newest is not None and closed:
        run(conn, _SQL["adjust"], **_columns(closed), into=next_month(newest), reason=reason, actor=ACTOR)


def _columns(keys: Collection[Key]) -> dict[str, list[object]]:
    return {"ids": [point for point, _ in keys], "months": [month for _, month in keys]}

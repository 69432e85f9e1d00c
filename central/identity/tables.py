"""The audit trail as a table, to filter and to export."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from central.db.pool import Connection
from central.db.statements import load_statements, number
from central.identity.actions import ACTIONS
from central.identity.scope import Scope
from central.web.site import load_site
from central.web.tables import Asked, Column, Fetched, Filter, Row, TableSpec
from central.web.translations import N_

_SQL = load_statements("central.identity")


def fetch_audit(conn: Connection, scope: Scope, asked: Asked, limit: int) -> Fetched:
    """Rows of the trail. It is about the whole site: who sees a part of it sees none of it."""
    if scope is not None:
        return Fetched((), 0)
    values = _filters(conn, asked)
    oldest_first = asked.sort == "at_ms" and not asked.descending
    cursor = conn.execute(_SQL["audit_rows"], {**values, "oldest_first": oldest_first, "offset": asked.offset, "limit": limit})
    keys = [column.name for column in cursor.description or ()]
    return Fetched([_row(dict(zip(keys, row, strict=True))) for row in cursor], number(conn, _SQL["audit_count"], **values))


def _filters(conn: Connection, asked: Asked) -> dict[str, Any]:
    zone = load_site(conn).zone
    first, last = _day(asked.filters.get("from", "")), _day(asked.filters.get("to", ""))
    return {
        "q": _like(asked.filters.get("q")),
        "actor": _like(asked.filters.get("actor")),
        "target": _like(asked.filters.get("target")),
        "action": asked.filters.get("action"),
        "from": datetime.combine(first, time(), zone) if first else None,
        "to": datetime.combine(last + timedelta(days=1), time(), zone) if last else None,
    }


def _row(row: dict[str, Any]) -> Row:
    facts = row["details"]
    return row | {"details": " · ".join(f"{name}: {_told(value)}" for name, value in facts.items()) if isinstance(facts, dict) else str(facts)}


def _told(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "—" if value is None else str(value)


def _like(text: str | None) -> str | None:
    if not text:
        return None
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _day(text: str) -> date | None:
    """A day as people write it; anything else filters nothing."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if date(2000, 1, 1) <= found <= date(2200, 1, 1) else None


AUDIT = TableSpec(
    name="audit",
    title=N_("Audit"),
    permission="audit.read",
    columns=(
        Column("at_ms", N_("Time"), "stamp", sortable=True),
        Column("actor", N_("Who")),
        Column("action", N_("Action"), "text", words={code: ("", text) for code, text in ACTIONS.items()}),
        Column("target", N_("Target")),
        Column("details", N_("Details")),
        Column("id", N_("Number"), "integer", shown=False),
    ),
    fetch=fetch_audit,
    filters=(
        Filter("q", N_("Who, action or target")),
        Filter("actor", N_("Who")),
        Filter("action", N_("Action"), tuple(ACTIONS.items())),
        Filter("target", N_("Target")),
        Filter("from", N_("From (2026-11-22)")),
        Filter("to", N_("To (2026-11-22)")),
    ),
    default_sort="at_ms",
    default_descending=True,
    empty_title=N_("Nothing found"),
    empty_next=N_("Everything people and programs change is written here from now on."),
)

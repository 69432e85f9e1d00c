"""The audit trail: who did what to what, with which facts. Rows are only ever added; a trigger refuses the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from central.db.pool import Connection
from central.db.statements import load_statements

_SQL = load_statements("central.identity")
_MAX_TEXT = 200  # actor, action and target are names, not documents


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One line of the trail. `details` are the facts of the action; never secrets."""

    id: int
    at: datetime
    actor: str
    action: str
    target: str
    details: Mapping[str, Any]


def record(conn: Connection, actor: str, action: str, target: str, details: Mapping[str, object] | None = None) -> None:
    """Add one row in the caller's transaction, so that it stands exactly when the action does."""
    packed = orjson.dumps(dict(details or {}), default=str).decode()
    facts = {"actor": actor[:_MAX_TEXT], "action": action[:_MAX_TEXT], "target": target[:_MAX_TEXT], "details": packed}
    conn.execute(_SQL["add_audit"], facts)


def newest(conn: Connection, limit: int, before: int | None = None, q: str | None = None) -> list[AuditRow]:
    """Rows newest first, older than id `before`; `q` is looked for in actor, action and target."""
    like = f"%{_escaped(q)}%" if q else None
    return [AuditRow(*row) for row in conn.execute(_SQL["audit_page"], {"before": before, "q": like, "limit": limit})]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")

"""Search over places, gateways and devices: by code, address or either name."""

from __future__ import annotations

from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, rows
from central.identity.scope import Scope
from central.metering.model import Hit

_SQL = load_statements("central.metering")
_MAX_TEXT = 100


@dataclass(frozen=True, slots=True)
class _Row(Hit):
    exact: bool


def search(conn: Connection, text: str, limit: int = 20, scope: Scope = None) -> list[Hit]:
    """The best matches: exact codes and addresses first (leading zeros do not matter), then places, gateways, devices."""
    text = text.strip().lower()[:_MAX_TEXT]
    if not text:
        return []
    found = rows(conn, _SQL["search"], _Row, text=text, pattern=contains(text), limit=limit, scope=scope)
    found.sort(key=lambda row: not row.exact)
    return [Hit(row.kind, row.code, row.title_zh, row.title_en, row.subtitle) for row in found[:limit]]


def contains(text: str) -> str:
    """A LIKE pattern for 'contains this text', whatever characters it has."""
    escaped = text.strip().lower()[:_MAX_TEXT].replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%".replace("\0", "")

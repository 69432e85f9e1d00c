"""What was replaced, by whom and with which registers, for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, rows
from central.identity.scope import Scope

_SQL = load_statements("central.metering")


@dataclass(frozen=True, slots=True)
class Logged:
    """One replacement as it was entered; registers are base-unit integers."""

    id: int
    point: str
    old_device: str
    new_device: str
    removed_at_ms: int
    installed_at_ms: int
    closing: Mapping[str, int]
    opening: Mapping[str, int]
    unreadable: str | None
    carried: Mapping[str, int]
    adopted: int
    photos: list[str]
    person: str
    reason: str
    actor: str
    done_at_ms: int
    cancelled: bool
    cancelled_by: str | None
    cancel_reason: str | None


def replacements(conn: Connection, point: str | None, device: str | None, limit: int = 50, scope: Scope = None) -> list[Logged]:
    """Replacements of a point, of a device (as the old or the new one), or all; newest first."""
    return rows(conn, _SQL["replacements"], Logged, point=point, device=device, limit=limit, scope=scope)

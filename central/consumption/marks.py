"""Marks: intervals of a point whose readings somebody holds to be filled in. They stay, are shown as estimated, and can be withdrawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from central.consumption.dirty import note_dirty
from central.consumption.findings import FILLED
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from central.identity.scope import Scope
from protocol.errors import ConfigError, NotFound

_SQL = load_statements("central.consumption")


@dataclass(frozen=True, slots=True)
class Mark:
    """A row of consumption_mark."""

    id: int
    point: str
    from_ms: int
    to_ms: int
    reason: str
    actor: str
    withdrawn: bool


def put_mark(conn: Connection, point: str, from_ms: int, to_ms: int, reason: str, actor: str) -> int:
    """Mark an interval and have it computed again; returns the mark's number. Raises NotFound, ConfigError."""
    if to_ms <= from_ms:
        raise ConfigError(f"the interval ends ({to_ms}) before it begins ({from_ms})")
    params = {"point": point, "from_ms": from_ms, "to_ms": to_ms, "reason": reason, "actor": actor}
    row = conn.execute(_SQL["put_mark"], params).fetchone()
    if row is None:
        raise NotFound(f"there is no metering point {point!r}")
    note_dirty(conn, [point], datetime.fromtimestamp(from_ms / 1000, UTC), datetime.fromtimestamp(to_ms / 1000, UTC), f"mark {row[0]}")
    return int(row[0])


def withdraw_mark(conn: Connection, number: int) -> None:
    """Withdraw a mark and have its interval computed again. Raises NotFound."""
    row = conn.execute(_SQL["withdraw_mark"], {"id": number}).fetchone()
    if row is None:
        raise NotFound(f"there is no mark {number}, or it is withdrawn already")
    run(conn, _SQL["settle_filled"], point=row[0], from_at=row[1], code=FILLED)
    note_dirty(conn, [row[0]], row[1], row[2], f"mark {number} withdrawn")


def list_marks(conn: Connection, point: str | None, scope: Scope = None) -> list[Mark]:
    """Marks, newest first, at most 1000."""
    return rows(conn, _SQL["marks_of"], Mark, point=point, scope=scope)

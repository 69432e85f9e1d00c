"""What `central status` tells: whether the database answers, what it is, and how the fleet does."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from central.db.editions import detect
from central.db.embedded import attach
from central.db.migrate import pending
from central.db.pool import Connection, DatabaseError, connect
from central.db.roles import lacking
from central.metering.overview import site_overview
from central.settings import Settings
from central.storage.status import storage_status


def status(settings: Settings) -> dict[str, Any]:
    """Facts as plain data. `database`: "stopped", "unreachable", "behind" (migrations wait) or "ok"; starts nothing."""
    dsn = settings.database.dsn or attach(settings.data_dir)
    if dsn is None:
        return {"database": "stopped", "data_dir": str(settings.data_dir)}
    try:
        with connect(dsn, autocommit=True) as conn:
            if missing := pending(conn):
                return {"database": "behind", "pending_migrations": missing}
            facts = {"edition": detect(conn).value, "roles": _roles(conn, settings), "storage": storage_status(conn)}
            return {"database": "ok", **facts, **asdict(site_overview(conn))}
    except DatabaseError as error:
        return {"database": "unreachable", "error": str(error).strip()}


def _roles(conn: Connection, settings: Settings) -> str:
    if settings.database.roles == "off":
        return "off"
    return lacking(conn) or "in force"

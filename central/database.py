"""The database of a central: the embedded one or the one its settings name, with the schema this program needs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from central.db.editions import apply_edition
from central.db.embedded import embedded
from central.db.migrate import migrate, pending
from central.db.pool import DatabaseError, connect
from central.settings import Settings
from protocol.errors import Conflict

log = logging.getLogger(__name__)

_RETRY_S = 2.0


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The DSN of a database that answers when asked; runs the embedded PostgreSQL meanwhile if no DSN is set."""
    if settings.database.dsn:
        yield settings.database.dsn
        return
    with embedded(settings.data_dir) as dsn:
        yield dsn


def bring_up_to_date(dsn: str) -> list[str]:
    """Apply missing migrations and the edition's storage; returns the names applied."""
    with connect(dsn, autocommit=True) as conn:
        applied = migrate(conn)
        edition = apply_edition(conn)
    log.info("database is ready: edition %s, %d migrations applied now", edition, len(applied))
    return applied


def ensure_schema(settings: Settings, dsn: str, stop: threading.Event) -> None:
    """Wait for the database and see to its schema: our own is migrated, somebody's server only on `central migrate`. Raises Conflict then."""
    first = True
    while not stop.is_set():
        try:
            if not settings.database.dsn:
                bring_up_to_date(dsn)
                return
            with connect(dsn, autocommit=True) as conn:
                missing = pending(conn)
        except DatabaseError as error:
            log.log(logging.WARNING if first else logging.DEBUG, "database does not answer yet, trying again: %s", error)
            first = False
            stop.wait(_RETRY_S)
            continue
        if missing:
            raise Conflict(f"the database lacks {len(missing)} migrations ({', '.join(missing[:3])}...); run: central migrate")
        return

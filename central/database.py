"""The database of a central: the embedded one or the one its settings name, with the schema this program needs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from central.db.editions import apply_edition
from central.db.embedded import embedded
from central.db.grants import DatabaseRole
from central.db.migrate import migrate, pending
from central.db.pool import Connection, DatabaseError, connect
from central.db.roles import apply_roles, as_role, lacking
from central.settings import Settings
from protocol.errors import Conflict

log = logging.getLogger(__name__)

_RETRY_S = 2.0
T = TypeVar("T")


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The DSN of a database that answers when asked; runs the embedded PostgreSQL meanwhile if no DSN is set."""
    if settings.database.dsn:
        yield settings.database.dsn
        return
    with embedded(settings.data_dir) as dsn:
        yield dsn


def bring_up_to_date(dsn: str, roles: bool = True) -> list[str]:
    """Apply missing migrations, the edition's storage and the database roles; returns the names of migrations applied."""
    with connect(dsn, autocommit=True) as conn:
        return _bring_up_to_date(conn, roles)


def ensure_schema(settings: Settings, dsn: str, stop: threading.Event) -> None:
    """Wait for the database and see to its schema: our own is migrated, somebody's server only on `central migrate`. Raises Conflict then."""
    own = not settings.database.dsn
    missing = _answer(dsn, stop, partial(_bring_up_to_date, roles=settings.database.roles != "off") if own else pending)
    if missing and not own:
        raise Conflict(f"the database lacks {len(missing)} migrations ({', '.join(missing[:3])}...); run: central migrate")


def role_dsns(settings: Settings, dsn: str, roles: Collection[DatabaseRole], stop: threading.Event) -> dict[DatabaseRole, str]:
    """How each part of central connects: as its database role, or just as the login where that cannot be or is not wanted.

    Raises Conflict where the settings require the roles.
    """
    if settings.database.roles == "off":
        return dict.fromkeys(roles, dsn)
    lack = _answer(dsn, stop, partial(lacking, roles=roles))
    if lack is None:
        return {role: as_role(dsn, role) for role in roles}
    if settings.database.roles == "require":
        raise Conflict(f'[database] roles = "require", and {lack}')
    log.warning("central works without database roles of its own: %s", lack)
    return dict.fromkeys(roles, dsn)


def _bring_up_to_date(conn: Connection, roles: bool) -> list[str]:
    applied = migrate(conn)
    edition = apply_edition(conn)
    if roles and (lack := apply_roles(conn)):
        log.warning("the database roles cannot be used: %s", lack)
    log.info("database is ready: edition %s, %d migrations applied now", edition, len(applied))
    return applied


def _answer(dsn: str, stop: threading.Event, ask: Callable[[Connection], T]) -> T | None:
    """What the database answers, however long it takes to; None when `stop` is set before."""
    first = True
    while not stop.is_set():
        try:
            with connect(dsn, autocommit=True) as conn:
                return ask(conn)
        except DatabaseError as error:
            log.log(logging.WARNING if first else logging.DEBUG, "database does not answer yet, trying again: %s", error)
            first = False
            stop.wait(_RETRY_S)
    return None

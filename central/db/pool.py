"""Connections: one pool a process, with time-outs on every statement and lock."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolTimeout

Connection = psycopg.Connection[Any]
Pool = ConnectionPool[Connection]
DatabaseError = psycopg.Error
DataError = psycopg.DataError
OperationalError = psycopg.OperationalError
UniqueViolation = errors.UniqueViolation
PoolBusy = PoolTimeout
CONTENT_ERRORS = (psycopg.DataError, psycopg.IntegrityError)  # the data's fault: trying again gives the same answer

_OPTIONS = "-c statement_timeout={statement} -c lock_timeout={lock} -c idle_in_transaction_session_timeout={idle} -c timezone=UTC -c jit=off"


def open_pool(dsn: str, *, max_size: int, statement_timeout_s: float = 30, lock_timeout_s: float = 10, wait_s: float = 10) -> Pool:
    """Return an open pool. A request waits `wait_s` for a free connection, then PoolBusy; lost connections are replaced by themselves."""
    options = _OPTIONS.format(statement=int(statement_timeout_s * 1000), lock=int(lock_timeout_s * 1000), idle=60_000)
    given = conninfo_to_dict(dsn)  # a role, for example (central.db.roles)
    pool: Pool = ConnectionPool(
        dsn,
        min_size=1,
        max_size=max_size,
        timeout=wait_s,
        max_waiting=200,
        reconnect_timeout=60,
        check=ConnectionPool.check_connection,
        kwargs={
            "options": f"{given.get('options') or ''} {options}".strip(),
            "connect_timeout": 10,
            "keepalives_idle": 30,
            "tcp_user_timeout": 30_000,
            "application_name": given.get("application_name") or "central",
        },
        open=False,
    )
    pool.open(wait=False)
    return pool


def connect(dsn: str, *, autocommit: bool = False) -> Connection:
    """One connection outside the pool: for migrations, LISTEN and advisory locks, which belong to a session."""
    name = conninfo_to_dict(dsn).get("application_name") or "central"
    return psycopg.connect(dsn, autocommit=autocommit, connect_timeout=10, application_name=name)

"""Database roles: each part of central may do what is its business and nothing else, shown by real statements under each role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from central.database import role_dsns
from central.db.grants import GRANTS, HIDDEN, DatabaseRole
from central.db.pool import Connection, connect, open_pool
from central.db.roles import apply_roles, as_role, lacking
from protocol.errors import Conflict

WEB, INGEST, JOBS = DatabaseRole
SECRETS = ("account", "account_external", "account_factor", "api_token", "kiosk_token", "notify_channel", "one_time_link", "recovery_code", "web_session")


@contextmanager
def working_as(dsn: str, role: DatabaseRole) -> Iterator[Connection]:
    with connect(as_role(dsn, role), autocommit=True) as conn:
        yield conn


def refused(conn: Connection, statement: str) -> bool:
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(statement.encode())
    except errors.InsufficientPrivilege:
        return True
    return False


def test_every_table_has_a_decision(database: str):
    with connect(database) as conn:
        found = {row[0] for row in conn.execute("select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')")}

    assert found == set(GRANTS) - {"leader_epoch"}, "give the table a line in central/db/grants.py"


@pytest.mark.parametrize("role", DatabaseRole)
def test_connections_work_as_the_role_from_the_start(database: str, role: DatabaseRole):
    with open_pool(as_role(database, role), max_size=1) as pool, pool.connection() as conn:
        assert conn.execute("select current_user::text, current_setting('TimeZone'), current_setting('jit')").fetchone() == (role, "UTC", "off")


@pytest.mark.parametrize("table", SECRETS)
def test_ingest_reads_no_secret(database: str, table: str):
    with working_as(database, INGEST) as conn:
        assert refused(conn, f"select from {table}")


def test_jobs_read_people_without_their_passwords(database: str):
    with working_as(database, JOBS) as conn:
        assert refused(conn, "select password_hash from account")
        assert refused(conn, "select token_digest from api_token")
        assert not refused(conn, "select account_id, name, role, places from account")
        assert refused(conn, "update account set role = 'admin'")
        assert refused(conn, "select from web_session")


@pytest.mark.parametrize("role", DatabaseRole)
@pytest.mark.parametrize("statement", ["update audit set actor = 'x'", "delete from audit", "truncate audit", "update audit_seal set rows = 0"])
def test_nobody_alters_the_audit_trail(database: str, role: DatabaseRole, statement: str):
    with working_as(database, role) as conn:
        assert refused(conn, statement)


@pytest.mark.parametrize("role", DatabaseRole)
@pytest.mark.parametrize(
    "statement",
    [
        "delete from reading",
        "update reading set value = 0",
        "truncate reading",
        "delete from reading_block",
        "update closed_figure set value = 0",
        "delete from schema_migration",
        "create table mine (n integer)",
        "alter table account add column n integer",
        "drop trigger audit_append_only on audit",
        "grant all on account to public",
    ],
)
def test_nobody_removes_readings_or_changes_the_schema(database: str, role: DatabaseRole, statement: str):
    with working_as(database, role) as conn:
        assert refused(conn, statement)

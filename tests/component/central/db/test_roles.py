"""Database roles: each part of central may do what is its business and nothing else, shown by real statements under each role."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from psycopg import errors

from central.database import role_dsns
from central.db.grants import GRANTS, DatabaseRole
from central.db.migrate import migrate, pending
from central.db.pool import Connection, connect, open_pool
from central.db.roles import apply_roles, as_role, lacking
from central.settings import DatabaseSettings, Settings
from protocol.errors import Conflict

WEB, INGEST, JOBS = DatabaseRole
SECRETS = (
    "account",
    "account_external",
    "account_factor",
    "api_token",
    "kiosk_token",
    "notify_channel",
    "one_time_link",
    "recovery_code",
    "web_session",
)


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
        found = {
            row[0]
            for row in conn.execute("select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')")
        }

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
    ],
)
def test_nobody_removes_readings_or_changes_the_schema(database: str, role: DatabaseRole, statement: str):
    with working_as(database, role) as conn:
        assert refused(conn, statement)


def test_ingest_writes_and_everybody_reads_where_there_was_no_reading_yet(database: str):
    """On TimescaleDB a chunk is made for it, by somebody who owns nothing."""
    with working_as(database, INGEST) as conn:
        conn.execute("insert into reading values (1, '2031-05-01', 5, 0)")
    for role in DatabaseRole:
        with working_as(database, role) as conn:
            assert conn.execute("select value from reading where measured_at = '2031-05-01'").fetchall() == [(5,)]
            assert refused(conn, "delete from reading where measured_at = '2031-05-01'")


def test_applying_again_changes_nothing(database: str):
    with connect(database, autocommit=True) as conn:
        before = conn.execute("select sum(xmin::text::bigint) from pg_class").fetchone()

        assert apply_roles(conn) is None
        assert conn.execute("select sum(xmin::text::bigint) from pg_class").fetchone() == before


def test_what_was_granted_by_hand_is_taken_back(database: str):
    with connect(database, autocommit=True) as conn:
        conn.execute("grant delete, update (actor) on audit to ce_web")
        conn.execute("grant create on schema public to public")

        apply_roles(conn)

    with working_as(database, WEB) as conn:
        assert refused(conn, "delete from audit")
        assert refused(conn, "update audit set actor = 'x'")
        assert refused(conn, "create table mine (n integer)")


def test_what_is_lacking_is_told_and_put_right(database: str):
    with connect(database, autocommit=True) as conn:
        conn.execute("revoke select on place from ce_web")

        lack = lacking(conn)
        assert lack == "role ce_web lacks 1 privileges (SELECT on place, ...); run: central migrate"
        assert lacking(conn, [INGEST, JOBS]) is None
        assert apply_roles(conn) is None


@pytest.mark.parametrize(("choice", "roles"), [("auto", {"ce_web"}), ("require", {"ce_web"}), ("off", {"campus"})])
def test_setting_chooses_how_parts_connect(database: str, choice: str, roles: set[str]):
    settings = Settings.model_validate({"database": {"dsn": database, "roles": choice}})

    dsns = role_dsns(settings, database, [WEB], threading.Event())

    with connect(dsns[WEB]) as conn:
        assert conn.execute("select current_user::text").fetchone() in {(role,) for role in roles}


def test_without_the_roles_central_goes_on_unless_they_are_required(fresh_database: str):
    with connect(fresh_database, autocommit=True) as conn:
        conn.execute("revoke insert on audit from ce_jobs")
    going_on, strict = (Settings(database=DatabaseSettings(dsn=fresh_database, roles=choice)) for choice in ("auto", "require"))

    assert role_dsns(going_on, fresh_database, [JOBS], threading.Event()) == {JOBS: fresh_database}
    with pytest.raises(Conflict, match=r"INSERT on audit"):
        role_dsns(strict, fresh_database, [JOBS], threading.Event())


@pytest.fixture
def owner(clone: Callable[..., str]) -> Iterator[Connection]:
    """An empty database whose owner is nobody special, and a server where the roles are not: all of it undone at the end."""
    with connect(clone(empty=True)) as conn:
        conn.execute("create role plain_owner")
        for role in DatabaseRole:
            conn.execute(f"alter role {role} rename to {role}_before".encode())
        (own,) = conn.execute("select format('alter database %I owner to plain_owner', current_database())").fetchone()
        conn.execute(own.encode())
        yield conn
        conn.rollback()


def test_login_that_may_create_roles_does(owner: Connection):
    owner.execute("alter role plain_owner createrole")
    owner.execute("set session authorization plain_owner")
    migrate(owner)

    assert apply_roles(owner) is None
    owner.execute("set role ce_ingest")
    assert owner.execute("select count(*) from series").fetchone() == (0,)


def test_login_that_may_not_is_told_what_an_administrator_has_to_run(owner: Connection):
    owner.execute("set session authorization plain_owner")
    migrate(owner)

    lack = apply_roles(owner)

    assert lack is not None
    remedy = lack.split("run: ")[1].split("; then")[0]
    owner.execute("reset session authorization")
    for statement in remedy.split("; "):
        owner.execute(statement.encode())
    owner.execute("set session authorization plain_owner")
    assert apply_roles(owner) is None


def test_login_of_one_role_is_enough_for_its_process(fresh_database: str):
    with connect(fresh_database) as conn:
        conn.execute("create role only_web in role ce_web")
        conn.execute("set session authorization only_web")

        assert lacking(conn, [WEB]) is None
        assert pending(conn) == []
        assert "may not take on role ce_jobs" in str(lacking(conn, [JOBS]))
        conn.rollback()

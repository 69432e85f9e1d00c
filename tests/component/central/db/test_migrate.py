"""Migrations: they build the stored schema, run once, and cannot be edited afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from central.db.migrate import Migration, load_migrations, migrate, pending
from central.db.pool import DatabaseError, connect
from central.db.schema import dump_schema, stored_schema
from protocol.errors import Conflict

_FIRST = Migration(1, "0001_first.sql", "create table first (n integer)")


def test_migrations_build_exactly_the_stored_schema(database: str):
    assert dump_schema(database) == stored_schema(), "run: central migrate --write-schema central/db/schema.sql"


def test_stored_schema_alone_builds_the_same_database(clone: Callable[..., str]):
    dsn = clone(empty=True)
    with connect(dsn, autocommit=True) as conn:
        conn.execute(stored_schema().encode())

    assert dump_schema(dsn) == stored_schema()


def test_migrating_twice_applies_nothing_the_second_time(clone: Callable[..., str]):
    with connect(clone(empty=True), autocommit=True) as conn:
        assert len(pending(conn)) == len(load_migrations())

        assert migrate(conn) == [migration.name for migration in load_migrations()]
        assert migrate(conn) == []
        assert pending(conn) == []


def test_edited_migration_is_refused(clone: Callable[..., str]):
    with connect(clone(empty=True), autocommit=True) as conn:
        migrate(conn, [_FIRST])

        with pytest.raises(Conflict, match=r"0001_first\.sql was changed"):
            migrate(conn, [Migration(1, "0001_first.sql", "create table first (n bigint)")])


def test_migration_this_program_does_not_know_is_refused(clone: Callable[..., str]):
    with connect(clone(empty=True), autocommit=True) as conn:
        migrate(conn, [_FIRST])

        with pytest.raises(Conflict, match="install the newer version"):
            migrate(conn, [])


def test_failing_migration_leaves_nothing_behind(clone: Callable[..., str]):
    broken = Migration(2, "0002_broken.sql", "create table second (n integer); select 1 / 0")
    with connect(clone(empty=True), autocommit=True) as conn:
        with pytest.raises(DatabaseError):
            migrate(conn, [_FIRST, broken])

        assert [row[0] for row in conn.execute("select number from schema_migration")] == [1]
        assert conn.execute("select to_regclass('second')").fetchone() == (None,)


def test_lower_number_of_another_domain_is_still_applied(clone: Callable[..., str]):
    later = Migration(100, "0100_other.sql", "create table other (n integer)")
    with connect(clone(empty=True), autocommit=True) as conn:
        migrate(conn, [_FIRST, later])

        assert migrate(conn, [_FIRST, Migration(2, "0002_second.sql", "create table second (n integer)"), later]) == ["0002_second.sql"]

"""Named SQL: every statement of a domain stands in its `queries.sql` under a `-- name: xyz` line, and rows come back as frozen types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any, TypeVar

from psycopg.rows import class_row, dict_row

from central.db.pool import Connection
from protocol.errors import ConfigError, NotFound

T = TypeVar("T")
_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)\s*$", re.MULTILINE)


def load_statements(package: str) -> Mapping[str, bytes]:
    """Statements of `package`'s queries.sql by name. Raises ConfigError when a name stands twice."""
    text = files(package).joinpath("queries.sql").read_text(encoding="utf-8")
    return MappingProxyType(dict(_blocks(text, package)))


def rows(conn: Connection, statement: bytes, kind: type[T], /, **params: object) -> list[T]:
    """Run a statement and return its rows as `kind`, matching columns to fields by name."""
    with conn.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(statement, params).fetchall()


def records(conn: Connection, statement: bytes, /, **params: object) -> list[dict[str, Any]]:
    """Run a statement and return its rows by column name: for tables, whose columns are data (central.web.tables)."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, params).fetchall()


def one(conn: Connection, statement: bytes, kind: type[T], missing: str, /, **params: object) -> T:
    """As `rows`, for exactly one; raises NotFound with the text `missing` when there is none."""
    found = rows(conn, statement, kind, **params)
    if not found:
        raise NotFound(missing)
    return found[0]


def number(conn: Connection, statement: bytes, /, **params: object) -> int:
    """The whole number in the first column of a statement that by its nature has one row (count, returning); raises NotFound when it has none."""
    row = conn.execute(statement, params).fetchone()
    if row is None:
        raise NotFound("a statement that always has a row had none; the database is not the one this program migrated")
    return int(row[0])


def run(conn: Connection, statement: bytes, /, **params: object) -> int:
    """Run a statement and return how many rows it touched."""
    return conn.execute(statement, params).rowcount


def _blocks(text: str, package: str) -> Iterator[tuple[str, bytes]]:
    parts = _NAME.split(text)
    names = parts[1::2]
    for name, body in zip(names, parts[2::2], strict=True):
        if names.count(name) > 1:
            raise ConfigError(f"{package}/queries.sql: statement {name!r} stands twice")
        yield name, body.strip().rstrip(";").encode()

"""COPY: whole blocks of bytes into a table and out of it."""

from __future__ import annotations

from collections.abc import Mapping

from central.db.pool import Connection


def copy_in(conn: Connection, statement: bytes, data: bytes) -> None:
    """Send one COPY FROM STDIN stream."""
    with conn.cursor() as cursor, cursor.copy(statement) as stream:
        stream.write(data)


def copy_out(conn: Connection, statement: bytes, params: Mapping[str, object]) -> bytes:
    """Return one COPY TO STDOUT stream whole."""
    with conn.cursor() as cursor, cursor.copy(statement, params) as stream:
        return b"".join(map(bytes, stream))

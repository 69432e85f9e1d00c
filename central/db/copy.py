"""COPY: whole blocks of prepared bytes into a table."""

from __future__ import annotations

from central.db.pool import Connection


def copy_in(conn: Connection, statement: bytes, data: bytes) -> None:
    """Send one COPY FROM STDIN stream."""
    with conn.cursor() as cursor, cursor.copy(statement) as stream:
        stream.write(data)

"""Database editions: plain PostgreSQL, TimescaleDB Apache, TimescaleDB Community. Same SQL on all; only storage differs."""

from __future__ import annotations

from enum import StrEnum

from psycopg import sql

from central.db.pool import Connection

_CHUNK = "7 days"
# Only the Community edition knows these; the Apache edition raises an error that names the licence.
COMPRESSION = """alter table reading set (
    timescaledb.compress, timescaledb.compress_segmentby = 'series_id', timescaledb.compress_orderby = 'measured_at')"""


class Edition(StrEnum):
    """What stores the readings."""

    PLAIN = "plain"
    TIMESCALE_APACHE = "timescale_apache"
    TIMESCALE_COMMUNITY = "timescale_community"


def apply_edition(conn: Connection) -> Edition:
    """Turn `reading` into a hypertable where TimescaleDB is there; safe to repeat. `conn` must be in autocommit mode."""
    if _loadable(conn):
        conn.execute("create extension if not exists timescaledb")
    edition = detect(conn)
    if edition is not Edition.PLAIN:
        conn.execute(
            "select create_hypertable('reading', 'measured_at', chunk_time_interval => %s::interval, migrate_data => true, if_not_exists => true)",
            [_CHUNK],
        )
    if edition is Edition.TIMESCALE_COMMUNITY:
        conn.execute(COMPRESSION)
    _compress_blocks(conn)
    return edition


def detect(conn: Connection) -> Edition:
    """The edition this database is."""
    if not conn.execute("select 1 from pg_extension where extname = 'timescaledb'").fetchone():
        return Edition.PLAIN
    row = conn.execute("select current_setting('timescaledb.license', true)").fetchone()
    return Edition.TIMESCALE_COMMUNITY if row and row[0] == "timescale" else Edition.TIMESCALE_APACHE


def _compress_blocks(conn: Connection) -> None:
    """Compress the arrays of packed readings with lz4 where the server was built with it; it knows pglz in any case."""
    if not conn.execute("select 1 from pg_settings where name = 'default_toast_compression' and 'lz4' = any(enumvals)").fetchone():
        return
    arrays = conn.execute(
        "select attname from pg_attribute where attrelid = to_regclass('reading_block') and attndims > 0 "
        "and attcompression <> 'l' and not attisdropped"
    ).fetchall()
    for (name,) in arrays:
        conn.execute(sql.SQL("alter table reading_block alter column {} set compression lz4").format(sql.Identifier(name)))


def _loadable(conn: Connection) -> bool:
    """Available and preloaded: without preloading, creating the extension would end the session."""
    available = conn.execute("select 1 from pg_available_extensions where name = 'timescaledb'").fetchone()
    preloaded = conn.execute("select 1 from pg_settings where name = 'shared_preload_libraries' and setting like '%timescaledb%'").fetchone()
    return bool(available and preloaded)

"""Database editions: plain PostgreSQL, TimescaleDB Apache, TimescaleDB Community. Same SQL on all; only storage differs."""

from __future__ import annotations

from enum import StrEnum

from central.db.pool import Connection

_CHUNK = "7 days"


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
    return edition


def detect(conn: Connection) -> Edition:
    """The edition this database is."""
    if not conn.execute("select 1 from pg_extension where extname = 'timescaledb'").fetchone():
        return Edition.PLAIN
    row = conn.execute("select current_setting('timescaledb.license', true)").fetchone()
    return Edition.TIMESCALE_COMMUNITY if row and row[0] == "timescale" else Edition.TIMESCALE_APACHE


def _loadable(conn: Connection) -> bool:
    """Available and preloaded: without preloading, creating the extension would end the session."""
    available = conn.execute("select 1 from pg_available_extensions where name = 'timescaledb'").fetchone()
    preloaded = conn.execute("select 1 from pg_settings where name = 'shared_preload_libraries' and setting like '%timescaledb%'").fetchone()
    return bool(available and preloaded)

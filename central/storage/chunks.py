"""Chunks of the hypertable: dropped when packing has emptied them (Apache edition), compressed when they are old (Community edition)."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from central.db.editions import Edition
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from central.storage.block import instant
from protocol.errors import StorageError

log = logging.getLogger(__name__)

_SQL = load_statements("central.storage")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk before the horizon: its qualified name and the instants it holds."""

    name: str
    compressed: bool
    from_ms: int
    to_ms: int


def tidy_chunks(conn: Connection, edition: Edition, before_ms: int) -> int:
    """What the edition does to chunks that end before an instant; returns how many were changed. Nothing on plain PostgreSQL."""
    if edition is Edition.PLAIN:
        return 0
    with conn.transaction():
        chunks = rows(conn, _SQL["old_chunks"], Chunk, before_at=instant(before_ms))
    if edition is Edition.TIMESCALE_COMMUNITY:
        return sum(_compress(conn, chunk) for chunk in chunks)
    return sum(_drop_if_empty(conn, chunk) for chunk in chunks)


def _compress(conn: Connection, chunk: Chunk) -> bool:
    """Compress; the number of readings stays the same, else StorageError and no change. A compressed one only takes its late rows in."""
    with conn.transaction():
        run(conn, _SQL["hold_packing"])
        before = None if chunk.compressed else _count(conn, chunk)
        run(conn, _SQL["compress_chunk"], name=chunk.name)
        if before is not None and (after := _count(conn, chunk)) != before:
            raise StorageError(f"compressing {chunk.name} made {after} readings of {before}; it is as it was")
    return not chunk.compressed


def _drop_if_empty(conn: Connection, chunk: Chunk) -> bool:
    """Drop exactly this chunk if it holds nothing. Late readings wait for the lock and come into a new chunk."""
    with conn.transaction():
        run(conn, _SQL["hold_packing"])
        if _count(conn, chunk):
            return False
        dropped = [row[0] for row in conn.execute(_SQL["drop_chunk"], {"from_at": instant(chunk.from_ms), "to_at": instant(chunk.to_ms)})]
        if dropped != [chunk.name]:
            raise StorageError(f"asked to drop the empty chunk {chunk.name}, the server would have dropped {dropped}; nothing was dropped")
    log.info("dropped chunk %s, its readings are packed", chunk.name)
    return True


def _count(conn: Connection, chunk: Chunk) -> int:
    row = conn.execute(_SQL["count_rows"], {"from_at": instant(chunk.from_ms), "to_at": instant(chunk.to_ms)}).fetchone()
    return int(row[0]) if row else 0

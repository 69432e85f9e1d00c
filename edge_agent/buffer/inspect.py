"""A look into the buffer from outside, while the agent runs or after it died. Reads only."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge_agent.buffer import database, epochs
from edge_agent.buffer.batches import Stored
from edge_agent.buffer.latest import Latest
from protocol.errors import NotFound, StorageError
from protocol.reading import Reading


@dataclass(frozen=True, slots=True)
class Summary:
    """What a buffer holds. `acked`, `last`: seqs of the newest epoch; `readings`: the newest of each series, from the last batches."""

    gateway: str
    epoch: int
    generation: int
    acked: int
    last: int
    backlog_batches: int
    quarantined: int
    used_bytes: int
    running: bool
    readings: tuple[Reading, ...]


def inspect(directory: Path, newest_batches: int) -> Summary:
    """Return what the buffer in `directory` holds; raises NotFound if there is none, StorageError if it cannot be read."""
    path = directory / database.FILE_NAME
    if not path.exists():
        raise NotFound(f"{path} does not exist; the agent has not run with this state_dir yet")
    try:
        with closing(database.connect_read_only(path)) as db:
            return _summary(db, path, newest_batches)
    except sqlite3.Error as error:
        raise StorageError(f"{path}: cannot be read: {error}") from error


def _summary(db: sqlite3.Connection, path: Path, newest_batches: int) -> Summary:
    held = epochs.load(db) if db.execute("PRAGMA user_version").fetchone()[0] else []
    if not held:
        raise NotFound(f"{path} is empty; the agent has not begun an epoch yet")
    current = held[-1]
    return Summary(
        gateway=db.execute("SELECT gateway FROM epoch WHERE ordinal = ?", (current.ordinal,)).fetchone()[0],
        epoch=current.epoch,
        generation=current.generation,
        acked=current.acked,
        last=current.last,
        backlog_batches=sum(epoch.last - epoch.acked for epoch in held),
        quarantined=db.execute("SELECT count(*) FROM quarantine").fetchone()[0],
        used_bytes=database.space(db, path).used_bytes,
        running=_is_owned(path.parent),
        readings=tuple(_latest(db, newest_batches)),
    )


def _latest(db: sqlite3.Connection, newest_batches: int) -> list[Reading]:
    rows = db.execute(
        "SELECT position, created_ms, count, crc32c, payload FROM batch WHERE kind = 'readings' ORDER BY position DESC LIMIT ?", (newest_batches,)
    ).fetchall()
    latest = Latest()
    latest.fill(Stored(row[0], 0, 0, epochs.seq_of(row[0]), "readings", *row[1:]) for row in reversed(rows))
    return latest.all()


def _is_owned(directory: Path) -> bool:
    """Whether a running agent holds the buffer."""
    try:
        lock = os.open(directory / database.LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False

"""What was seen last in each device's own memory (instant of a freeze, count of an event log), kept over restarts.

A mark is written after what it stands for is stored, so a crash between the two repeats and never loses. For the same reason a damaged file is
set aside and begun anew. The only file beside the outbox, because its rows are rewritten while batches never are.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge_agent.buffer.database import is_corrupt
from protocol.errors import StorageError

_LOG = logging.getLogger(__name__)
FILE_NAME = "marks.db"
MAX_MARKS = 100_000  # 250 devices with 30 each are 7,500; the oldest go at the next start, and their logs are taken up anew
_CREATE = """
create table if not exists mark (
    device text not null, what text not null, value integer not null,
    changed_at integer not null default (cast(strftime('%s', 'now') as integer)),
    primary key (device, what)
) strict, without rowid
"""
_PUT = "insert into mark (device, what, value) values (?, ?, ?) on conflict do update set value = excluded.value, changed_at = excluded.changed_at"
_PRUNE = "delete from mark where (device, what) in (select device, what from mark order by changed_at desc limit -1 offset ?)"


class Marks:
    """The marks in `directory`. Every method may be called from any thread."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._open = True

    def get(self, device: str, what: str) -> int | None:
        """The value put last, or None. Raises StorageError if it cannot be read."""
        with self._using() as db:
            row = db.execute("select value from mark where device = ? and what = ?", (device, what)).fetchone()
        return None if row is None else int(row[0])

    def put(self, device: str, what: str, value: int) -> None:
        """Keep a value; it is on the disk when this returns. Raises StorageError if it is not."""
        with self._using() as db:
            db.execute(_PUT, (device, what, value))

    def close(self) -> None:
        """Close for good."""
        with self._lock:
            self._open = False
            self._drop()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The open file. It is opened when it is needed, so that a full or missing disk does not keep the agent from starting."""
        with self._lock:
            if not self._open:
                raise StorageError(f"{self._path}: closed")
            try:
                if self._db is None:
                    self._db = _connected(self._path)
                yield self._db
            except sqlite3.Error as error:
                self._drop()
                if is_corrupt(error):
                    self._set_aside(error)
                raise StorageError(f"{self._path}: {error}; nothing was changed", sqlite=getattr(error, "sqlite_errorname", None)) from error

    def _drop(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    def _set_aside(self, damage: sqlite3.Error) -> None:
        """The next use begins a new file; the damaged one stays beside it for a look."""
        _LOG.error("%s is damaged (%s); it is set aside, freezes and event counts are taken up anew", self._path, damage)
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        with suppress(OSError):
            self._path.replace(self._path.with_suffix(".damaged"))


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=2.0, isolation_level=None, check_same_thread=False)
    try:
        db.execute("pragma journal_mode=wal")
        db.execute("pragma synchronous=full")
        db.execute(_CREATE)
        db.execute(_PRUNE, (MAX_MARKS,))
    except BaseException:
        db.close()
        raise
    return db

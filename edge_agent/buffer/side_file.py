"""A small SQLite file beside the outbox, for rows that are rewritten, while batches never are.

It is opened when it is needed, so that a full or missing disk does not keep the agent from starting; what it commits is on the disk. A damaged file
is set aside and begun anew.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge_agent.buffer.database import is_corrupt
from protocol.errors import StorageError

_LOG = logging.getLogger(__name__)


class SideFile:
    """The one owner of `path`. `opened(db)` lays out and prunes; `damaged()` hears that what was in it is lost. Any thread."""

    def __init__(self, path: Path, opened: Callable[[sqlite3.Connection], None], damaged: Callable[[], None]) -> None:
        self._path, self._opened, self._damaged = path, opened, damaged
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._open = True

    @contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """The open file, for one thread at a time. Raises StorageError when it cannot be used."""
        with self._lock:
            if not self._open:
                raise StorageError(f"{self._path}: closed")
            try:
                if self._db is None:
                    self._db = self._connected()
                yield self._db
            except sqlite3.Error as error:
                self._drop()
                if is_corrupt(error):
                    self._set_aside(error)
                raise StorageError(f"{self._path}: {error}; nothing was changed", sqlite=getattr(error, "sqlite_errorname", None)) from error

    def close(self) -> None:
        """Close for good."""
        with self._lock:
            self._open = False
            self._drop()

    def _connected(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=2.0, isolation_level=None, check_same_thread=False)
        try:
            db.execute("pragma journal_mode=wal")
            db.execute("pragma synchronous=full")
            self._opened(db)
        except BaseException:
            db.close()
            raise
        return db

    def _drop(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    def _set_aside(self, damage: sqlite3.Error) -> None:
        """The next use begins a new file; the damaged one stays beside it for a look."""
        _LOG.error("%s is damaged (%s); it is set aside and begun anew", self._path, damage)
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        with suppress(OSError):
            self._path.replace(self._path.with_suffix(".damaged"))
        self._damaged()

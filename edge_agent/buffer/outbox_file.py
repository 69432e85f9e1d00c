"""The open database of an outbox and the counters that must agree with it.

Everything that can go wrong with the file is dealt with here: full, unreadable for now, damaged, or another gateway's. Whoever uses it sees
StorageError and may try again at once.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from edge_agent.buffer import database, epochs, log_check, salvage
from edge_agent.buffer.epochs import Epoch
from protocol.errors import StorageError

_LOG = logging.getLogger(__name__)
Tell = Callable[[str, str, dict[str, str | int | bool | None]], None]


class OutboxFile:
    """One writing connection and the epochs in it. Used under the outbox's lock.

    `tell(code, message, data)` stores an event through the outbox once the file works again. `incarnation` rises when it was rebuilt: positions
    handed out before have lost their meaning.
    """

    def __init__(self, directory: Path, gateway: str, generation: int, now_ms: Callable[[], int], tell: Tell) -> None:
        self.path = directory / database.FILE_NAME
        self.incarnation = 0
        self._gateway = gateway
        self._generation = generation
        self._now_ms = now_ms
        self._tell = tell
        self._open = True
        self._db: sqlite3.Connection | None = None
        self._epochs: list[Epoch] = []

    def start(self) -> None:
        """Open the file as it lies there. A damaged one is salvaged, another gateway's is set aside. Raises StorageError if it cannot be opened."""
        salvage.finish_interrupted(self.path)
        owner = self._owner()
        if owner in (None, self._gateway):
            self._connected()
            return
        salvage.set_aside(self.path, self._now_ms())
        self._connected()
        _LOG.error("the outbox belonged to gateway %s; it is set aside", owner)
        self._tell("outbox.foreign", f"the outbox belonged to gateway {owner}; it is set aside unsent and a new one begun", {"gateway": owner})

    def close(self) -> None:
        """Close for good."""
        self._open = False
        self._drop_connection()

    @property
    def connected(self) -> bool:
        """Whether there is an open database at this moment."""
        return self._db is not None

    def held(self) -> list[Epoch]:
        """Every epoch there are rows or receipts of, in send order; the last is written to."""
        self._connected()
        return self._epochs

    def current(self) -> Epoch:
        """The epoch that is written to."""
        return self.held()[-1]

    def epoch_at(self, position: int) -> Epoch | None:
        """The epoch a position belongs to."""
        return next((epoch for epoch in self.held() if epoch.ordinal == position >> database.EPOCH_SHIFT), None)

    def begin_epoch(self) -> None:
        """Write under a new epoch from now on."""
        with self.transaction() as db:
            epoch = self._new_epoch(db, self._epochs)
        self._epochs.append(epoch)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for statements that change nothing."""
        db = self._connected()
        try:
            yield db
        except sqlite3.Error as error:
            raise self._failed(error) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed and on the disk behind the block, or StorageError and nothing changed."""
        db = self._connected()
        try:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failed(error) from error
        finally:
            with suppress(sqlite3.Error):
                if self._db is db and db.in_transaction:
                    db.execute("ROLLBACK")

    def _owner(self) -> str | None:
        """Gateway the rows belong to; None for a new, an empty or a just salvaged outbox."""
        if log_check.hidden_commits(database.wal(self.path)):
            self._rebuild(database.contradiction("the write-ahead log is damaged in its middle"))
            return None
        try:
            with closing(database.connect(self.path)) as db:
                database.check_structure(db, self.path)
                epochs.load(db)
                row = db.execute("SELECT gateway FROM epoch ORDER BY ordinal DESC LIMIT 1").fetchone()
                return None if row is None else str(row[0])
        except sqlite3.Error as error:
            if not database.is_corrupt(error):
                raise StorageError(f"{self.path}: cannot be opened: {error}; check owner, mount and free space") from error
            self._rebuild(error)
        except UnicodeDecodeError as error:  # an error message with bytes of a damaged schema in it
            self._rebuild(database.contradiction(str(error)))
        return None

    def _connected(self) -> sqlite3.Connection:
        """The connection; opens the file and takes the counters from it if there is none."""
        if not self._open:
            raise StorageError(f"{self.path}: the outbox is closed")
        if self._db is None:
            db, held = None, []
            try:
                db = database.connect(self.path)
                held = epochs.load(db)
                if not held or held[-1].generation != self._generation:
                    held.append(self._new_epoch(db, held))
            except sqlite3.Error as error:
                if db is not None:
                    db.close()
                raise self._failed(error) from error
            self._db, self._epochs = db, held
        return self._db

    def _new_epoch(self, db: sqlite3.Connection, held: list[Epoch]) -> Epoch:
        epoch = Epoch(held[-1].ordinal + 1 if held else 1, epochs.new_epoch(self._now_ms()), self._generation)
        epochs.insert(db, epoch, self._gateway, self._now_ms())
        return epoch

    def _failed(self, error: sqlite3.Error) -> StorageError:
        """Put the connection into a usable state again and say what happened.

        A full disk needs only the rollback. After an I/O error the outcome of the last commit is unknown: the counters are read anew.
        """
        if database.is_corrupt(error):
            self._drop_connection()
            self._rebuild(error)
        elif getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
            self._drop_connection()
        return StorageError(f"{self.path}: {error}; nothing was changed", sqlite=getattr(error, "sqlite_errorname", None))

    def _drop_connection(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    def _rebuild(self, damage: sqlite3.Error) -> None:
        _LOG.error("%s is damaged (%s); salvaging it", self.path, damage)
        try:
            report = salvage.rebuild(self.path, self._gateway, self._now_ms())
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"{self.path}: damaged ({damage}) and cannot be salvaged now: {error}; free disk space") from error
        self.incarnation += 1
        if self.current().ordinal <= report.last_ordinal:
            self.begin_epoch()
        self._tell(
            "outbox.corrupt",
            f"the outbox file was damaged ({damage}); {report.batches} batches carried over, {report.stand_ins} lost ones reported, file kept aside",
            {"batches": report.batches, "lost": report.stand_ins, "aside": report.aside.name},
        )

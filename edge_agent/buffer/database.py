"""The SQLite file under the outbox: how it is opened, owned and laid out.

    batch       one immutable encoded batch a row; `position` = (ordinal of its epoch << 40) | seq, so key order is send order
    epoch       ordinal -> epoch, generation; the highest ordinal is the one written to, lower ones are history kept from before
    ack         central's cumulative receipts: everything of the epoch up to `seq` was acked by the end of hour `acked_ms`
    quarantine  rows whose bytes no longer match their checksum

A batch is pending when its seq is above the highest receipt of its epoch, so a receipt never rewrites a payload.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from protocol.errors import StorageBusy, StorageError

FILE_NAME = "outbox.db"
LOCK_NAME = "outbox.lock"
EPOCH_SHIFT = 40
LAYOUT = 1  # PRAGMA user_version; a new one has another table or column
_CHECKPOINT_PAGES = 256  # 1 MiB: a small WAL keeps the file's true size near what the quota counts
_JOURNAL_LIMIT_BYTES = 1 << 20
_BUSY_MS = 2_000  # only a status reader can hold us up, and only for one statement
_CORRUPT = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CONSTRAINT,  # the keys we write are counted from the file's own, so a clash means that it contradicts itself
)
_CHECKED_BYTES = 64 << 20  # months of backlog; a start must not wait for more than this to be read
_TABLES: dict[str, tuple[dict[str, type], str | tuple[str, ...]]] = {
    "batch": (
        {"position": int, "kind": str, "created_ms": int, "count": int, "crc32c": int, "payload": bytes},
        "position",
    ),
    "epoch": ({"ordinal": int, "epoch": int, "generation": int, "gateway": str, "created_ms": int}, "ordinal"),
    "ack": ({"ordinal": int, "acked_ms": int, "seq": int}, ("ordinal", "acked_ms")),
    "quarantine": ({"id": int, "position": int, "found_ms": int, "reason": str, "crc32c": int, "payload": bytes}, "id"),
}


def connect(path: Path) -> sqlite3.Connection:
    """Open (or create) the outbox for writing: every commit is on the disk before it returns.

    Raises sqlite3.DatabaseError if the file is not a usable database. The caller owns the only writing connection and serialises its use.
    """
    connection = sqlite3.connect(path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
    connection.text_factory = _text
    try:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
            f"journal_size_limit={_JOURNAL_LIMIT_BYTES}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        _lay_out(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def check_structure(connection: sqlite3.Connection, path: Path) -> None:
    """Raise sqlite3.DatabaseError if the file's pages contradict each other, which a query may pass over in silence. Reads the whole file once."""
    if path.stat().st_size > _CHECKED_BYTES:
        return
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise contradiction(str(found))
    for name, (columns, _) in _TABLES.items():
        try:
            connection.execute(f"SELECT {', '.join(columns)} FROM {name} LIMIT 0")  # noqa: S608 - names of our own
        except sqlite3.OperationalError as error:
            raise contradiction(f"table {name} is not the one laid out: {error}") from error
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA user_version={LAYOUT}")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_READONLY and os.access(path, os.W_OK):
            raise contradiction("its head forbids writing") from error
        raise


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open the outbox beside its owner, for looking only."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_MS / 1000, isolation_level=None)
    connection.text_factory = _text
    return connection


def own(directory: Path) -> int:
    """Take the directory for this process and return the lock's file descriptor; raise StorageBusy if another process has it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(f"{directory}: cannot be used as the buffer: {error.strerror}; check owner and mount") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StorageBusy(f"{directory}: another edge-agent uses this buffer; stop it, or give this one its own state_dir") from error
    return lock


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether the file itself is damaged (its content has to be salvaged), as against full, locked or unreadable for now."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _CORRUPT


def contradiction(text: str) -> sqlite3.DatabaseError:
    """The error for damage that SQLite itself does not see."""
    error = sqlite3.DatabaseError(text)
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT"
    return error


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes that hold something (pages in use plus the write-ahead log), and bytes that can be written without the file growing."""

    used_bytes: int
    reusable_bytes: int


def space(connection: sqlite3.Connection, path: Path) -> Space:
    """Measure the outbox. A commit after it costs a third more: asking for a file's size makes the kernel keep its next time stamp exactly."""
    pages, free, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size"))
    try:
        log = wal(path).stat().st_size
    except FileNotFoundError:
        log = 0
    return Space((pages - free) * size + log, free * size)


def wal(path: Path) -> Path:
    """The write-ahead log beside a database file."""
    return path.with_name(path.name + "-wal")


def _text(raw: bytes) -> str:
    """Text of a column; a flipped bit in it must not make its row unreadable."""
    return raw.decode("utf-8", "replace")


def _lay_out(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == LAYOUT:
        return
    if _is_laid_out(connection):  # another layout would have other tables or columns: a bit of the number has flipped
        connection.execute(f"PRAGMA user_version={LAYOUT}")
        return
    if version > LAYOUT:
        raise StorageError(f"the outbox has layout {version}, this version writes {LAYOUT}; install the newer agent again", layout=version)
    database = Database(connection)
    with database.atomic():
        for name, (columns, key) in _TABLES.items():
            database.table(name).create(columns, pk=key, not_null=set(columns), strict=True)
        connection.execute(f"PRAGMA user_version={LAYOUT}")


def _is_laid_out(connection: sqlite3.Connection) -> bool:
    """Whether the tables are exactly those of this layout."""
    found = {name: {row[1] for row in connection.execute(f"PRAGMA table_info({name})")} for name in _TABLES}
    return all(found[name] == set(columns) for name, (columns, _) in _TABLES.items())

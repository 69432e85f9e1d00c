"""What was seen last in each device's own memory (instant of a freeze, count of an event log), kept over restarts.

A mark is written after what it stands for is stored, so a crash between the two repeats and never loses. For the same reason a damaged file is
set aside and begun anew: freezes and event counts are taken up again from the devices.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from edge_agent.buffer.side_file import SideFile

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
        self._file = SideFile(directory / FILE_NAME, _lay_out, lambda: None)

    def get(self, device: str, what: str) -> int | None:
        """The value put last, or None. Raises StorageError if it cannot be read."""
        with self._file.using() as db:
            row = db.execute("select value from mark where device = ? and what = ?", (device, what)).fetchone()
        return None if row is None else int(row[0])

    def put(self, device: str, what: str, value: int) -> None:
        """Keep a value; it is on the disk when this returns. Raises StorageError if it is not."""
        with self._file.using() as db:
            db.execute(_PUT, (device, what, value))

    def close(self) -> None:
        """Close for good."""
        self._file.close()


def _lay_out(db: sqlite3.Connection) -> None:
    db.execute(_CREATE)
    db.execute(_PRUNE, (MAX_MARKS,))

"""The inbox: commands from central, stored before anything is done about them, with what came of each.

    waiting -> begun -> settled        `begun`: something may have been sent; after a crash nobody can say, so a switch is not sent again

An id is kept longer than a command can live, so that one that comes again is answered and never carried out twice. When the file turns out damaged,
what was carried out is forgotten: `forgetful` tells that, until no command from before can come any more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.buffer.side_file import SideFile
from protocol.command import MAX_LIFE_S, Command, CommandResult
from protocol.errors import MessageError
from protocol.messages import decode_record, encode_record

FILE_NAME = "inbox.db"
MAX_KEPT = 5_000  # settled commands; the oldest go. Central queues at most 100 at a time, each of at most ten minutes
_CREATE = """
create table if not exists command (
    id text not null primary key, number integer not null, state text not null check (state in ('waiting', 'begun', 'settled')),
    body blob not null, result blob, told integer not null default 0
) strict, without rowid
"""
_INDEX = "create index if not exists command_open on command (number) where state <> 'settled' or told = 0"
_PRUNE = "delete from command where state = 'settled' and told = 1 and number <= (select max(number) from command) - ?"
_ADD = "insert into command (id, number, state, body) values (?, (select coalesce(max(number), 0) + 1 from command), 'waiting', ?)"
_SETTLE = "update command set state = 'settled', result = ?, told = 0 where id = ?"
_LEFT = "select body, state, result from command where state <> 'settled' or told = 0 order by number"


@dataclass(frozen=True, slots=True)
class Left:
    """A command an earlier run of the agent has not brought to its end. `result`: settled, and perhaps not yet told."""

    command: Command
    begun: bool
    result: CommandResult | None


class Inbox:
    """The commands in `directory`. Every method may be called from any thread; what it changes is on the disk when it returns, or StorageError."""

    def __init__(self, directory: Path, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._forgetful_until = float("-inf")
        self._file = SideFile(directory / FILE_NAME, _lay_out, self._lost)

    def add(self, command: Command) -> bool:
        """Keep a command that waits; False when its id is known already."""
        with self._file.using() as db:
            if db.execute("select 1 from command where id = ?", (command.id,)).fetchone():
                return False
            db.execute(_ADD, (command.id, encode_record(command)))
            return True

    def begin(self, command_id: str) -> None:
        """From now on it may have been carried out."""
        with self._file.using() as db:
            db.execute("update command set state = 'begun' where id = ?", (command_id,))

    def settle(self, result: CommandResult) -> None:
        """Keep what came of it."""
        with self._file.using() as db:
            db.execute(_SETTLE, (encode_record(result), result.id))

    def told(self, command_id: str) -> None:
        """Its result is in the outbox."""
        with self._file.using() as db:
            db.execute("update command set told = 1 where id = ?", (command_id,))
            db.execute(_PRUNE, (MAX_KEPT,))

    def result(self, command_id: str) -> CommandResult | None:
        """What came of it, None while that is open or when the id is not known."""
        with self._file.using() as db:
            row = db.execute("select result from command where id = ?", (command_id,)).fetchone()
        return decode_record(CommandResult, row[0]) if row and row[0] is not None else None

    def left(self) -> list[Left]:
        """What an earlier run has left, oldest first."""
        with self._file.using() as db:
            found = db.execute(_LEFT).fetchall()
        return [one for row in found if (one := _left(*row)) is not None]

    @property
    def forgetful(self) -> bool:
        """Whether a command that looks new may have been carried out already."""
        return self._monotonic() < self._forgetful_until

    def close(self) -> None:
        """Close for good."""
        self._file.close()

    def _lost(self) -> None:
        self._forgetful_until = self._monotonic() + MAX_LIFE_S


def _lay_out(db: sqlite3.Connection) -> None:
    for statement in (_CREATE, _INDEX):
        db.execute(statement)


def _left(body: bytes, state: str, result: bytes | None) -> Left | None:
    try:
        return Left(decode_record(Command, body), state == "begun", decode_record(CommandResult, result) if result is not None else None)
    except MessageError:
        return None  # written by a version whose commands this one does not know; they expire at central

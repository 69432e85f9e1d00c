"""Migrations: numbered SQL files, each run once in its own transaction and never edited afterwards."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from central.db.pool import Connection
from protocol.errors import Conflict

_LOCK = 1667563523  # advisory lock: one migrating process at a time
_FILE = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_LEDGER = """
create table if not exists schema_migration (
    number integer primary key,
    name text not null,
    sha256 text not null,
    applied_at timestamptz not null default now()
)"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `migrations/`. Numbers 0001-0099: metering and ingest; 0100-0199: identity."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """What the ledger remembers of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrate(conn: Connection, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Apply what is missing, in order of number; return the names applied. Raises Conflict if an applied file was edited or is gone.

    `conn` must be in autocommit mode. Files are applied by number even if a higher one already ran: domains number in their own ranges.
    """
    known = load_migrations() if migrations is None else migrations
    conn.execute("select pg_advisory_lock(%s)", [_LOCK])
    try:
        conn.execute(_LEDGER)
        applied = {
            int(number): (str(name), str(sha256)) for number, name, sha256 in conn.execute("select number, name, sha256 from schema_migration")
        }
        _refuse_edited(known, applied)
        missing = [migration for migration in known if migration.number not in applied]
        for migration in missing:
            _apply(conn, migration)
        return [migration.name for migration in missing]
    finally:
        conn.execute("select pg_advisory_unlock(%s)", [_LOCK])


def pending(conn: Connection) -> list[str]:
    """Names of migrations this program knows and the database has not."""
    found = conn.execute("select to_regclass('schema_migration')::text").fetchone()
    done = {row[0] for row in conn.execute("select number from schema_migration")} if found and found[0] else set()
    return [migration.name for migration in load_migrations() if migration.number not in done]


def load_migrations() -> list[Migration]:
    """All migration files of this program, by number."""
    folder = files("central.db").joinpath("migrations")
    entries = sorted((entry for entry in folder.iterdir() if _FILE.match(entry.name)), key=lambda entry: entry.name)
    return [Migration(int(entry.name[:4]), entry.name, entry.read_text(encoding="utf-8")) for entry in entries]


def _apply(conn: Connection, migration: Migration) -> None:
    with conn.transaction():
        conn.execute(migration.text.encode())
        conn.execute("insert into schema_migration (number, name, sha256) values (%s, %s, %s)", [migration.number, migration.name, migration.sha256])


def _refuse_edited(known: Sequence[Migration], applied: dict[int, tuple[str, str]]) -> None:
    numbers = [migration.number for migration in known]
    if len(set(numbers)) != len(numbers):
        raise Conflict("two migration files share a number; renumber the one that was never released")
    by_number = {migration.number: migration for migration in known}
    for number, (name, sha256) in applied.items():
        if number not in by_number:
            raise Conflict(f"the database has migration {name}, which this program does not know; install the newer version")
        if by_number[number].sha256 != sha256:
            raise Conflict(f"migration {name} was changed after it ran; put it back and write a new one", expected=sha256[:12])

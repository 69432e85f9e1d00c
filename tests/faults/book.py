"""The independent book: which cycles a gateway said it has stored, and the comparison of that with what stands in central's tables."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from central.db.pool import connect
from tests.faults import campus
from tests.faults.scenario import Outcome

_TABLE = "select device, quantity, (extract(epoch from measured_at) * 1000)::bigint, value, quality from reading join series on id = series_id"


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted cycle. `at_s`: when its append had returned, Unix seconds."""

    gateway: str
    cycle: int
    epoch: int
    seq: int
    at_s: float


class Book:
    """Written line by line to a file after each append has returned, by a process that is none of those tested."""

    def __init__(self, path: Path) -> None:
        self.entries: list[Entry] = []
        self.tried: set[tuple[str, int]] = set()
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def attempt(self, gateway: str, cycle: int) -> None:
        """A cycle is about to be stored; without an entry it may or may not be there."""
        with self._lock:
            self.tried.add((gateway, cycle))

    def accept(self, gateway: str, cycle: int, epoch: int, seq: int) -> None:
        """The append has returned."""
        entry = Entry(gateway, cycle, epoch, seq, time.time())
        with self._lock:
            self._file.write(f"{gateway} {cycle} {epoch} {seq} {entry.at_s:.3f}\n")
            self._file.flush()
            self.entries.append(entry)
            self.tried.add((gateway, cycle))

    def since(self, at_s: float, until_s: float = float("inf")) -> list[Entry]:
        """Cycles accepted in a span of time."""
        return [entry for entry in list(self.entries) if at_s <= entry.at_s < until_s]

    def close(self) -> None:
        """No more entries."""
        self._file.close()


def settle(book: Book, dsn: str, failures: Sequence[str] = (), notes: Sequence[str] = (), excused: Collection[tuple[str, str, int]] = ()) -> Outcome:
    """Compare book and table. `excused`: identities (device, quantity, at_ms) of accepted cycles that must not be stored."""
    found, counted, conflicts = _state(dsn)
    stored = {row[:3]: row[3] for row in found}
    cycles = {(entry.gateway, entry.cycle) for entry in book.entries}
    due = _identities(cycles) - set(excused)
    known = due | _identities(book.tried - cycles)
    lost = len(due - stored.keys())
    wrong = sum(key not in known or campus.value(*key) != value for key, value in stored.items())
    twice = len(found) - len(stored) + max(0, counted - len(found))
    return Outcome(len(due), lost, wrong + conflicts, twice, tuple(failures), tuple(notes))


def digest(dsn: str) -> str:
    """Hash of the whole reading table: identity, value, quality, in the order of identity."""
    hashed = hashlib.sha256()
    for row in sorted(_table(dsn)):
        hashed.update(repr(row).encode())
    return hashed.hexdigest()


def latencies(book: Book, dsn: str) -> list[tuple[Entry, float]]:
    """Each accepted cycle with the seconds from its append to the transaction that stored it; infinity where none has yet."""
    with connect(dsn) as conn:
        rows = conn.execute("select gateway, epoch, seq, extract(epoch from received_at)::float8 from batch").fetchall()
    received = {tuple(row[:3]): row[3] for row in rows}
    return [(entry, received.get((entry.gateway, entry.epoch, entry.seq), float("inf")) - entry.at_s) for entry in list(book.entries)]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _state(dsn: str) -> tuple[list[tuple[str, str, int, int, int]], int, int]:
    """The reading table, how many readings the ledger counts, and how many conflicts there are: all of one moment."""
    with connect(dsn) as conn:
        conn.execute("set transaction isolation level repeatable read")
        found = conn.execute(_TABLE).fetchall()
        row = conn.execute("select sum(readings), (select count(*) from event where code = 'reading.conflict') from batch").fetchone()
    assert row is not None
    return found, int(row[0] or 0), int(row[1])


def _table(dsn: str) -> list[tuple[str, str, int, int, int]]:
    with connect(dsn) as conn:
        return conn.execute(_TABLE).fetchall()


def _identities(cycles: Collection[tuple[str, int]]) -> set[tuple[str, str, int]]:
    return {(key.device, key.quantity, campus.at(number)) for gateway, number in cycles for key in campus.keys(gateway)}

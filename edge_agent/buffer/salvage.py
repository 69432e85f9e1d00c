"""A damaged outbox file -> a sound one with everything that can still be read.

Rows are read through SQLite as far as it gets, and what it cannot reach is carved out of the raw bytes: every payload is a zlib stream with its own
checksum that names its gateway, epoch and seq. The damaged file is kept aside.
"""

from __future__ import annotations

import logging
import mmap
import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from edge_agent.buffer import database, epochs, log_check
from edge_agent.buffer.batches import is_intact
from edge_agent.buffer.epochs import Epoch
from protocol.command import Results
from protocol.errors import CampusError
from protocol.messages import MAX_PACKED_BYTES, MAX_UNPACKED_BYTES, BatchId, Columns, Event, checksum, decode_stored, encode_events

_LOG = logging.getLogger(__name__)
_ASIDE_KEPT = 2  # damaged files kept for a look; the oldest go
_MAX_STAND_INS = 1_000  # lost batches answered one by one; more are told by the start-up event alone
_MAX_BROKEN_TAIL = 64  # a broken batch's own number may be damaged as well; one far ahead is not believed
_CHUNK = 100
_ZLIB_HEAD = re.compile(rb"\x78[\x01\x5e\x9c\xda]")
_IDENTITY = re.compile(rb'\{"schema":\d+,"gateway":"([^"]*)","generation":(\d{1,16}),"epoch":(\d{1,16}),"seq":(\d{1,12}),')
_IDENTITY_BYTES = 200
_ENVELOPE_HEAD = b'{"schema":'
_SIDE_FILES = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Report:
    """What a rebuild carried over, how many lost batches it could name, and where the damaged file lies."""

    batches: int
    stand_ins: int
    last_ordinal: int
    aside: Path


@dataclass(frozen=True, slots=True)
class Found:
    """One readable batch of a damaged file."""

    batch: BatchId
    kind: str
    created_ms: int
    count: int
    payload: bytes


def rebuild(path: Path, gateway: str, now_ms: int) -> Report:
    """Replace the damaged outbox at `path` by one with all that can be read; the damaged file is renamed aside.

    The new file is complete before it takes the name, so a crash in between loses nothing (see `finish_interrupted`).
    """
    fresh = _fresh(path)
    _remove(fresh)
    hidden = log_check.hidden_commits(database.wal(path))
    with closing(database.connect(fresh)) as db:
        keeper = _Keeper(db, gateway, _old_marks(path), now_ms)
        whole = keeper.keep(_walk(path, gateway))
        if not whole or hidden:
            carved = _carve(path, gateway)
            keeper.keep(keeper.of_known_epochs(carved) if whole and hidden == 1 else carved)
        stand_ins = keeper.fill_gaps()
    if database.wal(fresh).exists():
        raise sqlite3.OperationalError("the salvaged rows are not all in the new file")  # closing could not move them there
    aside = set_aside(path, now_ms)
    fresh.rename(path)
    return Report(keeper.kept, stand_ins, keeper.last_ordinal, aside)


def finish_interrupted(path: Path) -> None:
    """Complete or discard a rebuild that a crash interrupted."""
    fresh = _fresh(path)
    if fresh.exists() and not path.exists():
        _remove(path)  # the damaged one's log may still lie there; beside another database it would spoil that too
        fresh.rename(path)
    _remove(fresh)


def set_aside(path: Path, now_ms: int) -> Path:
    """Rename an outbox and its side files out of the way; keep the newest few of such files."""
    aside = path.with_name(f"{path.stem}.aside-{now_ms:013d}{path.suffix}")
    for side in _SIDE_FILES:
        with suppress(FileNotFoundError):
            path.with_name(path.name + side).rename(aside.with_name(aside.name + side))
    for old in sorted(path.parent.glob(f"{path.stem}.aside-*{path.suffix}"))[:-_ASIDE_KEPT]:
        _LOG.warning("deleting %s: only the newest %d files set aside are kept", old, _ASIDE_KEPT)
        _remove(old)
    return aside


def stand_in(batch: BatchId, at_ms: int) -> bytes:
    """Payload that takes the place of a batch whose content is lost: an event that says so, under the lost batch's identity."""
    event = Event(
        code="outbox.batch_lost",
        at_ms=at_ms,
        severity="error",
        message=f"batch {batch.seq} of epoch {batch.epoch} is lost at the gateway; what it held is missing, not zero",
        data={"epoch": batch.epoch, "first": batch.seq, "last": batch.seq},
    )
    return encode_events(batch, [event])


class _Keeper:
    """Writes found batches into a fresh outbox, epoch by epoch."""

    def __init__(self, db: sqlite3.Connection, gateway: str, marks: dict[int, int], now_ms: int) -> None:
        self._db = db
        self._gateway = gateway
        self._marks = marks
        self._now_ms = now_ms
        self._epochs: dict[tuple[int, int], Epoch] = {}
        self._broken: set[BatchId] = set()
        self.kept = 0

    @property
    def last_ordinal(self) -> int:
        return len(self._epochs)

    def keep(self, found: Iterable[Found | BatchId]) -> bool:
        """Store everything found, each identity once, and note what is only a name; return False if the source broke off."""
        source = iter(found)
        try:
            while chunk := list(islice(source, _CHUNK)):
                self._db.execute("BEGIN")
                for one in chunk:
                    if isinstance(one, Found):
                        self._keep(one)
                    else:
                        self._broken.add(one)
                self._db.execute("COMMIT")
        except _BrokenOffError:
            return False
        return True

    def of_known_epochs(self, carved: Iterable[Found | BatchId]) -> Iterator[Found | BatchId]:
        """Only what belongs to epochs that were committed: a commit that broke off may have been about to begin one."""
        known = set(self._epochs)
        for one in carved:
            batch = one.batch if isinstance(one, Found) else one
            if (batch.generation, batch.epoch) in known:
                yield one

    def fill_gaps(self) -> int:
        """Put stand-ins where seqs are missing between an epoch's receipt and its last batch; return how many."""
        filled = 0
        self._db.execute("BEGIN")
        for epoch in self._epochs.values():
            for seq in islice(self._missing(epoch), _MAX_STAND_INS - filled):
                payload = stand_in(BatchId(self._gateway, epoch.generation, epoch.epoch, seq), self._now_ms)
                self._insert(epoch, seq, "events", self._now_ms, 1, payload)
                filled += 1
        self._db.execute("COMMIT")
        return filled

    def _keep(self, found: Found) -> None:
        epoch = self._epoch(found.batch)
        self.kept += self._insert(epoch, found.batch.seq, found.kind, found.created_ms, found.count, found.payload)

    def _epoch(self, batch: BatchId) -> Epoch:
        key = (batch.generation, batch.epoch)
        if key not in self._epochs:
            epoch = Epoch(len(self._epochs) + 1, batch.epoch, batch.generation, acked=self._marks.get(batch.epoch, 0))
            epochs.insert(self._db, epoch, self._gateway, self._now_ms)
            if epoch.acked:
                self._db.execute("INSERT INTO ack VALUES (?, ?, ?)", (epoch.ordinal, self._now_ms, epoch.acked))
            self._epochs[key] = epoch
        return self._epochs[key]

    def _insert(self, epoch: Epoch, seq: int, kind: str, created_ms: int, count: int, payload: bytes) -> int:
        row = (epoch.position(seq), kind, created_ms, count, checksum(payload), payload)
        return self._db.execute("INSERT OR IGNORE INTO batch VALUES (?, ?, ?, ?, ?, ?)", row).rowcount

    def _missing(self, epoch: Epoch) -> Iterator[int]:
        """Seqs that are not there, above the receipt or, without one, above the first batch found, up to the last that left a trace."""
        query = "SELECT position FROM batch WHERE position BETWEEN ? AND ? ORDER BY position"
        whole = (epoch.position(0), epoch.position(0) + (1 << database.EPOCH_SHIFT) - 1)
        held = [epochs.seq_of(row[0]) for row in self._db.execute(query, whole)]
        expected = epoch.acked + 1 if epoch.acked else held[0] if held else 1
        for seq in held:
            yield from range(expected, seq)
            expected = max(expected, seq + 1)
        broken = [one.seq for one in self._broken if (one.generation, one.epoch) == (epoch.generation, epoch.epoch)]
        yield from range(expected, max((seq for seq in broken if seq < expected + _MAX_BROKEN_TAIL), default=0) + 1)


class _BrokenOffError(Exception):
    """SQLite could not read the damaged file to its end."""


def _walk(path: Path, gateway: str) -> Iterator[Found]:
    """Rows SQLite can still read and whose bytes match their checksum; raises _BrokenOffError where it cannot go on or left some out."""
    unusable = 0
    try:
        with closing(database.connect_read_only(path)) as db:
            for created_ms, crc, payload in db.execute("SELECT created_ms, crc32c, payload FROM batch ORDER BY position"):
                found = _recognise(payload, gateway, created_ms) if is_intact(payload, crc) else None
                if found is not None:
                    yield found
                else:
                    unusable += 1
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter: an error message with bytes of a damaged schema in it
        _LOG.warning("%s: SQLite stops at %s; carving the rest out of the raw bytes", path, error)
        raise _BrokenOffError from error
    if unusable:
        _LOG.warning("%s: %d rows are not what was written; carving for them in the raw bytes", path, unusable)
        raise _BrokenOffError


def _carve(path: Path, gateway: str) -> Iterator[Found | BatchId]:
    """Batches whose bytes lie in one piece in the file or its write-ahead log, whatever the pages around them look like; of broken ones the name."""
    for file in (path, database.wal(path)):
        with suppress(OSError, ValueError), file.open("rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for match in _ZLIB_HEAD.finditer(data):
                payload = _stream_at(data, match.start())
                found = _recognise(payload, gateway, None) if payload else _name_of_broken(data, match.start(), gateway)
                if found is not None:
                    yield found


def _stream_at(data: mmap.mmap, start: int) -> bytes | None:
    """The complete zlib stream of an envelope that begins here, or None. Chance hits are told by their first bytes."""
    try:
        if zlib.decompressobj().decompress(data[start : start + 256], len(_ENVELOPE_HEAD)) != _ENVELOPE_HEAD:
            return None
        piece, inflater = data[start : start + MAX_PACKED_BYTES], zlib.decompressobj()
        inflater.decompress(piece, MAX_UNPACKED_BYTES)
    except zlib.error:
        return None
    return piece[: len(piece) - len(inflater.unused_data)] if inflater.eof else None


def _name_of_broken(data: mmap.mmap, start: int, gateway: str) -> BatchId | None:
    """What a stream that breaks off later says of itself at its beginning."""
    try:
        head = zlib.decompressobj().decompress(data[start : start + 256], _IDENTITY_BYTES)
    except zlib.error:
        return None
    named = _IDENTITY.match(head)
    return BatchId(gateway, *map(int, named.groups()[1:])) if named and named[1] == gateway.encode() else None


def _recognise(payload: bytes, gateway: str, created_ms: int | None) -> Found | None:
    try:
        batch, content = decode_stored(payload)
    except CampusError:
        return None
    if batch.gateway != gateway:
        return None
    if isinstance(content, Columns):
        newest, kind = max(content.measured_at_ms, default=0), "readings"
    elif isinstance(content, Results):
        newest, kind = max((result.at_ms for result in content.results), default=0), "results"
    else:
        newest, kind = max((event.at_ms for event in content), default=0), "events"
    return Found(batch, kind, newest if created_ms is None else created_ms, len(content), payload)


def _old_marks(path: Path) -> dict[int, int]:
    """Receipts by epoch, as far as they can be read."""
    with suppress(sqlite3.Error, UnicodeDecodeError), closing(database.connect_read_only(path)) as db:
        return dict(db.execute("SELECT epoch, max(seq) FROM ack JOIN epoch USING (ordinal) GROUP BY epoch").fetchall())
    return {}


def _fresh(path: Path) -> Path:
    return path.with_name(f"{path.stem}.rebuild{path.suffix}")


def _remove(path: Path) -> None:
    for side in _SIDE_FILES:
        path.with_name(path.name + side).unlink(missing_ok=True)

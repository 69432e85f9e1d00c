"""The outbox: batches that survive anything until central has them.

A batch is accepted when `append_*` returns: it is committed with an fsync. It leaves by central's receipt alone, and even then stays for days, so
that central can ask again after a failover. When the byte quota (or the disk) is used up, acked rows go first; unacked ones are never deleted, new
ones are refused instead and the gap is told by an event.

Size: appending, receipts and room share one lock and one set of counters.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge_agent.buffer import database, epochs, salvage
from edge_agent.buffer.batches import Backlog, Limits, Receipt, Stored, is_intact, names_itself
from edge_agent.buffer.drafts import Draft, Kind, columns_draft, event_drafts, is_storable, reading_drafts, result_drafts, unstorable_event
from edge_agent.buffer.epochs import Epoch
from edge_agent.buffer.outbox_file import OutboxFile
from protocol.command import CommandResult, Results
from protocol.errors import CampusError, QuotaExceeded, StorageError
from protocol.messages import BatchId, Columns, Event, checksum, decode_stored, encode_results
from protocol.reading import Reading

_LOG = logging.getLogger(__name__)
_STEP = 200  # rows deleted in one transaction: a few milliseconds during which nobody can append
_MAX_STEPS = 50
_MAX_QUARANTINED = 1_000  # kept for a look at what the disk does; the oldest go
_RENUMBER_STEP = 50
_SAMPLE = 32  # rows at each end
_MAX_RANGE = 64
_HOUR_MS = 3_600_000
_ROW_BYTES = 3 * 4096  # more than a row costs besides its payload: a page begun, one above it, and both in the log
_RESERVE_SHARE = 16  # the last 1/16 of the quota is for events, so that "full" can still be told
_SELECT = "SELECT position, kind, created_ms, count, crc32c, payload FROM batch WHERE position BETWEEN ? AND ? ORDER BY position"
_LOWEST = "SELECT min(position) FROM batch WHERE position BETWEEN ? AND ?"
_DELETE_OLDEST = "DELETE FROM batch WHERE position IN (SELECT position FROM batch WHERE position BETWEEN ? AND ? ORDER BY position LIMIT ?)"


@dataclass(slots=True)
class _Refusal:
    """The gap that grows while nothing can be stored."""

    since_ms: int
    calls: int = 0
    readings: int = 0


class Outbox:
    """The one owner of `directory/outbox.db`. Every method may be called from any thread.

    Raises StorageBusy at once if another process owns the directory. A damaged file never stops the start: it is set aside, what can be read is
    carried over, and an event tells it.
    """

    def __init__(self, directory: Path, gateway: str, generation: int, limits: Limits, *, now_ms: Callable[[], int]) -> None:
        self.gateway = gateway
        self._limits = limits
        self._now_ms = now_ms
        self._lock = threading.RLock()
        self._file = OutboxFile(directory, gateway, generation, now_ms, self._tell)
        self._refusal: _Refusal | None = None
        self._unmeasured_bytes = 0  # what may still be appended before the file has to be measured
        self._appended: Callable[[], None] = _nobody
        self._owner = database.own(directory)
        try:
            self._file.start()
        except BaseException:
            self.close()
            raise

    # --- writing -------------------------------------------------------------------------------------------------------

    def append_readings(self, readings: Sequence[Reading]) -> int:
        """Store readings and return the seq of the last batch; they are on the disk when this returns. Raises StorageError if they are not."""
        try:
            drafts, good = reading_drafts(readings), readings
        except ValueError:
            good = [reading for reading in readings if is_storable(reading)]
            bad = [reading for reading in readings if not is_storable(reading)]
            _LOG.error("%d readings cannot be stored, the first is %r", len(bad), bad[0])
            drafts = reading_drafts(good) + event_drafts([unstorable_event(bad, self._now_ms())])
        return self._append(drafts, readings=len(good))

    def append_events(self, events: Sequence[Event]) -> int:
        """Store events as `append_readings` does. They may use the reserve behind the quota."""
        return self._append(event_drafts(events), reserve=True)

    def append_results(self, results: Sequence[CommandResult]) -> int:
        """Store results of commands as `append_events` does."""
        return self._append(result_drafts(results), reserve=True)

    def listen(self, appended: Callable[[], None]) -> None:
        """Call `appended` after every commit, in the thread that appended; it must not block."""
        self._appended = appended

    # --- reading -------------------------------------------------------------------------------------------------------

    def pending(self, after: int = 0, limit: int = 8, upto: int | None = None) -> list[Stored]:
        """Batches central has not acked, in send order, with `after < position <= upto`.

        A batch whose bytes no longer match its checksum goes to quarantine; an event with the same identity stands in for it.
        """
        found: list[Stored] = []
        with self._lock:
            for epoch in self._file.held():
                first = max(after, epoch.position(epoch.acked)) + 1
                last = epoch.position(epoch.last) if upto is None else min(upto, epoch.position(epoch.last))
                if first <= last and len(found) < limit:
                    found += self._read(epoch, first, last, limit - len(found))
        return found

    def range(self, first: int, last: int) -> list[Stored]:
        """Batches at positions first..last of one epoch (at most 64), acked or not. One that is gone is answered by an event of its identity."""
        with self._lock:
            epoch = self._file.epoch_at(first)
            if epoch is None:
                return []
            last = min(last, epoch.position(epoch.last), first + _MAX_RANGE - 1)
            found = {row.position: row for row in self._read(epoch, first, last, last - first + 1)}
            return [found.get(position) or self._stand_in(epoch, position) for position in range(max(first, epoch.position(1)), last + 1)]

    def newest(self, limit: int) -> list[Stored]:
        """The last batches stored, oldest first, acked or not; damaged ones are left out."""
        with self._lock, self._file.reading() as db:
            rows = db.execute(f"{_SELECT} DESC LIMIT ?", (0, (1 << 63) - 1, limit)).fetchall()
            return [stored for row in reversed(rows) if (stored := self._stored(row)) is not None]

    def position(self, epoch: int, seq: int) -> int | None:
        """Where a batch of an epoch stands (at most its last); None if this outbox holds nothing of that epoch."""
        with self._lock:
            return next((held.position(min(seq, held.last)) for held in self._file.held() if held.epoch == epoch), None)

    @property
    def last_position(self) -> int:
        """Position of the batch stored last; 0 before the first."""
        with self._lock:
            current = self._file.current()
            return current.position(current.last)

    @property
    def incarnation(self) -> int:
        """Rises when positions handed out before have lost their meaning."""
        return self._file.incarnation

    @property
    def epoch(self) -> int:
        """The epoch new batches get."""
        with self._lock:
            return self._file.current().epoch

    def backlog(self) -> Backlog:
        """Count what waits; as quick with a gigabyte as with nothing. The batches are exact, their bytes an estimate from some at both ends."""
        with self._lock, self._file.reading() as db:
            batches = size = 0
            for epoch in self._file.held():
                waiting = epoch.last - epoch.acked
                batches, size = batches + waiting, size + waiting * _mean_bytes(db, epoch.position(epoch.acked + 1), epoch.position(epoch.last))
            current = self._file.current()
            lowest = db.execute(_LOWEST, (current.position(1), current.position(current.last))).fetchone()[0]
            held = current.last + 1 if lowest is None else epochs.seq_of(lowest)
            return Backlog(batches, size, database.space(db, self._file.path).used_bytes, current.epoch, current.last, current.acked, held)

    # --- receipts and room ---------------------------------------------------------------------------------------------

    def acknowledge(self, generation: int, epoch: int, seq: int, also: Sequence[tuple[int, int]] = ()) -> Receipt:
        """Note central's receipt for everything of `epoch` up to `seq`. Deletes nothing; `purge` does, days later. Written down with the next
        commit: a receipt lost in a crash costs a resend, an fsync for each would cost flash.

        `also` counts where it continues what is acked here: a hole central has below the first batch we hold cannot be filled from here any more.
        """
        with self._lock:
            held = next((one for one in self._file.held() if (one.generation, one.epoch) == (generation, epoch)), None)
            if held is None:
                return Receipt.FOREIGN
            if seq > held.last and held is self._file.current():
                return Receipt.BEYOND
            reached = self._reached(held, seq, also) if also else seq
            if reached <= held.acked:
                return Receipt.STALE
            held.acked, held.acked_ms = min(reached, held.last), self._now_ms()
            return Receipt.ADVANCED

    def purge(self) -> int:
        """Delete one step of the rows acked longer ago than they must be kept, oldest first; return how many. Call again while it is not 0."""
        with self._lock:
            return self._delete_acked(self._now_ms() - self._limits.keep_acked_ms)

    def renumber(self) -> int:
        """Begin a new epoch and carry every unacked batch of the current one over to it under new numbers; return how many.

        For an outbox that was set back (restored image, cloned card): central already has other batches under the numbers this one would use next.
        """
        with self._lock:
            old = self._file.current()
            self._file.begin_epoch()
            self._file.incarnation += 1
        carried = 0
        while step := self._carry_over(old):
            carried += step
        return carried

    def close(self) -> None:
        """Close the file and give the directory back. Appending afterwards raises StorageError."""
        with self._lock:
            if self._file.connected:
                with suppress(StorageError), self._writing():
                    """Nothing but the receipts."""
            self._file.close()
            if self._owner >= 0:
                os.close(self._owner)
                self._owner = -1

    # --- the append path -----------------------------------------------------------------------------------------------

    def _append(self, drafts: Sequence[Draft], *, readings: int = 0, reserve: bool = False) -> int:
        with self._lock:
            current = self._file.current()
            if not drafts:
                return current.last
            try:
                self._make_room(reserve)
                seq = self._store(self._told_gap() + list(drafts))
            except StorageError as error:
                self._refused(error, readings)
                raise
            self._refusal = None
        self._appended()
        return seq

    def _store(self, drafts: Sequence[Draft]) -> int:
        """Number, encode and commit; the numbers count only once the commit has returned."""
        with self._writing() as db:
            current, now_ms = self._file.current(), self._now_ms()
            rows = []
            for seq, draft in enumerate(drafts, start=current.last + 1):
                payload = draft.encode(BatchId(self.gateway, current.generation, current.epoch, seq))
                rows.append((current.position(seq), draft.kind, now_ms, draft.count, checksum(payload), payload))
            db.executemany("INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?)", rows)
        current.last += len(drafts)
        self._unmeasured_bytes -= sum(len(row[-1]) + _ROW_BYTES for row in rows)
        return current.last

    def _make_room(self, reserve: bool) -> None:
        """Delete acked rows until one more batch fits; raise QuotaExceeded when only unacked ones are left."""
        for _ in range(_MAX_STEPS):
            if self._fits(reserve):
                return
            with self._file.reading() as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log of deletions counts too
            if self._fits(reserve):
                return
            if not self._delete_acked(None):
                break
        raise QuotaExceeded(
            "the outbox is full of batches central has not acked; restore the link to central, or raise quota_mib or free the disk",
            quota_bytes=self._limits.quota_bytes,
            free_bytes=_free_bytes(self._file.path.parent),
        )

    def _fits(self, reserve: bool) -> bool:
        """Whether one more append keeps quota and file system in bounds; `reserve`: the appender may use the last part of the quota."""
        free_bytes = _free_bytes(self._file.path.parent)
        if self._unmeasured_bytes > 0 and free_bytes >= self._limits.min_free_bytes:
            return True
        with self._file.reading() as db:
            space = database.space(db, self._file.path)
        room_bytes = self._limits.quota_bytes - space.used_bytes
        reserve_bytes = self._limits.quota_bytes // _RESERVE_SHARE
        self._unmeasured_bytes = (room_bytes - reserve_bytes) // 2
        if reserve:
            return room_bytes >= 0
        return room_bytes >= reserve_bytes and free_bytes + space.reusable_bytes >= self._limits.min_free_bytes

    def _refused(self, error: StorageError, readings: int) -> None:
        """Count the gap; tell it when it begins."""
        if self._refusal is None:
            self._refusal = _Refusal(self._now_ms())
            _LOG.error("nothing can be stored: %s", error)
            with suppress(StorageError):
                self._make_room(reserve=True)
            self._tell("outbox.full", str(error), {"since_ms": self._refusal.since_ms})
        self._refusal.calls += 1
        self._refusal.readings += readings

    def _told_gap(self) -> list[Draft]:
        """The event that closes a gap, to be stored together with the first batch after it."""
        gap = self._refusal
        if gap is None:
            return []
        _LOG.warning("storing again; refused %d calls with %d readings since %d", gap.calls, gap.readings, gap.since_ms)
        now_ms = self._now_ms()
        return event_drafts(
            [
                Event(
                    code="outbox.gap",
                    at_ms=now_ms,
                    severity="error",
                    message=f"{gap.calls} appends with {gap.readings} readings were refused for lack of room",
                    data={"since_ms": gap.since_ms, "until_ms": now_ms, "calls": gap.calls, "readings": gap.readings},
                )
            ]
        )

    # --- rows ----------------------------------------------------------------------------------------------------------

    def _read(self, epoch: Epoch, first: int, last: int, limit: int) -> list[Stored]:
        with self._file.reading() as db:
            rows = db.execute(f"{_SELECT} LIMIT ?", (first, last, limit)).fetchall()
            if any(stored is not None and not _names_itself(stored) for stored in map(self._stored, rows)):
                raise database.contradiction("a batch lies under a number that is not its own")
        return [self._stored(row) or self._quarantine(epoch, row) for row in rows]

    def _stored(self, row: tuple[int, Kind, int, int, int, bytes]) -> Stored | None:
        """The row as a record, or None if its payload does not match its checksum."""
        position, kind, created_ms, count, crc, payload = row
        epoch = self._file.epoch_at(position)
        if epoch is None or not is_intact(payload, crc):
            return None
        return Stored(position, epoch.generation, epoch.epoch, epochs.seq_of(position), kind, created_ms, count, crc, payload)

    def _quarantine(self, epoch: Epoch, row: tuple[int, Kind, int, int, int, bytes]) -> Stored:
        """Set a damaged row aside and put an event in its place, so that central's count of this epoch has no hole."""
        position, _, _, _, crc, payload = row
        _LOG.error("batch %d of epoch %d does not match its checksum; it goes to quarantine", epochs.seq_of(position), epoch.epoch)
        stand_in = self._stand_in(epoch, position)
        with suppress(StorageError), self._file.transaction() as db:
            db.execute(
                "INSERT INTO quarantine (position, found_ms, reason, crc32c, payload) VALUES (?, ?, 'checksum', ?, ?)",
                (position, self._now_ms(), crc, payload),
            )
            db.execute("DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", (_MAX_QUARANTINED,))
            db.execute(
                "UPDATE batch SET kind = 'events', count = 1, crc32c = ?, payload = ? WHERE position = ?",
                (stand_in.crc32c, stand_in.payload, position),
            )
        return stand_in

    def _stand_in(self, epoch: Epoch, position: int) -> Stored:
        batch = BatchId(self.gateway, epoch.generation, epoch.epoch, epochs.seq_of(position))
        payload, now_ms = salvage.stand_in(batch, self._now_ms()), self._now_ms()
        return Stored(position, epoch.generation, epoch.epoch, batch.seq, "events", now_ms, 1, checksum(payload), payload)

    def _reached(self, epoch: Epoch, seq: int, also: Sequence[tuple[int, int]]) -> int:
        """The highest seq below which every batch held here is committed at central."""
        first = max(seq, epoch.acked) + 1
        with self._file.reading() as db:
            lowest = db.execute(_LOWEST, (epoch.position(first), epoch.position(epoch.last))).fetchone()[0]
        reached = seq if lowest is None else epochs.seq_of(lowest) - 1
        for low, high in sorted(also):
            if low <= reached + 1:
                reached = max(reached, high)
        return reached

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that also writes down the receipts only memory holds."""
        with self._file.transaction() as db:
            unwritten = [epoch for epoch in self._file.held() if epoch.acked > epoch.marked]
            for epoch in unwritten:
                hour = (epoch.acked_ms // _HOUR_MS + 1) * _HOUR_MS
                db.execute(
                    "INSERT INTO ack VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq)", (epoch.ordinal, hour, epoch.acked)
                )
            yield db
        for epoch in unwritten:
            epoch.marked = epoch.acked

    def _delete_acked(self, before_ms: int | None) -> int:
        """Delete one step of acked rows (of receipts older than `before_ms`, if given); return how many."""
        with self._writing() as db:
            for epoch in self._file.held():
                query = "SELECT coalesce(max(seq), 0) FROM ack WHERE ordinal = ? AND acked_ms <= ?"
                seq = epoch.acked if before_ms is None else db.execute(query, (epoch.ordinal, before_ms)).fetchone()[0]
                deleted = db.execute(_DELETE_OLDEST, (epoch.position(0), epoch.position(seq), _STEP)).rowcount
                db.execute("DELETE FROM ack WHERE ordinal = ? AND seq < ?", (epoch.ordinal, seq))
                if deleted:
                    return deleted
        return 0

    def _carry_over(self, old: Epoch) -> int:
        """Move one step of unacked batches to the current epoch. A crash between store and receipt leaves both copies, which is harmless."""
        with self._lock:
            rows = self._read(old, old.position(old.acked + 1), old.position(old.last), _RENUMBER_STEP)
            if not rows:
                return 0
            self._store([_again(row) for row in rows])
            old.acked, old.acked_ms = rows[-1].seq, self._now_ms()
            return len(rows)

    def _tell(self, code: str, message: str, data: dict[str, str | int | bool | None]) -> None:
        event = Event(code=code, at_ms=self._now_ms(), severity="error", message=message[:2000], data=data)
        with suppress(StorageError):
            self._store(event_drafts([event]))


def _names_itself(stored: Stored) -> bool:
    return names_itself(stored.payload, stored.generation, stored.epoch, stored.seq, stored.kind)


def _again(row: Stored) -> Draft:
    """A stored batch as a draft, to be stored under another number."""
    try:
        _, content = decode_stored(row.payload, row.crc32c)
    except CampusError:
        return Draft(row.kind, row.count, lambda batch: salvage.stand_in(batch, row.created_ms))
    if isinstance(content, Columns):
        return columns_draft(content)
    if isinstance(content, Results):
        return Draft(row.kind, row.count, lambda batch: encode_results(batch, content.results))
    return event_drafts(content)[0]


def _mean_bytes(db: sqlite3.Connection, first: int, last: int) -> int:
    """Mean payload of the rows at both ends of a stretch; 0 where there are none."""
    query = "SELECT length(payload) FROM batch WHERE position BETWEEN ? AND ? ORDER BY position {} LIMIT ?"
    lengths = [row[0] for order in ("ASC", "DESC") for row in db.execute(query.format(order), (first, last, _SAMPLE))]
    return sum(lengths) // len(lengths) if lengths else 0


def _free_bytes(directory: Path) -> int:
    try:
        stat = os.statvfs(directory)
    except OSError as error:
        raise StorageError(f"{directory}: cannot be measured: {error.strerror}") from error
    return stat.f_bavail * stat.f_frsize


def _nobody() -> None:
    """Listener of an outbox nobody listens to."""

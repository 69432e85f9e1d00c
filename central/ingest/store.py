"""One group of batches into the database, exactly once, in one transaction.

Fast path: ledger rows, then a plain binary COPY. When a reading is already there the COPY fails, the transaction is rolled back and the whole
group takes the slow path once: COPY into a temporary table, insert what is new, report where a different value was refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from central.db.copy import copy_in
from central.db.pool import Connection, UniqueViolation
from central.db.statements import load_statements, rows, run
from central.ingest.pack import Rows, concatenate, pack
from central.ingest.quarantine import put
from central.ingest.receipts import Receipt, ranges_by_epoch
from central.ingest.series import SeriesIds
from central.ingest.verify import Poison, Sound
from central.mqtt.session import Message
from protocol.messages import BatchId, Columns, Event, encode_readings
from protocol.quantities import QUANTITIES
from protocol.reading import SeriesKey

_SQL = load_statements("central.ingest")
_MAX_NOTIFY_BYTES = 7999  # PostgreSQL refuses a NOTIFY payload of 8000 bytes
ANY_DEVICE = "*"


@dataclass(frozen=True, slots=True)
class Stored:
    """What one transaction did. `latest_ms`: device -> newest measurement of the group."""

    receipts: list[Receipt]
    latest_ms: dict[str, int]
    readings: int = 0
    duplicates: int = 0
    quarantined: int = 0
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class _Work:
    """What is left of a group once everything that must not be stored has been taken out."""

    batches: list[Sound]
    poison: list[Poison]
    parts: list[Rows]
    latest_ms: dict[str, int]


def store(conn: Connection, series: SeriesIds, arrivals: Sequence[Sound | Poison]) -> Stored:
    """Store a group and commit. Nothing of it is stored when this raises."""
    series.learn(conn, _keys(arrivals))
    try:
        with conn.transaction():
            return _store(conn, series, arrivals, _copy)
    except UniqueViolation:
        with conn.transaction():
            return _store(conn, series, arrivals, insert_new)


def insert_new(conn: Connection, incoming: Rows) -> int:
    """The slow path: insert the readings that are new; a known one with another value becomes an event. Returns how many such there were."""
    run(conn, _SQL["create_incoming"])
    copy_in(conn, _SQL["copy_incoming"], pack(incoming))
    run(conn, _SQL["insert_incoming"])
    conflicts = rows(conn, _SQL["conflicts"], Conflicting)
    run(conn, _SQL["drop_incoming"])
    append_events(conn, [(None, position, conflict.event()) for position, conflict in enumerate(conflicts)])
    return len(conflicts)


@dataclass(frozen=True, slots=True)
class Conflicting:
    """A reading that arrived twice with different values; the first one stays."""

    device: str
    quantity: str
    measured_at_ms: int
    kept: int
    refused: int

    def event(self) -> Event:
        """The conflict as an event of central's own."""
        return Event(
            code="reading.conflict",
            at_ms=self.measured_at_ms,
            severity="warning",
            device=self.device,
            message=f"{self.quantity} arrived again with another value; the first one is kept",
            data={"quantity": self.quantity, "measured_at_ms": self.measured_at_ms, "kept": self.kept, "refused": self.refused},
        )


def sift(series: SeriesIds, batches: Iterable[Sound]) -> _Work:
    """Split readings into rows for the table and parts for quarantine (unknown device, unknown quantity)."""
    work = _Work(list(batches), [], [], {})
    for sound in work.batches:
        if isinstance(sound.content, Columns) and len(sound.content):
            _sift_columns(series, sound, sound.content, work)
    return work


def events_of(sound: Sound) -> list[tuple[BatchId | None, int, Event]]:
    """The events of a message as `append_events` takes them; none for readings."""
    return [] if isinstance(sound.content, Columns) else [(sound.batch, position, event) for position, event in enumerate(sound.content)]


def append_events(conn: Connection, events: Sequence[tuple[BatchId | None, int, Event]]) -> None:
    """Append (identity, position in its batch, event); an event of a known identity and position is there already and is skipped."""
    if not events:
        return
    columns = zip(*(_event_row(batch, position, event) for batch, position, event in events), strict=True)
    run(conn, _SQL["append_events"], **dict(zip(_EVENT_COLUMNS, map(list, columns), strict=True)))


def _keys(arrivals: Iterable[Sound | Poison]) -> set[SeriesKey]:
    return {key for sound in arrivals if isinstance(sound, Sound) and isinstance(sound.content, Columns) for key in sound.content.series}


def _store(conn: Connection, series: SeriesIds, arrivals: Sequence[Sound | Poison], insert: Callable[[Connection, Rows], int]) -> Stored:
    judged = _check_generations(conn, arrivals)
    identified, unidentified = _by_identity(judged)
    new = _enter(conn, identified)
    work = sift(series, [item for item in new if isinstance(item, Sound)])
    poison = [*work.poison, *unidentified, *(item for item in new if isinstance(item, Poison))]
    readings = concatenate(work.parts) if work.parts else None
    conflicts = insert(conn, readings) if readings is not None else 0
    append_events(
        conn, [(one.batch, n, event) for one in work.batches if not isinstance(one.content, Columns) for n, event in enumerate(one.content)]
    )
    put(conn, poison)
    if work.latest_ms:
        conn.execute(_SQL["notify_devices"], {"devices": _notice(work.latest_ms)})
    receipts = _advance(conn, [batch for batch, item in identified.items() if not _outdated(item)])
    return Stored(receipts, work.latest_ms, len(readings) if readings else 0, len(judged) - len(unidentified) - len(new), len(poison), conflicts)


def _copy(conn: Connection, readings: Rows) -> int:
    copy_in(conn, _SQL["copy_readings"], pack(readings))
    return 0


@dataclass(frozen=True, slots=True)
class _Generation:
    gateway: str
    generation: int


def _check_generations(conn: Connection, arrivals: Sequence[Sound | Poison]) -> list[Sound | Poison]:
    """Turn batches of unknown gateways and of boxes that were replaced into poison; remember a new box's higher generation."""
    gateways = {item.batch.gateway for item in arrivals if item.batch}
    registered = {row.gateway: row.generation for row in rows(conn, _SQL["registered_generations"], _Generation, gateways=list(gateways))}
    judged = [_check_generation(item, registered) if isinstance(item, Sound) else item for item in arrivals]
    newer = [item.batch for item in judged if isinstance(item, Sound) and item.batch.generation > registered[item.batch.gateway]]
    if newer:
        run(conn, _SQL["adopt_generations"], gateways=[batch.gateway for batch in newer], generations=[batch.generation for batch in newer])
    return judged


UNKNOWN_GATEWAY, UNKNOWN_DEVICE, UNKNOWN_QUANTITY = "gateway.unknown", "device.unknown", "quantity.unknown"
_OLD_GENERATION = "batch.old_generation"


def _check_generation(sound: Sound, registered: dict[str, int]) -> Sound | Poison:
    known = registered.get(sound.batch.gateway)
    if known is None:
        return Poison(sound.message, sound.batch, UNKNOWN_GATEWAY, f"gateway {sound.batch.gateway!r} is on no site plan; import one that has it")
    if sound.batch.generation < known:
        text = f"generation {sound.batch.generation} of gateway {sound.batch.gateway!r} was replaced by {known}; is the old box still running?"
        return Poison(sound.message, sound.batch, _OLD_GENERATION, text)
    return sound


def _outdated(item: Sound | Poison) -> bool:
    """A replaced box gets no receipt: the retained one belongs to its successor."""
    return isinstance(item, Poison) and item.reason == _OLD_GENERATION


def _by_identity(items: Iterable[Sound | Poison]) -> tuple[dict[BatchId, Sound | Poison], list[Poison]]:
    """First arrival of each identity, and what has none."""
    identified: dict[BatchId, Sound | Poison] = {}
    unidentified: list[Poison] = []
    for item in items:
        if item.batch is not None:
            identified.setdefault(item.batch, item)
        elif isinstance(item, Poison):
            unidentified.append(item)
    return identified, unidentified


def _enter(conn: Connection, identified: dict[BatchId, Sound | Poison]) -> list[Sound | Poison]:
    """Write the ledger; returns what was not in it yet."""
    if not identified:
        return []
    counts = [_count(item) for item in identified.values()]
    entered = rows(
        conn,
        _SQL["enter_batches"],
        BatchId,
        gateway=[batch.gateway for batch in identified],
        generation=[batch.generation for batch in identified],
        epoch=[batch.epoch for batch in identified],
        seq=[batch.seq for batch in identified],
        outcome=["stored" if isinstance(item, Sound) else "quarantined" for item in identified.values()],
        readings=[readings for readings, _ in counts],
        events=[events for _, events in counts],
    )
    return [identified[batch] for batch in entered]


def _count(item: Sound | Poison) -> tuple[int, int]:
    if isinstance(item, Poison):
        return 0, 0
    return (len(item.content), 0) if isinstance(item.content, Columns) else (0, len(item.content))


def _sift_columns(series: SeriesIds, sound: Sound, data: Columns, work: _Work) -> None:
    found = [series.get(key) for key in data.series]
    index = np.asarray(data.index, np.int64)
    at_ms = np.asarray(data.measured_at_ms, np.int64)
    ids = np.asarray([-1 if one is None else one for one in found], np.int64)[index]
    columns = Rows(ids, at_ms, np.asarray(data.value, np.int64), np.asarray(data.quality, np.int64))
    if None in found:
        work.poison.extend(_unknown(sound, data, found))
        known = ids >= 0
        columns = Rows(ids[known], at_ms[known], columns.value[known], columns.quality[known])
    if len(columns):
        work.parts.append(columns)
    newest = np.full(len(found), -1, np.int64)
    np.maximum.at(newest, index, at_ms)
    for key, one, at in zip(data.series, found, newest.tolist(), strict=True):
        if one is not None and at > work.latest_ms.get(key.device, -1):
            work.latest_ms[key.device] = at


def _unknown(sound: Sound, data: Columns, found: Sequence[int | None]) -> Iterable[Poison]:
    """The readings without a series, as batches of their own that can be replayed once the registry knows the device."""
    for reason, wanted in ((UNKNOWN_QUANTITY, False), (UNKNOWN_DEVICE, True)):
        chosen = {n for n, key in enumerate(data.series) if found[n] is None and (key.quantity in QUANTITIES) is wanted}
        if not chosen:
            continue
        keep = [n for n, series_index in enumerate(data.index) if series_index in chosen]
        part = Columns(data.series, *([column[n] for n in keep] for column in (data.index, data.measured_at_ms, data.value, data.quality)))
        names = sorted({data.series[n].device if wanted else data.series[n].quantity for n in chosen})
        text = f"{len(keep)} readings of {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}: {reason}; the rest of the batch is stored"
        yield Poison(Message(sound.message.topic, encode_readings(sound.batch, part), {}), sound.batch, reason, text)


def _notice(devices: Iterable[str]) -> str:
    text = ",".join(sorted(devices))
    return text if len(text.encode()) <= _MAX_NOTIFY_BYTES else ANY_DEVICE


def _advance(conn: Connection, batches: Iterable[BatchId]) -> list[Receipt]:
    given = ranges_by_epoch(batches)
    if not given:
        return []
    columns = dict(zip(("gateway", "generation", "epoch", "received"), map(list, zip(*given, strict=True)), strict=True))
    return rows(conn, _SQL["advance_cursors"], Receipt, **columns)


_EVENT_COLUMNS = ("gateway", "generation", "epoch", "seq", "position", "code", "at_ms", "severity", "line", "device", "message", "data")


def _event_row(batch: BatchId | None, position: int, event: Event) -> tuple[object, ...]:
    identity = (batch.gateway, batch.generation, batch.epoch, batch.seq) if batch else (None, None, None, None)
    return (*identity, position, event.code, event.at_ms, event.severity, event.line, event.device, event.message, orjson.dumps(event.data).decode())

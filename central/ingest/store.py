"""One group of messages into the database, exactly once, in one transaction.

Everything that needs no transaction is done before it begins. Fast path: ledger rows, then a plain binary COPY. When a reading is already there
the COPY fails, the transaction is rolled back and the whole group takes the checked path once: COPY into a temporary table, insert what is new,
report where a different value was refused, and count: every reading must be found stored exactly once. A group with readings from before the
horizon takes the checked path at once, for they may be packed (central.storage).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from central.consumption.arrivals import clip_arrival, pack_arrival
from central.db.copy import copy_in
from central.db.pool import Connection, UniqueViolation
from central.db.statements import load_statements, rows, run
from central.ingest.answers import take_results
from central.ingest.pack import Rows, concatenate, pack
from central.ingest.quarantine import put
from central.ingest.receipts import Receipt, ranges_by_epoch
from central.ingest.series import SeriesIds
from central.ingest.sift import OLD_GENERATION, UNKNOWN_GENERATION, Sifted, check_generation, sift
from central.ingest.verify import Poison, Sound
from protocol.errors import StorageError
from protocol.messages import BatchId, Columns, Event

_SQL = load_statements("central.ingest")
_MAX_NOTIFY_BYTES = 7999  # PostgreSQL refuses a NOTIFY payload of 8000 bytes
ANY_DEVICE = "*"
Item = Sifted | Poison


@dataclass(frozen=True, slots=True)
class Group:
    """A group ready for its transaction: one message of each identity (a sound one if there is one), messages without identity, the packed
    readings of all of it (None: not up to date) and the oldest instant among them, what of them consumption must look at, batches of boxes newer than
    registered, and how many repeated an identity."""

    identified: Mapping[BatchId, Item]
    unidentified: Sequence[Poison]
    packed: bytes | None
    oldest_ms: int
    arrival: bytes
    newer: Sequence[BatchId]
    repeated: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What one transaction did. `latest_ms`: device -> newest measurement of the group."""

    receipts: list[Receipt]
    latest_ms: dict[str, int]
    readings: int = 0
    duplicates: int = 0
    quarantined: int = 0
    conflicts: int = 0


def store(conn: Connection, series: SeriesIds, arrivals: Sequence[Sound | Poison]) -> Stored:
    """Store a group and commit. Nothing of it is stored when this raises."""
    return commit(conn, prepare(conn, series, arrivals))


def prepare(conn: Connection, series: SeriesIds, arrivals: Sequence[Sound | Poison]) -> Group:
    """Check generations, resolve series, pack. Writes nothing but series that are new."""
    judged, newer = _check_generations(conn, arrivals)
    sounds = [item for item in judged if isinstance(item, Sound)]
    resolved = series.resolve(conn, [sound.content.series if isinstance(sound.content, Columns) else () for sound in sounds])
    identified: dict[BatchId, Item] = {item.batch: item for item in judged if isinstance(item, Poison) and item.batch}
    identified |= {sound.batch: sift(sound, ids) for sound, ids in zip(reversed(sounds), reversed(resolved), strict=True)}
    unidentified = [item for item in judged if isinstance(item, Poison) and item.batch is None]
    repeated = len(judged) - len(unidentified) - len(identified)
    parts = _parts(identified.values())
    oldest_ms = int(parts.measured_at_ms.min()) if parts else 0
    return Group(identified, unidentified, pack(parts) if parts else b"", oldest_ms, arrival(series, parts), newer, repeated)


def commit(conn: Connection, group: Group) -> Stored:
    """Run the group's transaction: again on the checked path where a reading is known already, again without the batches of boxes replaced since."""
    try:
        with conn.transaction():
            return _commit(conn, group, checked=False)
    except UniqueViolation:
        with conn.transaction():
            return _commit(conn, group, checked=True)
    except _Replaced as since:
        return commit(conn, replace(group, identified={**group.identified, **since.outdated}, packed=None))


def insert_new(conn: Connection, packed: bytes) -> Inserted:
    """The checked path: insert the readings that are new; a known one with another value becomes an event, as do those retention has done away with.

    Knows packed readings too. Raises StorageError, so that nothing is stored, unless every reading is found exactly once afterwards.
    """
    for statement in ("create_incoming", "create_packed"):
        run(conn, _SQL[statement])
    copy_in(conn, _SQL["copy_incoming"], packed)
    horizon = rows(conn, _SQL["hold_horizon"], _Horizon)[0]
    expired = run(conn, _SQL["expire"], kept_from_ms=horizon.kept_from_ms) if horizon.kept_from_ms is not None else 0
    if conn.execute(_SQL["any_late"]).fetchone():
        run(conn, _SQL["hold_packing"])
        run(conn, _SQL["find_packed"])
    inserted = run(conn, _SQL["insert_incoming"])
    tally = rows(conn, _SQL["tally"], Tally, inserted=inserted)[0]
    if not tally.adds_up:
        raise StorageError(f"{tally}: these do not add up, so nothing of the group is stored; it comes again")
    conflicts = rows(conn, _SQL["conflicts"], Conflicting) if tally.conflicting else []
    for statement in ("drop_incoming", "drop_packed"):
        run(conn, _SQL[statement])
    told = [conflict.event() for conflict in conflicts] + ([_expired(expired, horizon.kept_from_ms or 0)] if expired else [])
    append_events(conn, [(None, position, event) for position, event in enumerate(told)])
    return Inserted(tally.conflicting, horizon.kept_from_ms)


@dataclass(frozen=True, slots=True)
class Inserted:
    """What inserting met: conflicts, and from when on readings are kept (None: all); consumption must not look before that."""

    conflicting: int = 0
    kept_from_ms: int | None = None


@dataclass(frozen=True, slots=True)
class _Horizon:
    packed_before_ms: int | None
    kept_from_ms: int | None


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the readings of a group: each was inserted, was there already, or is there with another value (and stays so)."""

    arrived: int
    inserted: int
    known: int
    conflicting: int
    once: int

    @property
    def adds_up(self) -> bool:
        """Whether each reading that arrived is stored once."""
        return self.arrived == self.once == self.inserted + self.known + self.conflicting and self.known >= 0


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


def _expired(count: int, kept_from_ms: int) -> Event:
    text = f"{count} readings from before the time readings are kept arrived; they are not stored"
    return Event(code="reading.expired", at_ms=kept_from_ms, severity="warning", message=text, data={"count": count, "kept_from_ms": kept_from_ms})


def append_events(conn: Connection, events: Sequence[tuple[BatchId | None, int, Event]]) -> None:
    """Append (identity, position in its batch, event); an event of a known identity and position is there already and is skipped."""
    if not events:
        return
    columns = zip(*(_event_row(batch, position, event) for batch, position, event in events), strict=True)
    run(conn, _SQL["append_events"], **dict(zip(_EVENT_COLUMNS, map(list, columns), strict=True)))


@dataclass(frozen=True, slots=True)
class _Generation:
    gateway: str
    generation: int


def _check_generations(conn: Connection, arrivals: Sequence[Sound | Poison]) -> tuple[list[Sound | Poison], list[BatchId]]:
    """Batches of unknown and of replaced boxes become poison; those of the first box of a gateway are returned beside."""
    with conn.transaction():
        registered = _registered(conn, {item.batch.gateway for item in arrivals if item.batch})
    judged = [(check_generation(item, registered) or item) if isinstance(item, Sound) else item for item in arrivals]
    return judged, [item.batch for item in judged if isinstance(item, Sound) and item.batch.generation > registered[item.batch.gateway]]


def _registered(conn: Connection, gateways: Collection[str]) -> dict[str, int]:
    found = rows(conn, _SQL["registered_generations"], _Generation, gateways=list(gateways)) if gateways else []
    return {row.gateway: row.generation for row in found}


def _parts(items: Iterable[Item]) -> Rows | None:
    parts = [item.rows for item in items if isinstance(item, Sifted) and item.rows is not None]
    return concatenate(parts) if parts else None


def arrival(series: SeriesIds, parts: Rows | None) -> bytes:
    """What the consumption job has to look at because of these readings."""
    if parts is None:
        return b""
    counted = series.counted(parts.series_id)
    return pack_arrival(parts.series_id[counted], parts.measured_at_ms[counted])


class _Replaced(Exception):
    """Boxes were replaced after the group was prepared: from that commit on nothing of an old box is stored."""

    def __init__(self, outdated: Mapping[BatchId, Poison]) -> None:
        super().__init__(f"{len(outdated)} batches of replaced boxes")
        self.outdated = outdated


def _commit(conn: Connection, group: Group, checked: bool) -> Stored:
    identified = group.identified
    entered, packed_before_ms = _enter(conn, identified)
    fresh = [item for item in entered if isinstance(item, Sifted)]
    packed = group.packed
    if packed is None or len(entered) < len(identified):
        parts = _parts(fresh)
        packed = pack(parts) if parts else b""
    late = packed_before_ms is not None and group.oldest_ms < packed_before_ms
    inserted = Inserted()
    if packed and (checked or late):
        inserted = insert_new(conn, packed)
    elif packed:
        copy_in(conn, _SQL["copy_readings"], packed)
    append_events(conn, [row for item in fresh for row in item.numbered_events()])
    poison = [*group.unidentified, *(item for item in entered if isinstance(item, Poison)), *(stray for item in fresh for stray in item.strays)]
    poison += [stray for item in fresh for stray in take_results(conn, item)]
    put(conn, poison)
    if group.newer:
        run(conn, _SQL["adopt_generations"], gateways=[one.gateway for one in group.newer], generations=[one.generation for one in group.newer])
    latest_ms = _latest(fresh)
    with conn.pipeline():  # one round trip
        if packed and (noted := clip_arrival(group.arrival, inserted.kept_from_ms)):
            run(conn, _SQL["note_arrival"], packed=noted)
        if latest_ms:
            conn.execute(_SQL["notify_devices"], {"devices": _notice(latest_ms)})
        receipts = _advance(conn, [batch for batch, item in identified.items() if not _outdated(item)])
    readings = sum(len(item.rows) for item in fresh if item.rows is not None)
    duplicates = group.repeated + len(group.identified) - len(entered)
    return Stored(receipts, latest_ms, readings, duplicates, len(poison), inserted.conflicting)


def _enter(conn: Connection, identified: Mapping[BatchId, Item]) -> tuple[list[Item], int | None]:
    """Look at the fence again, write the ledger, hold the horizon, in one round trip; returns what the ledger did not have yet, and the horizon.

    Raises _Replaced.
    """
    items = list(identified.values())
    columns = {
        "gateway": [batch.gateway for batch in identified],
        "generation": [batch.generation for batch in identified],
        "epoch": [batch.epoch for batch in identified],
        "seq": [batch.seq for batch in identified],
        "outcome": ["stored" if isinstance(item, Sifted) else "quarantined" for item in items],
        "readings": [len(item.rows) if isinstance(item, Sifted) and item.rows is not None else 0 for item in items],
        "events": [len(item.events) if isinstance(item, Sifted) else 0 for item in items],
    }
    with conn.pipeline():
        fence = conn.execute(_SQL["registered_generations"], {"gateways": list({batch.gateway for batch in identified})})
        ledger = conn.execute(_SQL["enter_batches"], columns)
        horizon = conn.execute(_SQL["hold_horizon"])
    registered = {str(gateway): int(generation) for gateway, generation in fence}
    outdated = {batch: poison for batch, item in identified.items() if isinstance(item, Sifted) and (poison := check_generation(item, registered))}
    if outdated:
        raise _Replaced(outdated)
    entered, held = ledger.fetchall(), horizon.fetchone()
    new = items if len(entered) == len(items) else [identified[BatchId(*row)] for row in entered]
    return new, held[0] if held else None


def _outdated(item: Item) -> bool:
    """A box that is not the present one gets no receipt: the retained one belongs to that."""
    return isinstance(item, Poison) and item.reason in (OLD_GENERATION, UNKNOWN_GENERATION)


def _latest(items: Iterable[Sifted]) -> dict[str, int]:
    latest: dict[str, int] = {}
    for item in items:
        for device, at in item.latest_ms.items():
            if at > latest.get(device, -1):
                latest[device] = at
    return latest


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

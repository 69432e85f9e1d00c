"""Quarantined batches whose reason is gone (a device entered the plan, central reads a newer schema) go the way they should have gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from central.consumption.arrivals import clip_arrival
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from central.ingest.answers import take_results
from central.ingest.pack import pack
from central.ingest.quarantine import put
from central.ingest.series import SeriesIds
from central.ingest.sift import UNKNOWN_DEVICE, UNKNOWN_GATEWAY, UNKNOWN_QUANTITY, sift
from central.ingest.store import append_events, arrival, insert_new
from central.ingest.verify import Sound, verify
from central.mqtt.session import Message
from protocol.errors import UnknownSchema
from protocol.messages import Columns

_SQL = load_statements("central.ingest")
REPLAYABLE = (UNKNOWN_GATEWAY, UNKNOWN_DEVICE, UNKNOWN_QUANTITY, UnknownSchema.code)
_GROUP = 50  # entries a transaction


@dataclass(frozen=True, slots=True)
class _Waiting:
    id: int
    topic: str
    properties: dict[str, str]
    payload: bytes


@dataclass(frozen=True, slots=True)
class Box:
    """The box whose entries are meant: gateway and generation."""

    gateway: str
    generation: int


def replay(conn: Connection, now_ms: int, reasons: Sequence[str] = REPLAYABLE, box: Box | None = None) -> int:
    """Try every waiting entry of these reasons (and of one box) once; returns how many were stored. One transaction a group; known readings stay as
    they are. What another generation sent is replayed for a `box` only, after a person's decision."""
    after, stored = 0, 0
    chosen = {"reasons": list(reasons), "gateway": box.gateway if box else None, "generation": box.generation if box else None, "limit": _GROUP}
    while True:
        with conn.transaction():
            group = rows(conn, _SQL["waiting"], _Waiting, after=after, **chosen)
            stored += sum(_replay_one(conn, entry, now_ms) for entry in group)
        if len(group) < _GROUP:
            return stored
        after = group[-1].id


def _replay_one(conn: Connection, entry: _Waiting, now_ms: int) -> bool:
    """Store what has a series now. What has none yet is quarantined again as a smaller batch; an entry none of which is known just waits on."""
    sound = verify(Message(entry.topic, bytes(entry.payload), entry.properties), now_ms)
    if not isinstance(sound, Sound) or not _gateway_known(conn, sound.batch.gateway):
        return False
    keys = sound.content.series if isinstance(sound.content, Columns) else ()
    series = SeriesIds()
    sifted = sift(sound, series.resolve(conn, [keys])[0])
    if sifted.rows is None and not sifted.events and not sifted.results:
        return False
    if sifted.rows is not None:
        inserted = insert_new(conn, pack(sifted.rows))
        run(conn, _SQL["note_arrival"], packed=clip_arrival(arrival(series, sifted.rows), inserted.kept_from_ms))
    append_events(conn, sifted.numbered_events())
    put(conn, [*sifted.strays, *take_results(conn, sifted)])
    run(conn, _SQL["mark_replayed"], ids=[entry.id])
    return True


def _gateway_known(conn: Connection, gateway: str) -> bool:
    return bool(conn.execute(_SQL["registered_generations"], {"gateways": [gateway]}).fetchone())

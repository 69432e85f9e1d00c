"""Messages that cannot be stored: kept with their reason, listed, and replayed once the reason is gone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from central.db.pool import Connection
from central.db.statements import load_statements, one, rows, run
from central.ingest.verify import Poison
from protocol.messages import MAX_PACKED_BYTES

_SQL = load_statements("central.ingest")
_KEPT_OF_OVERSIZE = 64 << 10  # nothing larger than a message may be can be replayed; its head shows what it was


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One entry as people see it."""

    id: int
    reason: str
    message: str
    topic: str
    gateway: str | None
    generation: int | None
    epoch: int | None
    seq: int | None
    payload_bytes: int
    times: int
    replayed: bool
    received_at_ms: int
    last_at_ms: int


@dataclass(frozen=True, slots=True)
class _Total:
    total: int


def put(conn: Connection, items: Iterable[Poison]) -> None:
    """Keep messages. The same bytes on the same topic for the same reason only raise `times`, so that a box that repeats itself fills nothing."""
    for item in sorted(items, key=_digest):
        run(conn, _SQL["quarantine"], **_row(item))


def list_quarantined(
    conn: Connection, *, gateway: str | None = None, reason: str | None = None, offset: int = 0, limit: int = 50
) -> tuple[list[Quarantined], int]:
    """Newest entries first, and how many there are."""
    total = one(conn, _SQL["count_quarantined"], _Total, "no count", gateway=gateway, reason=reason).total
    return rows(conn, _SQL["quarantined"], Quarantined, gateway=gateway, reason=reason, offset=offset, limit=limit), total


def _digest(item: Poison) -> bytes:
    return hashlib.sha256(b"\0".join((item.reason.encode(), item.message.topic.encode(), item.message.payload))).digest()


def _row(item: Poison) -> dict[str, object]:
    payload = item.message.payload
    batch = item.batch
    return {
        "digest": _digest(item),
        "reason": item.reason,
        "message": _text(item.text)[:2000],
        "topic": _text(item.message.topic)[:1000],
        "gateway": _text(batch.gateway) if batch else None,
        "generation": batch.generation if batch else None,
        "epoch": batch.epoch if batch else None,
        "seq": batch.seq if batch else None,
        "properties": orjson.dumps({_text(name)[:200]: _text(value)[:1000] for name, value in list(item.message.properties.items())[:32]}).decode(),
        "payload": payload if len(payload) <= MAX_PACKED_BYTES else payload[:_KEPT_OF_OVERSIZE],
        "payload_bytes": len(payload),
    }


def _text(text: str) -> str:
    """PostgreSQL text holds no NUL; a message that carries one must still be kept."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()

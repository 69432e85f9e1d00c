"""What the outbox says about its batches, and the limits it keeps."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.buffer.drafts import Kind
from protocol.messages import checksum

_HOUR_MS = 3_600_000
_HEAD_BYTES = 400  # the identity stands at the front: schema, gateway (64 characters), three numbers, kind


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the outbox may use. `min_free_bytes`: what must stay free on the file system, whatever the quota says."""

    quota_bytes: int = 256 << 20
    min_free_bytes: int = 16 << 20
    keep_acked_ms: int = 7 * 24 * _HOUR_MS


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored batch, ready to be sent as it is. `position`: its place in the outbox; send order is position order."""

    position: int
    generation: int
    epoch: int
    seq: int
    kind: Kind
    created_ms: int
    count: int
    crc32c: int
    payload: bytes


class Receipt(StrEnum):
    """What an acknowledgement meant: progress, nothing new, an epoch we do not hold, or more than we ever stored."""

    ADVANCED = "advanced"
    STALE = "stale"
    FOREIGN = "foreign"
    BEYOND = "beyond"


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for central, what the outbox occupies, and how far the current epoch is: stored, acked, and the lowest seq it still holds.

    `payload_bytes` is an estimate.
    """

    batches: int
    payload_bytes: int
    outbox_bytes: int
    epoch: int
    last_seq: int
    acked_seq: int
    first_held_seq: int


def names_itself(payload: bytes, generation: int, epoch: int, seq: int, kind: str) -> bool:
    """Whether an intact payload says of itself what its row says of it. Only its first bytes are unpacked."""
    head = zlib.decompressobj().decompress(payload, _HEAD_BYTES)
    return b'"generation":%d,"epoch":%d,"seq":%d,"kind":"%s"' % (generation, epoch, seq, kind.encode()) in head


def is_intact(payload: object, crc: object) -> bool:
    """Whether stored bytes are those that were written; a damaged row may hold anything, nothing and text included."""
    return isinstance(payload, bytes) and checksum(payload) == crc

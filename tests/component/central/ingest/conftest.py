"""Messages as gateways send them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from central.db.grants import DatabaseRole
from central.db.pool import Pool, open_pool
from central.db.roles import as_role
from central.mqtt.session import Message
from protocol.messages import CRC_PROPERTY, BatchId, checksum, columns, encode_readings
from protocol.reading import Reading, SeriesKey
from protocol.topics import Up, up

NOW_MS = 1_800_000_000_000
MakeMessage = Callable[..., Message]


def envelope(payload: bytes, batch: BatchId, gateway: str | None = None, channel: Up = Up.DATA) -> Message:
    """A payload as it comes off the broker, with the user properties an edge sets."""
    properties = {CRC_PROPERTY: f"{checksum(payload):08x}", "gateway": batch.gateway, "generation": str(batch.generation)}
    properties |= {"epoch": str(batch.epoch), "seq": str(batch.seq)}
    return Message(up(gateway or batch.gateway, channel), payload, properties)


def readings(*values: int, device: str = "m1", quantity: str = "energy_active_forward", at_ms: int = NOW_MS) -> list[Reading]:
    """Readings of one series, a minute apart."""
    return [Reading(SeriesKey(device, quantity), at_ms + 60_000 * number, value) for number, value in enumerate(values)]


@pytest.fixture
def make_message() -> MakeMessage:
    """`make_message(seq, rows, gateway="gw-1", generation=1, epoch=1)`: a sound batch of readings."""

    def make(seq: int, rows: list[Reading], gateway: str = "gw-1", generation: int = 1, epoch: int = 1) -> Message:
        batch = BatchId(gateway, generation, epoch, seq)
        return envelope(encode_readings(batch, columns(rows)), batch)

    return make


@pytest.fixture
def make_readings() -> Callable[..., list[Reading]]:
    """`make_readings(1, 2, device="m1", at_ms=...)`: readings of one series, a minute apart."""
    return readings


@pytest.fixture
def wrap() -> Callable[..., Message]:
    """`wrap(payload, batch, gateway=None, channel=Up.DATA)`: bytes as a message of a gateway."""
    return envelope


@pytest.fixture
def pool(fresh_database: str) -> Iterator[Pool]:
    """A pool as ingest has it: its connections may do what is ingest's business and nothing else."""
    with open_pool(as_role(fresh_database, DatabaseRole.INGEST), max_size=4) as opened:
        yield opened

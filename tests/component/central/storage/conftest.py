"""Readings through ingest's own door, and what is stored read back the way readers do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest

from central.db.pool import Connection
from central.ingest.series import SeriesIds
from central.ingest.store import Stored, store
from central.ingest.verify import verify
from central.mqtt.session import Message
from central.storage.block import WEEK_MS
from central.storage.horizon import storage_state
from central.storage.pack import Packer
from protocol.messages import CRC_PROPERTY, BatchId, checksum, columns, encode_readings
from protocol.reading import Quality, Reading, SeriesKey
from protocol.topics import Up, up

WEEK = 2800 * WEEK_MS  # a Thursday in 2023
NOW_MS = WEEK + 200 * WEEK_MS  # of ingest
Known = dict[tuple[str, str, int], tuple[int, int]]  # device, quantity, instant -> value, quality


@dataclass
class Store:
    """A database with the small site: `arrive` stores one batch, `pack` everything before the horizon."""

    conn: Connection
    seq: int = 0

    def arrive(self, readings: Iterable[Reading], batches: int = 1, seq: int | None = None) -> Stored:
        """A batch (or the same one `batches` times, each under its own number) through ingest."""
        chosen = list(readings)
        numbers = [seq] if seq is not None else range(self.seq + 1, self.seq + 1 + batches)
        self.seq = max(self.seq, *numbers)
        return store(self.conn, SeriesIds(), [verify(self._message(number, chosen), NOW_MS) for number in numbers])

    def pack(self) -> int:
        """Pack what lies before the horizon; returns how many readings were packed."""
        self.conn.commit()  # what a test read before: packing makes transactions of its own
        horizon_ms = storage_state(self.conn).packed_before_ms
        if horizon_ms is None:
            return 0
        packer = Packer()
        packer.refill(self.conn, horizon_ms)
        return packer.turn(self.conn, horizon_ms, lambda _: False)

    def known(self) -> Known:
        """All readings as readers see them."""
        rows = self.conn.execute(
            "select s.device, s.quantity, (extract(epoch from r.measured_at) * 1000)::bigint, r.value, r.quality from readings_between("
            "(select array_agg(id) from series), '-infinity', 'infinity') as r join series as s on s.id = r.series_id"
        ).fetchall()
        self.conn.rollback()
        known = {row[:3]: row[3:] for row in rows}
        assert len(known) == len(rows), "a reading is stored twice"
        return known

    def count(self, table: str) -> int:
        """Rows of a table."""
        (number,) = self.conn.execute(f"select count(*) from {table}").fetchone()
        self.conn.rollback()
        return int(number)

    def _message(self, seq: int, readings: list[Reading]) -> Message:
        payload = encode_readings(BatchId("gw-1", 1, 1, seq), columns(readings))
        return Message(up("gw-1", Up.DATA), payload, {CRC_PROPERTY: f"{checksum(payload):08x}"})


def reading(at_ms: int, value: int, device: str = "m1", quantity: str = "energy_active_forward", quality: Quality = Quality.GOOD) -> Reading:
    """One reading, `at_ms` after the first packed week began."""
    return Reading(SeriesKey(device, quantity), WEEK + at_ms, value, quality)


@pytest.fixture
def make_reading() -> Callable[..., Reading]:
    """`make_reading(at_ms, value, device="m1", quantity=..., quality=...)`; instants count from the first week."""
    return reading


@pytest.fixture
def stored(site: Connection) -> Store:
    """The store of a test."""
    return Store(site)

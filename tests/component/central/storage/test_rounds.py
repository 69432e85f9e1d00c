"""What the leader does round by round, what the editions add to it, and what the status says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from central.db.editions import COMPRESSION, Edition, detect
from central.db.pool import DatabaseError, Pool
from central.settings import StorageSettings
from central.storage.block import WEEK_MS
from central.storage.rounds import StorageRounds, pack_all
from central.storage.status import storage_status
from protocol.reading import Reading

WEEK = 2800 * WEEK_MS
NOW_MS = WEEK + 8 * WEEK_MS
Make = Callable[..., Reading]


def test_rounds_pack_once_and_look_again_an_hour_later(stored: Any, make_reading: Make, pool: Pool):
    stored.arrive([make_reading(n * 900_000, n) for n in range(100)])
    at = [0.0]
    rounds = StorageRounds(StorageSettings(), lambda: NOW_MS / 1000, lambda: at[0])

    first = [rounds.turn(pool) for _ in range(3)]
    stored.arrive([make_reading(100 * 900_000, 100)])
    soon, at[0] = rounds.turn(pool), 3601.0
    later = rounds.turn(pool)

    assert (sum(first), soon, later) == (100, 0, 1)
    assert stored.count("reading") == 0


def test_status_tells_what_is_hot_and_what_is_packed(stored: Any, make_reading: Make):
    stored.arrive([make_reading(n * 900_000, n) for n in range(672)])
    before = storage_status(stored.conn)
    stored.conn.commit()
    pack_all(stored.conn, StorageSettings(), NOW_MS)

    after = storage_status(stored.conn)

    assert (before["packed_readings"], before["horizon_ms"], before["packed_bytes_per_reading"]) == (0, None, None)
    assert (after["packed_readings"], after["horizon_ms"]) == (672, NOW_MS - 2 * WEEK_MS)
    assert after["packed_bytes"] > before["packed_bytes"]
    assert after["packed_at_ms"] is not None
    assert after["edition"] == detect(stored.conn).value


def test_chunks_that_packing_emptied_are_dropped_and_others_kept(stored: Any, make_reading: Make):
    """On plain PostgreSQL there are none; then only the readings are looked at."""
    readings = [make_reading(0, 1), make_reading(2 * WEEK_MS, 2**62), make_reading(4 * WEEK_MS, 3), make_reading(7 * WEEK_MS, 4)]
    stored.arrive(readings)
    hyper = detect(stored.conn) is not Edition.PLAIN
    stored.conn.commit()

    pack_all(stored.conn, StorageSettings(), NOW_MS)

    assert len(stored.known()) == 4
    assert stored.count("reading") == 2
    if hyper:
        assert stored.count("timescaledb_information.chunks") == 2
        assert stored.arrive([make_reading(1, 5)]).conflicts == 0
        assert len(stored.known()) == 5


def test_compression_is_never_sent_to_an_edition_without_it(stored: Any):
    """A server without the Community licence refuses the statement; that migrating has worked shows it was not sent."""
    assert detect(stored.conn) is not Edition.TIMESCALE_COMMUNITY
    with pytest.raises(DatabaseError, match=r"license|unrecognized parameter"):
        stored.conn.execute(COMPRESSION)

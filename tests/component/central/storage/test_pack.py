"""Packing: readers see the same before and after, what arrives late finds its place, and whatever does not add up changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central.db.pool import DatabaseError
from central.metering.values import curve, latest_values
from central.storage.block import WEEK_MS
from central.storage.horizon import raise_horizon, storage_state
from central.storage.pack import Packer, pack_week
from protocol.errors import StorageError
from protocol.reading import Quality, Reading

WEEK = 2800 * WEEK_MS
NOW_MS = WEEK + 8 * WEEK_MS
STEP_MS = 900_000
Make = Callable[..., Reading]


@pytest.fixture
def month(make_reading: Make) -> list[Reading]:
    """Three weeks and a bit of a register and a voltage, a quarter of an hour apart give or take, some of doubtful quality."""
    made = []
    for n in range(3 * 672 + 100):
        at_ms = n * STEP_MS + (n * 7919) % 1777
        made.append(make_reading(at_ms, 10**9 + 250 * n, quality=Quality.MAKEUP if n % 97 == 0 else Quality.GOOD))
        made.append(make_reading(at_ms, 230_000 + (n * 31) % 900, quantity="voltage_a"))
    return made


def expected(readings: list[Reading]) -> dict[Any, Any]:
    return {(one.series.device, one.series.quantity, one.measured_at_ms): (one.value, int(one.quality)) for one in readings}


def test_readers_see_the_same_before_and_after(stored: Any, month: list[Reading]):
    stored.arrive(month)
    raise_horizon(stored.conn, WEEK + 3 * WEEK_MS, 7)
    before = (curve(stored.conn, "m1", "voltage_a", WEEK, NOW_MS, 300), latest_values(stored.conn, "m1"))

    packed = stored.pack()

    assert stored.known() == expected(month)
    assert packed == 2 * 2 * 672
    assert stored.count("reading") == len(month) - packed
    assert (curve(stored.conn, "m1", "voltage_a", WEEK, NOW_MS, 300), latest_values(stored.conn, "m1")) == before
    assert storage_state(stored.conn).packed_readings == packed


def test_the_newest_value_of_a_silent_meter_is_found_in_its_block(stored: Any, make_reading: Make):
    stored.arrive([make_reading(0, 5), make_reading(1000, 6, quality=Quality.SUSPECT)])
    raise_horizon(stored.conn, NOW_MS, 7)
    stored.pack()

    (latest,) = latest_values(stored.conn, "m1")

    assert (latest.value, latest.measured_at_ms, latest.quality) == (6, WEEK + 1000, Quality.SUSPECT)


def test_late_readings_wait_and_join_their_block(stored: Any, make_reading: Make):
    readings = [make_reading(n * STEP_MS, n) for n in range(20)]
    stored.arrive(readings[::2])
    raise_horizon(stored.conn, NOW_MS, 7)
    stored.pack()

    stored.arrive(readings[1::2])
    waiting = stored.count("reading")
    stored.pack()

    assert waiting == 10
    assert (stored.count("reading"), stored.count("reading_block")) == (0, 1)
    assert stored.known() == expected(readings)


def test_a_packed_reading_sent_again_is_dropped_and_another_value_told(stored: Any, make_reading: Make):
    stored.arrive([make_reading(0, 5), make_reading(1000, 6)])
    raise_horizon(stored.conn, NOW_MS, 7)
    stored.pack()

    again = stored.arrive([make_reading(0, 5), make_reading(1000, 7), make_reading(2000, 8)])

    assert again.conflicts == 1
    assert stored.known() == expected([make_reading(0, 5), make_reading(1000, 6), make_reading(2000, 8)])
    event = stored.conn.execute("select code, data - 'quantity' from event").fetchall()
    assert event == [("reading.conflict", {"measured_at_ms": WEEK + 1000, "kept": 6, "refused": 7})]


def test_what_packing_cannot_hold_stays_a_row_and_is_seen(stored: Any, make_reading: Make):
    readings = [make_reading(0, 2**62), make_reading(1000, -(2**62)), make_reading(2000, 3)]
    stored.arrive(readings)
    raise_horizon(stored.conn, NOW_MS, 7)

    assert stored.pack() == 1
    assert stored.count("reading") == 2
    assert stored.known() == expected(readings)
    assert stored.arrive([make_reading(0, 1)]).conflicts == 1


@pytest.mark.parametrize(
    "damage",
    [
        "create rule lose as on insert to reading_block do instead nothing",
        "create function bend() returns trigger language plpgsql as 'begin new.first_value := new.first_value + 1; return new; end';"
        "create trigger bend before insert on reading_block for each row execute function bend()",
        "create function keep() returns trigger language plpgsql as 'begin return null; end';"
        "create trigger keep before delete on reading for each row execute function keep()",
    ],
    ids=["block lost", "value changed", "row kept"],
)
def test_what_does_not_add_up_changes_nothing(stored: Any, make_reading: Make, damage: str):
    readings = [make_reading(n * STEP_MS, n) for n in range(20)]
    stored.arrive(readings)
    raise_horizon(stored.conn, NOW_MS, 7)
    stored.conn.execute(damage)
    stored.conn.commit()

    with pytest.raises(StorageError, match="all is as it was"):
        pack_week(stored.conn, ["m1"], WEEK)

    assert (stored.count("reading"), stored.count("reading_block")) == (20, 0)


def test_a_round_is_bounded_and_the_next_goes_on(stored: Any, month: list[Reading]):
    stored.arrive(month)
    before_ms = raise_horizon(stored.conn, NOW_MS, 7)
    packer = Packer()
    waiting = packer.refill(stored.conn, before_ms)

    rounds = [packer.turn(stored.conn, before_ms, lambda packed: packed >= 1000) for _ in range(5)]

    assert waiting == 1
    assert rounds == [1344, 1344, 1344, 200, 0]
    assert stored.known() == expected(month)


def test_the_horizon_never_falls(stored: Any):
    raise_horizon(stored.conn, NOW_MS, 14)

    assert raise_horizon(stored.conn, NOW_MS - 5 * WEEK_MS, 14) == NOW_MS - 2 * WEEK_MS
    assert storage_state(stored.conn).packed_before_ms == NOW_MS - 2 * WEEK_MS


def test_the_horizon_waits_for_whoever_is_inserting(stored: Any, fresh_database: str, make_reading: Make):
    from central.db.pool import connect

    with connect(fresh_database) as writer:
        writer.execute("select * from hold_horizon()")
        stored.conn.execute("set lock_timeout = '50ms'")
        stored.conn.commit()

        with pytest.raises(DatabaseError):
            raise_horizon(stored.conn, NOW_MS, 14)

    assert storage_state(stored.conn).packed_before_ms is None


_SERIES = st.tuples(st.sampled_from(["m1", "m2"]), st.sampled_from(["energy_active_forward", "voltage_a"]))
_READING = st.tuples(_SERIES, st.integers(0, 40), st.integers(0, 3))
_STEP = st.one_of(st.lists(_READING, min_size=1, max_size=12), st.just("pack"), st.just("again"), st.integers(0, 6))


def test_any_interleaving_equals_a_dictionary(stored: Any, make_reading: Make):
    """Arrivals (early, late, repeated, contradicting), redelivery of whole batches, packing and a rising horizon in any order."""

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps=st.lists(_STEP, min_size=3, max_size=14))
    def run(steps: list[Any]) -> None:
        stored.conn.execute("truncate reading, reading_block, batch, ack_cursor, event, arrival")
        stored.conn.execute("update storage_state set packed_before = '-infinity'")
        stored.conn.commit()
        oracle: dict[Any, Any] = {}
        conflicts, last = 0, None
        for step in steps:
            if step == "pack":
                stored.pack()
            elif step == "again" and last is not None:
                assert stored.arrive(last[1], seq=last[0]).duplicates == 1
            elif isinstance(step, int):
                raise_horizon(stored.conn, WEEK + step * WEEK_MS, 7)
            elif isinstance(step, list):
                made = [make_reading(hour * 13 * 3_600_000, value, device, quantity) for (device, quantity), hour, value in step]
                told = stored.arrive(made).conflicts
                last = (stored.seq, made)
                before = conflicts
                for one in made:
                    kept = oracle.setdefault((one.series.device, one.series.quantity, one.measured_at_ms), (one.value, 0))
                    conflicts += kept[0] != one.value
                assert told == conflicts - before
            assert stored.known() == oracle
        stored.pack()
        assert stored.known() == oracle
        assert stored.count("event") == conflicts

    run()

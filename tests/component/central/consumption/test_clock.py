"""Meters whose clock is wrong: readings keep their stamps, consumption is counted by true time."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from central.consumption.load import load_clocks

DAY = "2025-03-02"


def wrong(campus, since: str, until: str | None, minutes: float, local) -> None:
    """The gateway's clock is so many minutes fast between two of its own stamps."""
    ends = [None if text is None else int(local(text).timestamp() * 1000) for text in (since, until)]
    campus.sql("insert into clock_offset (gateway, from_ms, to_ms, offset_ms) values ('gw-1', %s, %s, %s)", *ends, int(minutes * 60_000))


def stamped(rows: list[tuple[str, int]], minutes: float, local) -> list[tuple[str, int]]:
    """Readings as a clock so many minutes fast stamps them."""
    return [(f"{local(when) + timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S}", value) for when, value in rows]


def test_c28_readings_of_a_fast_clock_count_where_they_truly_were(campus, local):
    rows = [(f"{DAY} {hour:02d}:00", 100_000 + hour * 100) for hour in range(24)] + [("2025-03-03 00:00", 102_400)]
    campus.meter("right")
    campus.meter("fast")
    wrong(campus, "2025-03-01 00:00", None, 7, local)
    campus.feed("right", stamped(rows, 7, local))
    campus.work()

    campus.sql("update device set gateway = 'gw-2' where code = 'fast'")
    campus.feed("fast", rows)
    campus.work()

    one, other = campus.sql("select slots, pins, seen, first_at, last_at, last_value from consumption_day where day = %s order by point_id", DAY)
    assert one == other
    assert campus.hours("right", DAY) == [100] * 24
    assert campus.sql("select min(measured_at) from reading join series as s on s.id = series_id where s.device = 'right'") == [
        (local(f"{DAY} 00:07"),)
    ]


def test_c28_verdicts_stand_under_the_stamps_readings_are_stored_under(campus, local):
    campus.meter("a")
    wrong(campus, "2025-03-01 00:00", None, 7, local)
    campus.feed("a", stamped([(f"{DAY} 00:00", 500), (f"{DAY} 01:00", 0), (f"{DAY} 02:00", 700)], 7, local))
    campus.work()
    assert campus.sql("select measured_at from reading_verdict") == [(local(f"{DAY} 01:07"),)]

    campus.sql("delete from clock_offset")
    campus.dirty(["a"], f"{DAY} 00:00", None)
    campus.work()

    assert campus.sql("select measured_at, verdict from reading_verdict") == [(local(f"{DAY} 01:07"), "rejected")]
    assert campus.sql("select first_at from consumption_day") == [(local(f"{DAY} 00:07"),)]


@pytest.mark.parametrize("seed", range(4))
def test_c28_what_arrives_piece_by_piece_under_wrong_clocks_is_what_a_rebuild_gives(campus, seed, local):
    chance = random.Random(seed)
    campus.meter("q", place="b1")
    wrong(campus, "2025-03-03 00:00", "2025-03-06 07:31", chance.choice([7, -9, 200]), local)
    wrong(campus, "2025-03-08 12:00", None, chance.choice([7, -45, -2000]), local)
    for device, rows in campus.random_pieces(chance, {"q": (1, 20)}):
        campus.feed(device, rows)
        if chance.random() < 0.6:
            campus.work()
    campus.work()
    incremental = campus.everything()

    campus.start_over()
    campus.work()

    assert campus.everything() == incremental
    assert campus.check().mismatches == []


def test_without_a_wrong_clock_a_round_asks_once(campus):
    seen = []
    statement = type(campus.conn).execute
    campus.conn.execute = lambda *given, **named: (seen.append(given[0]), statement(campus.conn, *given, **named))[1]

    assert load_clocks(campus.conn) == {}
    assert len(seen) == 1

"""What is looked for once a night: readings that were made up, and freezes that do not fit."""

from __future__ import annotations

import random
from datetime import date

import pytest

from central.consumption.fill_marks import mark_fills
from central.consumption.freeze_check import check_freezes
from central.consumption.marks import withdraw_mark
from central.consumption.rounds import _night
from central.context import Central
from central.settings import Settings

ZONE = "Asia/Shanghai"


@pytest.fixture
def filled(campus):
    """Five meters read by the hour for twelve days; three of them count evenly from the 3rd to the 8th of March."""
    chance = random.Random(29)
    for code in "abcde":
        campus.meter(code, place="b1", ct=20)
        value, rows = 1000, []
        for hour in range(12 * 24):
            rows.append((f"2025-03-{hour // 24 + 1:02d} {hour % 24:02d}:00", value))
            value += 500 if code in "abc" and 48 <= hour < 7 * 24 else chance.randrange(200, 900)
        campus.feed(code, rows)
    campus.work()
    return campus


def night(campus, day: str) -> int:
    """The look of that night, and what follows from it."""
    done = mark_fills(campus.conn, ZONE, date.fromisoformat(day))
    campus.conn.commit()
    campus.work()
    return done


def test_c29_meters_that_count_evenly_together_are_marked_and_shown_as_estimated(filled):
    before = filled.day("a", "2025-03-05")

    assert night(filled, "2025-03-10") == 3

    assert filled.findings() == [("consumption.filled", code) for code in "abc"]
    assert filled.sql("select distinct actor, from_at, to_at - from_at from consumption_mark")[0][0] == "central"
    assert filled.day("a", "2025-03-05") == before == 24 * 500 * 20
    assert set(filled.quality("a", "2025-03-05")) == {"estimated"}
    assert set(filled.quality("a", "2025-03-09")) == set(filled.quality("d", "2025-03-05")) == {"measured"}


def test_c29_what_was_marked_is_not_marked_again_and_grows_with_the_fill(filled):
    assert night(filled, "2025-03-06") == 3
    assert night(filled, "2025-03-06") == 0
    assert night(filled, "2025-03-10") == 3
    assert night(filled, "2025-03-11") == 0

    assert filled.sql("select count(*), min(to_at - from_at)::text from consumption_mark") == [(3, "5 days")]
    assert len(filled.findings()) == 3


def test_c29_a_withdrawn_mark_is_not_written_again(filled):
    night(filled, "2025-03-10")
    [(number,)] = filled.sql("select id from consumption_mark where point = 'a'")
    withdraw_mark(filled.conn, number)
    filled.work()

    assert night(filled, "2025-03-10") == 0

    assert set(filled.quality("a", "2025-03-05")) == {"measured"}
    assert filled.findings() == [("consumption.filled", "b"), ("consumption.filled", "c")]


def test_c29_two_meters_are_no_proof(filled):
    filled.sql("delete from consumption_day where point_id = (select id from metering_point where code = 'c')")

    assert night(filled, "2025-03-10") == 0


@pytest.fixture
def frozen(campus):
    """A meter behind a transformer, read by the quarter for two days, that freezes its register at midnight."""
    campus.meter("a", ct=40)
    campus.meter("none")
    campus.feed(
        "a",
        [(f"2025-03-{day:02d} {quarter // 4:02d}:{quarter % 4 * 15:02d}", day * 9600 + quarter * 100) for day in (1, 2, 3) for quarter in range(96)],
    )
    campus.work()
    return campus


@pytest.mark.parametrize(("closing", "findings"), [(28_800, []), (28_810, []), (28_830, [("register.freeze", "a")])])
def test_c27_freezes_agree_with_the_slots_to_one_register_step(frozen, closing, findings):
    frozen.feed("a", [("2025-03-02 00:00", 19_200), ("2025-03-03 00:00", closing)], register="energy_active_forward_daily")

    assert check_freezes(frozen.conn, ZONE, date(2025, 3, 2)) == len(findings)

    assert frozen.findings() == findings


def test_c27_a_mismatch_that_is_gone_is_settled(frozen):
    frozen.feed("a", [("2025-03-02 00:00", 19_300), ("2025-03-03 00:00", 28_800)], register="energy_active_forward_daily")
    check_freezes(frozen.conn, ZONE, date(2025, 3, 2))
    assert frozen.sql("select data ->> 'slots', data ->> 'freezes' from finding") == [("384000", "380000")]

    frozen.sql("update reading set value = 19200 where value = 19300")
    check_freezes(frozen.conn, ZONE, date(2025, 3, 2))

    assert frozen.findings() == []


def test_c27_a_day_without_both_freezes_is_not_compared(frozen):
    frozen.feed("a", [("2025-03-02 00:00", 0)], register="energy_active_forward_daily")

    assert check_freezes(frozen.conn, ZONE, date(2025, 3, 2)) == 0


def test_freezes_are_not_counted(frozen):
    frozen.feed("a", [("2025-03-02 00:00", 19_200)], register="energy_active_forward_daily")

    assert frozen.sql("select count(*) from arrival") == [(0,)]


def test_the_night_does_all_of_it(filled, pool, local):
    now_s = local("2025-03-10 03:05").timestamp()
    filled.conn.commit()

    _night(Central(Settings(), pool, lambda: now_s, ""), date(2025, 3, 10))

    assert len(filled.findings()) == 3
    assert filled.sql("select count(*) from event where code = 'consumption.check'") == [(1,)]

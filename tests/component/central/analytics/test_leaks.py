"""From day rows to leaks on a real database: opened, followed, cleared, accepted; the same whatever way the days came."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta

import pytest

from central.analytics.known_use import accept_known_use
from central.analytics.leaks import get_leak, leak_evidence, leak_sums, list_leaks, open_leaks
from central.consumption.tariffs import put_tariff
from protocol.errors import Conflict, NotFound

WATER = {
    "source": "notice",
    "prices": {"flat": 40_000},
    "plans": [
        {"months": list(range(1, 13)), "kinds": ["workday", "weekend", "holiday"], "periods": [{"from": "00:00", "to": "24:00", "rate": "flat"}]}
    ],
}


def test_a_leak_opens_and_says_what_it_loses_and_costs(campus, zone, today):
    """20 L/h in two nights behind ten still ones: 480 L a day, 4 yuan a m3: 700.80 yuan a year."""
    put_tariff(campus.conn, zone, "water", date(2026, 1, 1), WATER, "test")
    campus.nights("w1", [0] * 10 + [20, 20])
    campus.morning()

    (leak,) = open_leaks(campus.conn, None, None, 10)

    assert (leak.point, leak.place, leak.reason, leak.basis) == ("w1", "b1-101", "above_zero", "quarter")
    assert (leak.began_on, leak.opened_on) == (today - timedelta(days=1), today - timedelta(days=1))  # more than 0.3 L/min: told the first morning
    assert (leak.lost_l_day, leak.nights, leak.cost_fen_year) == (480, 2, 70_080)
    sums = leak_sums(campus.conn, None, "b1")
    assert (sums.points, sums.buildings, sums.lost_l_day, sums.cost_fen_year) == (1, 0, 480, 70_080)


def test_doing_the_round_again_changes_nothing(campus):
    campus.nights("w1", [0] * 10 + [8, 8])
    campus.morning()
    before = campus.sql("select * from leak"), campus.sql("select * from leak_watch order by code")

    campus.morning()

    assert (campus.sql("select * from leak"), campus.sql("select * from leak_watch order by code")) == before


def test_two_quiet_nights_clear_it(campus, today):
    campus.nights("w1", [0] * 10 + [8, 8, 0, 0])
    campus.morning()

    (leak,) = list_leaks(campus.conn, None, None, "past").items

    assert (leak.cleared_on, leak.clear_reason, leak.is_open) == (today, "quiet", False)
    assert open_leaks(campus.conn, None, None, 10) == []


def test_late_readings_that_say_otherwise_withdraw_it(campus, today):
    campus.nights("w1", [0] * 10 + [8, 8])
    campus.morning()
    number = open_leaks(campus.conn, None, None, 10)[0].id
    campus.day("w1", today - timedelta(days=1), [0] * 24)

    campus.morning()

    assert open_leaks(campus.conn, None, None, 10) == []
    with pytest.raises(NotFound):
        get_leak(campus.conn, None, number)


def test_days_in_any_order_and_mornings_between_end_in_the_same_leaks(campus, today):
    """Ninety nights, one morning each, and the same days in a mix with one morning at the end."""
    draw = random.Random(4)
    floors = [draw.choice([0, 0, 0, 8, 24]) if number % 9 else 24 for number in range(58)]
    days = [(today - timedelta(days=57 - number), floor) for number, floor in enumerate(floors)]
    for day, floor in days:
        campus.day("w1", day, [floor] * 24)
    campus.morning()
    told = campus.sql("select point, began_on, opened_on, nights, cleared_on, clear_reason from leak order by opened_on")
    campus.sql("truncate consumption_day, night_flow, leak, leak_watch cascade")

    for day, floor in days[:30]:
        campus.day("w1", day, [floor] * 24)
    campus.morning(days[29][0])
    draw.shuffle(late := days[30:])
    for day, floor in late:
        campus.day("w1", day, [floor] * 24)
    campus.morning()

    assert campus.sql("select point, began_on, opened_on, nights, cleared_on, clear_reason from leak order by opened_on") == told
    assert len(told) > 2


def test_what_is_remembered_carries_a_leak_over_the_nights_that_are_looked_at(campus, today):
    """A leak that began 80 nights ago and is followed month by month keeps its first night and its number."""
    start = today - timedelta(days=100)
    for number in range(101):
        campus.day("w1", start + timedelta(days=number), [8 if number >= 20 else 0] * 24)
    for morning in (30, 60, 90, 100):
        campus.morning(start + timedelta(days=morning))

    (leak,) = open_leaks(campus.conn, None, None, 10)
    assert (leak.began_on, leak.nights) == (start + timedelta(days=20), 81)
    assert campus.sql("select settled_on from leak_watch where code = 'w1'") == [(today - timedelta(days=60),)]


def test_a_building_is_told_of_the_step_of_its_floor(campus, today):
    for number in range(20):
        floor = 400 if number >= 18 else 120 + number % 3 * 20
        campus.place_day("b1", today - timedelta(days=19 - number), [floor] * 6 + [900] * 18)
    campus.morning()

    (leak,) = open_leaks(campus.conn, None, "campus", 10)

    assert (leak.point, leak.place, leak.basis, leak.reason, leak.usual_l_day) == (None, "b1", "place", "step", 140 * 24)
    assert leak.lost_l_day == 260 * 24


def test_known_use_closes_it_with_reason_and_name_and_only_more_counts_then(campus, zone, today, at):
    campus.nights("w1", [0] * 10 + [20, 20])
    campus.morning()
    (leak,) = open_leaks(campus.conn, None, None, 10)

    with campus.conn.transaction():
        done = accept_known_use(campus.conn, zone, None, leak.id, "fish tanks", "ops", int(at(today, 9) * 1000))

    assert (done.cleared_on, done.clear_reason, done.known_reason, done.known_by) == (today, "known_use", "fish tanks", "ops")
    assert done.cleared_at_ms == int(at(today, 9) * 1000)
    assert campus.sql("select actor, target from audit where action = 'leak.known_use'")[-1] == ("ops", "w1")
    campus.nights("w1", [20, 20], today + timedelta(days=2))
    campus.morning(today + timedelta(days=2))
    assert open_leaks(campus.conn, None, None, 10) == []
    campus.nights("w1", [80, 80], today + timedelta(days=4))
    campus.morning(today + timedelta(days=4))
    (more,) = open_leaks(campus.conn, None, None, 10)
    assert (more.usual_l_day, more.lost_l_day) == (480, 60 * 24)
    with pytest.raises(Conflict):
        accept_known_use(campus.conn, zone, None, leak.id, "again", "ops", int(at(today, 9) * 1000))
    with pytest.raises(Conflict):
        accept_known_use(campus.conn, zone, None, more.id, "less", "ops", int(at(today, 9) * 1000), 100)


def test_outside_the_scope_there_is_no_leak(campus, zone, today, at):
    campus.nights("w1", [0] * 10 + [20, 20])
    campus.morning()
    number = open_leaks(campus.conn, ["b1-101"], None, 10)[0].id

    assert open_leaks(campus.conn, ["b2"], None, 10) == []
    assert open_leaks(campus.conn, None, "b2", 10) == []
    assert leak_sums(campus.conn, ["b2"], None).points == 0
    with pytest.raises(NotFound):
        accept_known_use(campus.conn, zone, ["b2"], number, "not mine", "ops", int(at(today, 9) * 1000))


def test_the_evidence_shows_every_night_with_what_was_said_of_it(campus, today):
    campus.nights("w1", [0] * 10 + [8, 8])
    campus.day("w1", today - timedelta(days=4), [0] * 24, known=False)
    campus.morning()
    (leak,) = open_leaks(campus.conn, None, None, 10)

    shown = leak_evidence(campus.conn, leak).nights

    assert [one.verdict for one in shown] == ["learning"] * 7 + ["undecided", "usual", "usual", "above", "above"]
    assert shown[7].night.floor_l_day is None
    assert [one.limit_l_day for one in shown[-2:]] == [0, 0]


def test_what_is_remembered_is_plain_json(campus):
    campus.nights("w1", [0] * 10 + [20, 20])
    campus.morning()

    ((state,),) = campus.sql("select state::text from leak_watch where code = 'w1'")
    assert json.loads(state)["learned"] == []

"""Rises, stopped points, habits and data faults on a real database, with figures worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta

from central.analytics.faults import data_faults
from central.analytics.rises import stopped_points, top_rises
from central.analytics.shapes import load_shapes
from central.consumption.tariffs import put_tariff

FLAT = {
    "source": "notice",
    "prices": {"flat": 6_000},
    "plans": [
        {"months": list(range(1, 13)), "kinds": ["workday", "weekend", "holiday"], "periods": [{"from": "00:00", "to": "24:00", "rate": "flat"}]}
    ],
}


def weeks(campus, point: str, usual: int, recent: int, today: date, known: bool = True) -> None:
    """Four weeks of days of 24 hours at `usual` and one at `recent`, up to yesterday."""
    for number in range(35):
        day = today - timedelta(days=number + 1)
        campus.day(point, day, [recent if number < 7 else usual] * 24, known or number > 0)


def test_rises_are_ranked_by_energy_with_their_money(campus, zone, today):
    """e1: 1000 -> 1100 Wh an hour, 16.8 kWh a week more, 10.08 yuan at 0.60; e2: twice what it was, but only 1.68 kWh."""
    put_tariff(campus.conn, zone, "electricity", date(2026, 1, 1), FLAT, "test")
    weeks(campus, "e1", 1000, 1100, today)
    weeks(campus, "e2", 12, 24, today)
    weeks(campus, "w1", 4, 8, today)
    campus.morning()

    first, second = top_rises(campus.conn, None, None, 10)

    assert (first.point, first.usual, first.recent, first.rise, first.rise_fen) == ("e1", 168_000, 184_800, 16_800, 1008)
    assert (first.since, first.until) == (today - timedelta(days=7), today - timedelta(days=1))
    assert (second.point, second.rise) == ("e2", 2016)
    assert [row.point for row in top_rises(campus.conn, None, None, 10, "water")] == ["w1"]
    assert [row.point for row in top_rises(campus.conn, ["b2"], None, 10)] == ["e2"]
    assert [row.point for row in top_rises(campus.conn, None, "b1", 1)] == ["e1"]


def test_what_is_not_known_well_enough_is_not_judged(campus, today):
    """One unknown day of seven leaves 86 %."""
    weeks(campus, "e1", 1000, 1100, today, known=False)
    campus.morning()

    assert top_rises(campus.conn, None, None, 10) == []


def test_a_fall_is_no_rise_and_standing_still_is_told(campus, today):
    weeks(campus, "e1", 1000, 900, today)
    weeks(campus, "e2", 1000, 0, today)
    campus.morning()

    assert top_rises(campus.conn, None, None, 10) == []
    (row,) = stopped_points(campus.conn, None, None, 10)
    assert (row.point, row.usual, row.until) == ("e2", 168_000, today - timedelta(days=1))
    assert stopped_points(campus.conn, ["b1"], None, 10) == []


def test_a_night_that_uses_more_than_its_own_eight_weeks(campus, today):
    """Nights at 200 of 1000 Wh an hour, 20 %; in the last week 300: a third of its nights' 10.5 kWh is more than usual. Free days use half."""
    monday = today - timedelta(days=today.weekday())
    for number in range(1, 63):
        day = monday - timedelta(days=number)
        night = 300 if number <= 7 else 200
        free = day.weekday() >= 5
        campus.place_day("b1", day, [night] * 5 + [300 if free else 1000] * 19, "electricity")
    campus.morning()

    (row,) = load_shapes(campus.conn, None, "campus")

    assert (row.place, row.week) == ("b1", monday - timedelta(days=7))
    assert (row.night_permille, row.usual_night_permille) == (300, 200)
    assert row.night_extra == 7 * 5 * 300 // 3
    assert (row.weekend_permille, row.usual_weekend_permille) == (round(1000 * 7200 / 20_500), round(1000 * 6700 / 20_000))
    assert load_shapes(campus.conn, ["b2"], None) == []


def test_holidays_count_as_free_days_and_few_weeks_are_no_habit(campus, today):
    monday = today - timedelta(days=today.weekday() + 7)
    campus.sql("insert into calendar_day (day, kind) values (%s, 'holiday'), (%s, 'holiday')", monday, monday + timedelta(days=1))
    for number in range(7):
        campus.place_day("b1", monday + timedelta(days=number), [100] * 24, "electricity")
    campus.morning()

    (row,) = load_shapes(campus.conn, None, None)

    assert (row.night_permille, row.usual_night_permille, row.night_extra) == (None, None, None)  # three workdays are too few


def test_data_faults_are_the_findings_that_speak_against_the_data(campus, today, at):
    campus.sql("insert into finding (code, point, at) values ('register.jump', 'e1', to_timestamp(%s))", at(today, 3))
    campus.sql("insert into finding (code, point, at) values ('register.rollover', 'e1', to_timestamp(%s))", at(today, 3))
    campus.sql("insert into finding (code, point, at, resolved_at) values ('register.fall', 'e2', to_timestamp(%s), now())", at(today, 3))

    (row,) = data_faults(campus.conn, None, "b1", 10)

    assert (row.code, row.point, row.name_en) == ("register.jump", "e1", "Power of building 1")
    assert data_faults(campus.conn, ["b2"], None, 10) == []

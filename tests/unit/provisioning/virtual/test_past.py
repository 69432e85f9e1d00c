"""The made-up past of virtual devices: whole local days, a holiday, a leak and a rise in registers that never fall."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from provisioning.virtual import past
from provisioning.virtual.instrument import Instrument
from provisioning.virtual.past import DAY_S, HOUR_S, Past, past_of
from provisioning.virtual.physics import Load, Shape

NOW_S = datetime(2026, 11, 23, 0, 10, 42, tzinfo=UTC).timestamp()  # 08:10 of a Monday in Shanghai
OFFICE = Load(7, "office", Shape.OFFICE, 4_000_000)


@pytest.fixture
def month() -> Past:
    return past_of(7, 35, NOW_S, 8 * HOUR_S)


def used_wh(load: Load, appliances: list, from_s: int, until_s: int) -> int:
    one = Instrument(7, load.name, load)
    one.supply.appliances = appliances
    return one.counter(until_s) - one.counter(from_s)


def test_it_begins_at_a_local_midnight_and_ends_at_the_last_quarter(month: Past):
    local = [datetime.fromtimestamp(at_s + 8 * HOUR_S, UTC).strftime("%m-%d %H:%M") for at_s in (month.from_s, month.today_s, month.until_s)]

    assert local == ["10-19 00:00", "11-23 00:00", "11-23 08:00"]


def test_meters_are_read_hourly_and_in_the_newest_days_every_quarter(month: Past):
    at = list(past.instants(month))

    steps = {later - earlier for earlier, later in pairwise(at)}
    assert (at[0], at[-1], steps) == (month.from_s, month.until_s, {3_600, 900})
    assert at[33 * 24 : 33 * 24 + 2] == [month.today_s - 2 * DAY_S, month.today_s - 2 * DAY_S + 900]


def test_a_past_of_a_day_has_no_holiday(month: Past):
    assert past.holiday_s(past_of(7, 1, NOW_S, 8 * HOUR_S)) is None
    assert datetime.fromtimestamp((past.holiday_s(month) or 0) + 8 * HOUR_S, UTC).strftime("%a %H:%M") == "Wed 00:00"


def test_offices_use_on_the_holiday_what_they_use_on_a_saturday(month: Past):
    free = past.holiday_s(month) or 0
    appliances = [one for one in past.usual(month, "office", OFFICE) if one.name.startswith("holiday")]

    on_holiday, on_saturday = (used_wh(OFFICE, appliances, at_s, at_s + DAY_S) for at_s in (free, free + 3 * DAY_S))

    assert abs(on_holiday - on_saturday) <= 1
    assert used_wh(OFFICE, appliances, free - DAY_S, free) > 2 * on_holiday


def test_days_differ_and_dormitories_keep_no_holiday(month: Past):
    room = Load(7, "room", Shape.DORM, 300_000)
    appliances = past.usual(month, "room", room)

    tuesdays = {used_wh(room, appliances, at_s, at_s + DAY_S) for at_s in range(month.from_s + DAY_S, month.today_s, 7 * DAY_S)}

    assert len(tuesdays) > 2
    assert not [one for one in appliances if one.name.startswith("holiday")]


def test_the_leak_runs_every_night_of_the_week_and_still_does(month: Past):
    water = Load(7, "water", Shape.WATER, 30_000)
    night = month.today_s + 2 * HOUR_S

    def nightly(days_ago: int) -> int:
        return used_wh(water, [past.leak(month)], night - days_ago * DAY_S, night - days_ago * DAY_S + 2 * HOUR_S)

    assert nightly(8) <= 20
    assert min(nightly(days_ago) for days_ago in range(8)) >= 80
    assert past.leak(month).until_s is None


def test_the_rise_fills_the_last_whole_week(month: Past):
    week = [month.today_s - 7 * DAY_S, month.today_s]
    appliances = [past.rise(month, OFFICE)]

    assert used_wh(OFFICE, appliances, *week) - used_wh(OFFICE, [], *week) == 4_000 * 7 * 24 * past.RISE_PERCENT // 100
    assert used_wh(OFFICE, appliances, week[0] - 7 * DAY_S, week[0] - DAY_S) == used_wh(OFFICE, [], week[0] - 7 * DAY_S, week[0] - DAY_S)

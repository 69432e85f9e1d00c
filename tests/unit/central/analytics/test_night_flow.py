"""The least flow of a night, on days made by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from central.analytics.night_flow import Course, night_of, place_night
from central.consumption.days import quarters

DAY = date(2026, 11, 3)
QUARTERS = quarters(DAY, "Asia/Shanghai")


def course(window: list[int], *, read: str = "quarters", known: bool = True, rest: int = 3) -> Course:
    """A day whose 02:00-05:00 holds these twelve quarters. `read`: how densely."""
    slots = np.full(96, rest, np.int64)
    slots[8:20] = window
    pins = np.zeros(97, np.bool_)
    seen = np.zeros(96, np.bool_)
    if read == "quarters":
        pins[:], seen[:] = True, True
    elif read == "hours":
        pins[::4], seen[::4] = True, True
    elif read == "day":
        pins[0], pins[96], seen[0] = True, True, True
    return Course(DAY, QUARTERS, slots, np.full(96, known), pins, seen, np.zeros(96, np.bool_))


def test_close_readings_give_the_least_quarter():
    """2 L in the quietest quarter: 8 L/h, 192 L a day; the flushing above it is use."""
    night = night_of(course([2, 9, 2, 3, 11, 2, 2, 7, 2, 2, 3, 2]))

    assert (night.basis, night.floor_l_day, night.whole) == ("quarter", 192, True)


def test_flushing_in_every_hour_is_no_flow_when_quarters_tell_it_apart():
    assert night_of(course([6, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 7])).floor_l_day == 0


def test_a_register_of_ten_litres_is_judged_by_hours():
    """20 L/h show as a step of 10 L every half hour; by quarters there would be none."""
    night = night_of(course([10, 0, 10, 0] * 3))

    assert (night.basis, night.floor_l_day) == ("hour", 480)


def test_hourly_freezes_give_the_least_hour():
    night = night_of(course([5, 5, 5, 5, 2, 2, 2, 2, 8, 8, 8, 8], read="hours"))

    assert (night.basis, night.floor_l_day, night.whole) == ("hour", 8 * 24, True)


def test_one_unknown_hour_leaves_an_upper_bound():
    given = course([5] * 12, read="hours")
    given.known[12:16] = False

    night = night_of(given)

    assert (night.floor_l_day, night.whole) == (20 * 24, False)


def test_a_meter_read_once_a_day_gives_its_whole_day():
    night = night_of(course([3] * 12, read="day"))

    assert (night.basis, night.floor_l_day, night.whole) == ("day", 96 * 3, True)


@pytest.mark.parametrize("spoilt", ["unknown", "never read", "made up"])
def test_too_little_data_decides_nothing(spoilt):
    given = course([3] * 12, read="day")
    given.known[50] = spoilt != "unknown"
    if spoilt == "never read":
        given.seen[:] = False
    given.made_up[50] = spoilt == "made up"

    night = night_of(given)

    assert (night.floor_l_day, night.whole) == (None, False)


def test_made_up_quarters_do_not_count():
    given = course([0] * 12)
    given.made_up[8:20] = True

    assert night_of(given).basis == "hour"
    assert night_of(given).floor_l_day is None


def test_a_night_in_which_the_clock_is_put_on_is_read_by_the_wall_clock():
    """29 March 2026 in Berlin: 02:00 to 03:00 does not exist, the day has 92 quarters."""
    day = date(2026, 3, 29)
    here = quarters(day, "Europe/Berlin")
    ones = np.ones(92, np.bool_)
    slots = np.where((here // 4 == 3) | (here // 4 == 4), 1, 50)
    given = Course(day, here, slots, ones, np.ones(93, np.bool_), ones, ~ones)

    assert (night_of(given).basis, night_of(given).floor_l_day) == ("hour", 4 * 24)


def test_a_building_is_judged_by_its_least_hour_when_nearly_all_points_are_known():
    slots = np.full(96, 100, np.int64)
    slots[12:16] = 15
    known = np.full(96, 95, np.int64)

    assert place_night(DAY, QUARTERS, slots, known, 100).floor_l_day == 60 * 24
    known[12] = 94
    assert place_night(DAY, QUARTERS, slots, known, 100).floor_l_day is None
    assert place_night(DAY, QUARTERS, slots, known, 0).floor_l_day is None

"""The day a battery reaches its limit, on curves made by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.analytics.battery import forecast
from central.analytics.model import Battery

FIRST = date(2026, 1, 1)
LIMIT = 3200


def of(values: list[int], skip: Callable[[int], bool] = lambda _: False) -> Battery:
    """The forecast of daily values from FIRST on; `skip`: days without a report."""
    days = [number for number in range(len(values)) if not skip(number)]
    last = FIRST + timedelta(days=len(values) - 1)
    return forecast([FIRST + timedelta(days=day) for day in days], [values[day] for day in days], LIMIT, last)


def noise(count: int, width: int = 8) -> np.ndarray:
    return np.random.default_rng(7).integers(-width, width + 1, count)


def test_a_straight_fall_ends_where_the_line_does():
    """1 mV a day from 3600: 400 days to the limit."""
    battery = of([3600 - day for day in range(200)])

    assert (battery.state, battery.voltage_mv, battery.fall_uv_day) == ("falling", 3402, 1000)
    assert battery.day == FIRST + timedelta(days=400)
    assert battery.earliest == battery.latest == battery.day
    assert not battery.knee


def test_noise_and_missing_days_move_it_little_and_the_band_holds_the_truth():
    battery = of([int(3600 - day + wobble) for day, wobble in enumerate(noise(200))], lambda day: day % 3 == 1)

    assert battery.day is not None
    assert battery.earliest is not None
    assert battery.latest is not None
    assert abs((battery.day - FIRST).days - 400) <= 12
    assert battery.earliest <= FIRST + timedelta(days=400) <= battery.latest
    assert battery.earliest < battery.day < battery.latest


def test_a_flat_lithium_cell_has_no_day():
    battery = of([3610 + int(wobble) for wobble in noise(300)])

    assert (battery.state, battery.day) == ("steady", None)


def test_behind_the_knee_the_last_weeks_count():
    """Flat for 260 days, then 4 mV a day for 50: 3410 now, 53 days left. The whole course would say years."""
    values = [3610] * 260 + [3610 - 4 * day for day in range(1, 51)]

    battery = of(values)

    assert battery.knee
    assert battery.day is not None
    assert abs((battery.day - FIRST).days - (309 + 53)) <= 5


@pytest.mark.parametrize(("late_uv", "knee"), [(900, False), (1500, True)])
def test_a_knee_is_twice_as_steep_as_the_whole_course(late_uv, knee):
    """0.6 mV a day for 200 days, then 0.9 (no knee) or 1.5."""
    values = [round(3650 - 0.6 * day) for day in range(200)] + [round(3530 - late_uv * day / 1000) for day in range(1, 50)]

    assert of(values).knee is knee


def test_one_cold_week_is_no_end():
    values = [3600 - int(day * 0.2) - (120 if 188 <= day < 198 else 0) for day in range(200)]

    battery = of(values)

    assert not battery.knee
    assert battery.day is None or (battery.day - FIRST).days > 1000


def test_the_warmth_after_a_cold_week_is_no_new_battery():
    values = [3600 - (200 if 60 <= day < 70 else 0) for day in range(120)]

    assert of(values).since == FIRST


def test_a_new_battery_begins_anew():
    values = [3600 - 2 * day for day in range(150)] + [3640] * 20

    battery = of(values)

    assert battery.since == FIRST + timedelta(days=150)
    assert (battery.state, battery.voltage_mv, battery.day) == ("too_little", 3640, None)
    assert of(values + [3640] * 20).state == "steady"


@pytest.mark.parametrize(("count", "state"), [(0, "none"), (1, "too_little"), (30, "too_little"), (31, "falling")])
def test_below_thirty_days_nothing_is_foretold(count, state):
    assert of([3600 - day for day in range(count)]).state == state


def test_many_days_with_few_reports_are_too_little():
    assert of([3600 - day for day in range(90)], lambda day: day % 10 != 0).state == "too_little"


def test_below_the_limit_it_is_low_now_whatever_is_known():
    assert of([3190, 3180, 3190]).state == "low"
    assert of([3600] * 40 + [3100]).state == "steady"  # one wrong value


def test_only_the_last_year_and_a_bit_counts():
    assert of([3600] * 700).days == 401


@settings(max_examples=60)
@given(st.lists(st.integers(3201, 3700), min_size=0, max_size=120))
def test_the_band_lies_around_the_day(values):
    battery = of(values)

    assert battery.day is None or battery.day >= FIRST + timedelta(days=len(values) - 1)
    if battery.state == "falling" and battery.day is not None:
        assert battery.earliest is not None
        assert battery.earliest <= battery.day
        assert battery.latest is None or battery.day <= battery.latest

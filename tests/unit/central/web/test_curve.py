"""Where the day curve breaks, and what its summary may claim."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from central.completeness.expected import period_s
from central.metering.model import Point
from central.web.curve import choose_quantity, day_bounds, gap_after, line, marked, summarise
from firmware_profiles.loader import load_profiles
from protocol.quantities import QUANTITIES
from protocol.reading import Quality

ENERGY = QUANTITIES["energy_active_total"]


def points(*pairs: tuple[int, int], quality: int = 0) -> list[Point]:
    """Points from (minute, value)."""
    return [Point(minute * 60_000, value, quality) for minute, value in pairs]


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [(date(2025, 11, 22), "Asia/Shanghai", 24), (date(2025, 3, 30), "Europe/Berlin", 23), (date(2025, 10, 26), "Europe/Berlin", 25)],
)
def test_day_is_as_long_as_the_clocks_say(day: date, zone: str, hours: int) -> None:
    start, end = day_bounds(day, ZoneInfo(zone))
    assert end - start == hours * 3_600_000


def test_line_breaks_only_beyond_three_periods() -> None:
    three, four = points((0, 1), (15, 2), (60, 3)), points((0, 1), (15, 2), (61, 3))
    assert gap_after(three, 900) == [False, False, False]
    assert gap_after(four, 900) == [False, True, False]


def test_gap_is_drawn_as_a_gap_and_not_as_zero() -> None:
    drawn = line(points((0, 1000), (100, 2000)), ENERGY, 900)
    assert [value for _, value in drawn] == [1.0, None, 2.0]


def test_every_point_keeps_its_quality() -> None:
    assert [kind for _, _, kind in marked([Point(0, 1, Quality.SUSPECT), Point(1, 2, Quality.MAKEUP), Point(2, 3, 0)], ENERGY)] == [
        "suspect",
        "estimated",
        "good",
    ]


def test_suspect_point_makes_no_peak() -> None:
    summary = summarise([*points((0, 10), (15, 20)), Point(1_800_000, 9_999, Quality.SUSPECT)], ENERGY, 900)
    assert (summary.lowest, summary.highest, summary.rise) == (10, 20, 10)


def test_register_that_fell_claims_no_rise() -> None:
    assert summarise(points((0, 20), (15, 10)), ENERGY, 900).rise is None


def test_empty_day_claims_nothing() -> None:
    summary = summarise([], ENERGY, 900)
    assert (summary.lowest, summary.highest, summary.rise, summary.gaps) == (None, None, None, 0)


def test_period_is_the_device_s_own_then_the_profile_s_then_a_quarter_of_an_hour() -> None:
    profile = load_profiles()["generic/dlt645_2007_single_phase"]
    item = profile.items[0]
    assert period_s(profile, {item.group: 77}, item.quantity) == 77
    assert period_s(profile, {}, item.quantity) == profile.groups[item.group]
    assert period_s(None, {}, item.quantity) == 900


def test_quantity_asked_for_is_shown_if_the_device_has_it() -> None:
    assert choose_quantity(["voltage_a", "power_active"], "voltage_a") == "voltage_a"
    assert choose_quantity(["voltage_a", "power_active"], "humidity") == "power_active"
    assert choose_quantity([], None) is None


def test_state_is_summed_up_by_how_often_it_changed() -> None:
    readings = [Point(minute * 60_000, value, 0) for minute, value in enumerate((0, 0, 1, 1, 0))]
    found = summarise(readings, QUANTITIES["relay_1"], 60)
    assert (found.changes, found.lowest, found.highest, found.rise) == (2, None, None, None)

"""The local calendar."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from central.consumption.days import boundaries, bounds, day_of, days_between, days_of_month, month_bounds, next_month, parse_local, quarters
from protocol.errors import ConfigError

ZONE = "Asia/Shanghai"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-03-01",
        "2025-13-01 00:00",
        "2025-02-29 00:00",
        "2025-03-01 24:01",
        "2025-03-01 24:00:01",
        "2025-03-01 25:00",
        "2025-03-01 00:60",
        "1.3.2025 00:00",
    ],
)
def test_nonsense_is_no_local_time(text: str) -> None:
    with pytest.raises(ConfigError, match="no local time"):
        parse_local(text, ZONE)


def test_hour_the_clock_is_put_on_over_does_not_exist() -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        parse_local("2025-03-30 02:30", "Europe/Berlin")


def test_of_an_hour_that_comes_twice_the_first_is_meant() -> None:
    assert parse_local("2025-10-26 02:30", "Europe/Berlin") == parse_local("2025-10-26 00:30", "UTC")


def test_unknown_zone_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no time zone"):
        day_of(0, "+8")


def test_24_00_of_the_last_day_of_a_year_is_the_next_year() -> None:
    assert parse_local("2024-12-31 24:00", ZONE) == parse_local("2025-01-01 00:00", ZONE)


@pytest.mark.parametrize(("day", "slots"), [(date(2025, 3, 30), 92), (date(2025, 10, 26), 100), (date(2025, 3, 29), 96)])
def test_slots_cover_the_day_without_a_gap(day: date, slots: int) -> None:
    edges = boundaries(day, "Europe/Berlin")
    assert len(edges) == slots + 1
    assert (edges[0], edges[-1]) == bounds(day, "Europe/Berlin")
    assert set(np.diff(edges).tolist()) == {900_000}


def test_quarters_are_those_of_the_wall_clock() -> None:
    assert quarters(date(2025, 3, 29), "Europe/Berlin").tolist() == list(range(96))
    assert quarters(date(2025, 3, 30), "Europe/Berlin").tolist() == [*range(8), *range(12, 96)]
    assert quarters(date(2025, 10, 26), "Europe/Berlin").tolist() == [*range(12), *range(8, 12), *range(12, 96)]


def test_days_between_are_those_an_interval_touches() -> None:
    start_ms, end_ms = bounds(date(2025, 3, 1), ZONE)
    assert days_between(start_ms, end_ms, ZONE) == [date(2025, 3, 1)]
    assert days_between(start_ms - 1, end_ms + 1, ZONE) == [date(2025, 2, 28), date(2025, 3, 1), date(2025, 3, 2)]
    assert days_between(end_ms, end_ms, ZONE) == []


def test_months_follow_each_other() -> None:
    assert [next_month(date(2024, month, 1)) for month in (1, 2, 12)] == [date(2024, 2, 1), date(2024, 3, 1), date(2025, 1, 1)]
    assert month_bounds(date(2024, 2, 20), ZONE)[1] == month_bounds(date(2024, 3, 1), ZONE)[0]
    assert len(days_of_month(date(2024, 2, 20))) == 29

"""Today beside other days: always up to the same quarter, never a percentage made of holes."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from central.web.so_far import NOTHING, Amount, DayShape, change_permille, full_quarters, hours, so_far

TODAY = date(2026, 11, 22)


def day(value: int, known: int = 10, upto: int = 96, points: int = 10) -> DayShape:
    """A day that uses `value` in each of its first `upto` quarters, `known` of whose points are known."""
    here = np.arange(96) < upto
    return DayShape(np.where(here, value, 0), np.where(here, known, 0), points)


def test_today_is_compared_up_to_the_same_quarter() -> None:
    days = {TODAY: day(110, upto=40), TODAY - timedelta(days=1): day(100), TODAY - timedelta(days=7): day(220)}
    found = so_far("electricity", TODAY, 41, days)
    assert (found.quarters, found.today) == (40, Amount(4400, 1.0))
    assert (found.yesterday.amount, found.yesterday.change_permille) == (Amount(4000, 1.0), 100)
    assert (found.last_week.day, found.last_week.change_permille) == (date(2026, 11, 15), -500)
    assert (found.demand, found.demand_coverage) == (440, 1.0)


def test_a_quarter_that_few_have_told_yet_is_not_full() -> None:
    shape = day(100, upto=40)
    shape.known[38:40] = [10, 9]
    assert full_quarters(shape, 40) == 39
    shape.known[38] = 9
    assert full_quarters(shape, 40) == 38


def test_points_that_never_report_do_not_hold_the_day_up() -> None:
    found = so_far("water", TODAY, 30, {TODAY: day(5, known=6, upto=30), TODAY - timedelta(days=1): day(5)})
    assert (found.quarters, found.today.coverage) == (30, 0.6)
    assert found.yesterday.change_permille is None


def test_nothing_known_is_not_nothing_used() -> None:
    found = so_far("water", TODAY, 30, {})
    assert (found.quarters, found.today, found.demand, found.month) == (0, NOTHING, None, NOTHING)
    assert full_quarters(day(0, known=0), 30) == 0


@pytest.mark.parametrize(
    ("now", "base", "change"),
    [
        (Amount(120, 1.0), Amount(100, 1.0), 200),
        (Amount(120, 0.95), Amount(100, 0.95), 200),
        (Amount(120, 0.94), Amount(100, 1.0), None),
        (Amount(120, 1.0), Amount(100, 0.94), None),
        (Amount(120, 1.0), Amount(0, 1.0), None),
        (Amount(120, 1.0), NOTHING, None),
        (NOTHING, Amount(100, 1.0), None),
        (Amount(0, 1.0), Amount(100, 1.0), -1000),
    ],
)
def test_no_percentage_without_honest_sides(now: Amount, base: Amount, change: int | None) -> None:
    assert change_permille(now, base) == change


def test_a_month_counts_a_day_without_data_as_unknown() -> None:
    days = {date(2026, 11, 1): day(10), date(2026, 11, 3): day(10, upto=48)}
    found = so_far("electricity", date(2026, 11, 3), 48, days)
    assert found.month == Amount(10 * 144, round(144 / 240, 4))


def test_almost_all_is_not_all() -> None:
    assert day(1, known=99_999, points=100_000).upto(96).coverage == 0.9999


def test_an_hour_of_which_a_quarter_lacks_is_unknown() -> None:
    shape = day(25)
    shape.known[5] = 0
    assert hours(shape)[:3] == [100, None, 100]
    assert hours(day(25), 10)[:4] == [100, 100, None, None]
    assert hours(None) == [None] * 24

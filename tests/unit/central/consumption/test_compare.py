"""Comparisons: what may be called a change, and which day lies beside which."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from central.consumption.compare import Mode, Note, Reason, Series, Term, compare, counterparts
from central.consumption.tariff import DayKind, kind_of


def hours(known: int, of: int = 100, each: int = 1_000) -> Series:
    """A period whose first `known` hours are known whole."""
    there = np.arange(of) < known
    return Series(np.where(there, each, 0), np.where(there, 3_600, 0))


@pytest.mark.parametrize(("now", "then"), [(94, 100), (100, 94), (94, 94)])
def test_below_95_percent_of_either_period_there_is_no_percentage(now: int, then: int) -> None:
    found = compare(hours(now), hours(then))
    assert (found.change_permille, found.reason) == (None, Reason.COVERAGE)


def test_from_95_percent_on_the_common_hours_are_compared() -> None:
    found = compare(hours(95, each=1_100), hours(100))
    assert (found.change_permille, found.common_hours, found.common_base) == (100, 95, 95_000)


def test_hours_known_on_one_side_only_are_not_compared() -> None:
    now, then = hours(100, each=1_100), hours(96)
    found = compare(now, then)
    assert (found.value, found.common_value, found.common_base, found.change_permille) == (110_000, 105_600, 96_000, 100)


def test_hour_known_in_part_is_not_common_and_counts_for_coverage() -> None:
    then = hours(100)
    then.known_s[7] = 1_800
    found = compare(hours(100), then)
    assert (found.common_hours, found.base_coverage_percent) == (99, 99)


def test_almost_whole_is_never_called_100_percent() -> None:
    assert compare(hours(999, of=1_000), hours(1_000, of=1_000)).coverage_percent == 99


def test_longer_period_is_compared_over_what_both_have() -> None:
    found = compare(hours(31, of=31), hours(28, of=28))
    assert (found.common_hours, found.change_permille, found.value) == (28, 0, 31_000)


def test_period_without_hours_is_not_compared() -> None:
    assert compare(hours(0, of=0), hours(10, of=10)).reason is Reason.COVERAGE


TERMS = [
    Term("spring", date(2022, 2, 14), date(2022, 6, 26)),
    Term("spring", date(2023, 2, 13), date(2023, 7, 2)),
    Term("spring", date(2024, 2, 28), date(2024, 7, 7)),
    Term("spring", date(2025, 2, 17), date(2025, 7, 6)),
]


def beside(day: date) -> tuple[date | None, Note | None, int | None]:
    (found,) = counterparts([day], Mode.TERM_WEEK, lambda _: DayKind.WORKDAY, TERMS)
    return found.base, found.note, found.week


def test_week_of_term_is_counted_from_the_monday_of_its_first_day() -> None:
    assert beside(date(2024, 3, 4)) == (date(2023, 2, 20), None, 2)
    assert beside(date(2025, 2, 19)) == (date(2024, 2, 28), None, 1)


def test_day_beside_which_there_was_no_term_has_no_counterpart() -> None:
    assert beside(date(2025, 2, 18)) == (None, Note.NO_TERM, 1)
    assert beside(date(2023, 6, 30)) == (None, Note.NO_TERM, 20)
    assert beside(date(2022, 3, 1)) == (None, Note.NO_TERM, 3)


def test_days_of_one_kind_have_no_note() -> None:
    found = counterparts([date(2025, 3, 3), date(2025, 3, 8)], Mode.WEEKDAY, lambda day: kind_of(day, {}))
    assert [(one.base, one.note) for one in found] == [(date(2024, 3, 4), None), (date(2024, 3, 9), None)]

"""Periods: how they are cut into months, days and stretches, and what lies ahead."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.consumption.days import days_of_month, next_month
from central.reports.changes import month_pairs
from central.reports.model import Paired
from central.reports.pairing import before
from central.reports.span import loose_days, span, stretches, whole_months
from protocol.errors import ConfigError

DAYS = st.dates(date(2020, 1, 1), date(2027, 12, 31))


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@given(DAYS, st.integers(0, 800))
def test_months_and_loose_days_cover_a_range_once(first: date, length: int):
    last = first + timedelta(days=length)

    found = [start + timedelta(days=number) for start, stop in loose_days(first, last) for number in range((stop - start).days + 1)]
    months = whole_months(first, last)
    if months is not None:
        month = months[0]
        while month <= months[1]:
            found += days_of_month(month)
            month = next_month(month)

    assert sorted(found) == [first + timedelta(days=number) for number in range(length + 1)]


@given(DAYS, st.lists(DAYS, max_size=5))
def test_stretches_cover_a_period_once(first: date, changes: list[date]):
    period = span(first, first + timedelta(days=400), "Asia/Shanghai", 0)

    found = list(stretches(period, changes))

    assert found[0].first == period.first
    assert found[-1].last == period.last
    assert all(one.last + timedelta(days=1) == two.first for one, two in pairwise(found))


def test_nothing_is_due_of_what_lies_ahead():
    period = span(date(2025, 3, 1), date(2025, 3, 31), "Asia/Shanghai", at("2025-03-10 04:00"))

    assert (period.reached, len(period.each)) == (date(2025, 3, 10), 10)
    assert (period.end_ms - period.start_ms) == (9 * 24 + 12) * 3_600_000


def test_a_range_that_ends_before_it_begins_is_refused():
    with pytest.raises(ConfigError, match="must not end before it begins"):
        span(date(2025, 3, 2), date(2025, 3, 1), "Asia/Shanghai", 0)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ((2025, 3, 1), (2025, 3, 31), ("2025-02-01", "2025-02-28")),
        ((2025, 1, 1), (2025, 12, 31), ("2024-01-01", "2024-12-31")),
        ((2025, 3, 3), (2025, 3, 9), ("2025-02-24", "2025-03-02")),
        ((2025, 3, 1), (2025, 3, 1), ("2025-02-28", "2025-02-28")),
    ],
)
def test_the_period_before_is_as_long(first, last, expected):
    assert tuple(str(day) for day in before(date(*first), date(*last))) == expected


def test_months_are_paired_only_where_all_their_days_are():
    march, february = days_of_month(date(2025, 3, 1)), days_of_month(date(2025, 2, 1))
    whole, part = list(zip(march, february, strict=False)), list(zip(march[:10], february[:10], strict=True))

    assert month_pairs(Paired("previous", whole, None, None, {})) == [(date(2025, 3, 1), date(2025, 2, 1))]
    assert month_pairs(Paired("previous", part, None, None, {})) == []

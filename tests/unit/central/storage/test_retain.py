"""Before when raw readings may go."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from central.storage.block import WEEK_MS
from central.storage.retain import cutoff_ms

TODAY = date(2030, 6, 15)


def limit(before: date) -> int:
    """The last week that ended a day before a month began."""
    at = datetime(before.year, before.month, before.day, tzinfo=UTC).timestamp() * 1000 - 86_400_000
    return int(at // WEEK_MS * WEEK_MS)


@pytest.mark.parametrize(
    ("keep_months", "newest_closed", "oldest_unclosed", "before"),
    [
        (36, date(2030, 5, 1), None, date(2027, 6, 1)),
        (6, date(2030, 5, 1), None, date(2028, 6, 1)),  # never less than two years
        (36, date(2026, 12, 1), date(2027, 1, 1), date(2027, 1, 1)),  # not closed yet
        (36, date(2030, 5, 1), date(2027, 3, 1), date(2027, 3, 1)),  # a hole among the closed
    ],
)
def test_the_oldest_limit_counts(keep_months: int, newest_closed: date, oldest_unclosed: date | None, before: date):
    assert cutoff_ms(TODAY, keep_months, newest_closed, oldest_unclosed) == limit(before)


@pytest.mark.parametrize(("keep_months", "newest_closed"), [(0, date(2030, 5, 1)), (36, None)])
def test_nothing_goes_without_a_limit_or_a_closed_month(keep_months: int, newest_closed: date | None):
    assert cutoff_ms(TODAY, keep_months, newest_closed, None) is None

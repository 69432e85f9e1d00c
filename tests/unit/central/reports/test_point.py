"""The sum of one metering point: of what it is made, and how much of it is known."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from central.consumption.report import Item, Step
from central.reports.point import pieces, total_of
from central.reports.span import span

ZONE = "Asia/Shanghai"
NOW_MS = int(datetime(2026, 11, 22, 12, tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)
HOUR_MS = 3_600_000


def item(hours: int, value: int | None, quality: str = "measured", coverage: float = 1.0) -> Item:
    return Item("", 0, hours * HOUR_MS, value, quality, coverage)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        # months that are over, then the days of the one that is not
        ("2026-01-01", "2026-12-31", [("2026-01-01", "2026-10-01", Step.MONTH), ("2026-11-01", "2026-11-22", Step.DAY)]),
        ("2026-10-30", "2026-11-30", [("2026-10-30", "2026-10-31", Step.DAY), ("2026-11-01", "2026-11-22", Step.DAY)]),
        ("2026-11-05", "2026-11-06", [("2026-11-05", "2026-11-06", Step.DAY)]),
        ("2026-09-01", "2026-09-30", [("2026-09-01", "2026-09-01", Step.MONTH)]),
        ("2026-12-01", "2026-12-31", []),
    ],
)
def test_a_month_that_is_not_over_is_read_by_the_day(first: str, last: str, expected: list[tuple[str, str, Step]]) -> None:
    found = pieces(span(date.fromisoformat(first), date.fromisoformat(last), ZONE, NOW_MS))
    assert [(f"{since}", f"{until}", step) for since, until, step in found] == expected


def test_nothing_is_due_of_what_lies_ahead() -> None:
    figure = total_of([item(24, 100, "partial", 0.5)], 12 * HOUR_MS)
    assert (figure.value, figure.coverage, figure.quality) == (100, 1.0, "measured")


def test_what_is_missing_is_no_zero_but_less_coverage() -> None:
    figure = total_of([item(24, 100), item(24, None, "unknown", 0.0)], 48 * HOUR_MS)
    assert (figure.value, figure.coverage, figure.quality) == (100, 0.5, "partial")


def test_nothing_known_is_no_number() -> None:
    assert total_of([item(24, None, "unknown", 0.0)], 24 * HOUR_MS).value is None


def test_an_estimated_part_makes_the_whole_estimated() -> None:
    assert total_of([item(24, 100), item(24, 50, "estimated")], 48 * HOUR_MS).quality == "estimated"

"""Periods on the calendar: leap days, weeks over the end of a year, months of every length; an address and its view are the same thing."""

from __future__ import annotations

from datetime import date, timedelta
from urllib.parse import parse_qsl

import pytest

from central.web.view import MAX_CUSTOM_DAYS, Compare, Period, View, view_of
from protocol.errors import ConfigError

TODAY = date(2026, 11, 22)


def view(period: str, at: str, to: str = "", compare: str = "none", today: date = TODAY) -> View:
    """What the address asks for."""
    return view_of({"period": period, "at": at, "to": to, "compare": compare}, today)


@pytest.mark.parametrize(
    ("period", "at", "first", "last"),
    [
        ("day", "2024-02-29", "2024-02-29", "2024-02-29"),
        ("week", "2026-11-22", "2026-11-16", "2026-11-22"),  # a Sunday belongs to the week that began on Monday
        ("week", "2026-11-23", "2026-11-23", "2026-11-29"),
        ("week", "2027-01-01", "2026-12-28", "2027-01-03"),
        ("month", "2024-02-10", "2024-02-01", "2024-02-29"),
        ("month", "2023-02-28", "2023-02-01", "2023-02-28"),
        ("month", "2026-12-31", "2026-12-01", "2026-12-31"),
        ("month", "2026-04-01", "2026-04-01", "2026-04-30"),
        ("year", "2024-07-01", "2024-01-01", "2024-12-31"),
    ],
)
def test_a_period_is_whole(period: str, at: str, first: str, last: str) -> None:
    shown = view(period, at)
    assert (shown.first.isoformat(), shown.last.isoformat()) == (first, last)


def test_an_address_without_a_word_is_the_current_month() -> None:
    assert view_of({}, TODAY) == View("", Period.MONTH, date(2026, 11, 1), date(2026, 11, 30), Compare.NONE, "", TODAY)


@pytest.mark.parametrize(
    ("period", "at", "steps", "first", "last"),
    [
        ("day", "2024-02-28", 1, "2024-02-29", "2024-02-29"),
        ("week", "2026-12-28", 1, "2027-01-04", "2027-01-10"),
        ("week", "2027-01-02", -1, "2026-12-21", "2026-12-27"),
        ("month", "2026-01-31", -1, "2025-12-01", "2025-12-31"),
        ("month", "2026-01-31", 1, "2026-02-01", "2026-02-28"),
        ("month", "2026-11-01", 14, "2028-01-01", "2028-01-31"),
        ("year", "2024-02-29", 1, "2025-01-01", "2025-12-31"),
    ],
)
def test_moving_lands_on_whole_periods(period: str, at: str, steps: int, first: str, last: str) -> None:
    moved = view(period, at).moved(steps)
    assert (moved.first.isoformat(), moved.last.isoformat()) == (first, last)


def test_a_custom_range_moves_by_its_own_length() -> None:
    moved = view("custom", "2026-11-03", "2026-11-09").moved(-1)
    assert (moved.first, moved.last, moved.days) == (date(2026, 10, 27), date(2026, 11, 2), 7)


@pytest.mark.parametrize("period", ["day", "week", "month", "year"])
@pytest.mark.parametrize("at", ["2024-02-29", "2026-12-31", "2027-01-01", "2026-03-30"])
def test_there_and_back_again(period: str, at: str) -> None:
    start = view(period, at)
    assert start.moved(1).moved(-1) == start
    assert start.moved(1).first == start.last + timedelta(days=1)


@pytest.mark.parametrize(
    ("period", "at", "compare", "beside"),
    [
        ("month", "2026-11-22", "none", None),
        ("month", "2026-03-15", "previous", ("2026-02-01", "2026-02-28")),
        ("month", "2025-02-15", "year", ("2024-02-01", "2024-02-29")),  # each month as long as it is
        ("day", "2024-02-29", "year", ("2023-02-28", "2023-02-28")),
        ("week", "2026-11-22", "year", ("2025-11-17", "2025-11-23")),
        ("week", "2027-01-01", "year", ("2025-12-29", "2026-01-04")),
        ("year", "2025-05-05", "previous", ("2024-01-01", "2024-12-31")),
    ],
)
def test_compared_with(period: str, at: str, compare: str, beside: tuple[str, str] | None) -> None:
    found = view(period, at, compare=compare).beside()
    assert (found and (found[0].isoformat(), found[1].isoformat())) == beside


def test_a_custom_range_is_compared_with_as_many_days() -> None:
    assert view("custom", "2024-02-27", "2024-03-01", "year").beside() == (date(2023, 2, 27), date(2023, 3, 2))


@pytest.mark.parametrize(
    "asked",
    [
        {"period": "decade"},
        {"compare": "budget"},
        {"at": "2026-02-30"},
        {"at": "yesterday"},
        {"at": "1999-12-31"},
        {"at": "2201-01-01"},
        {"period": "custom", "at": "2026-11-09", "to": "2026-11-03"},
        {"period": "custom", "at": "2010-01-01", "to": (date(2010, 1, 1) + timedelta(days=MAX_CUSTOM_DAYS)).isoformat()},
    ],
    ids=lambda asked: "&".join(f"{key}={value}" for key, value in asked.items()),
)
def test_what_no_view_can_be_is_refused(asked: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        view_of(asked, TODAY)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"node": "b1/2 &x", "period": "day", "at": "2024-02-29", "compare": "year", "tab": "ranking"},
        {"period": "week", "at": "2027-01-01"},
        {"node": "b1", "period": "custom", "at": "2026-11-03", "to": "2026-11-09", "compare": "previous"},
    ],
    ids=len,
)
def test_the_address_of_a_view_asks_for_the_same_view(asked: dict[str, str]) -> None:
    shown = view_of(asked, TODAY)
    assert view_of(dict(parse_qsl(shown.query())), TODAY) == shown


def test_an_address_changes_only_what_is_asked() -> None:
    shown = view_of({"node": "b1", "period": "day", "at": "2026-11-03", "tab": "ranking"}, TODAY)
    assert shown.query(node="b2", tab="") == "node=b2&period=day&at=2026-11-03"


@pytest.mark.parametrize(("at", "is_current", "has_later"), [("2026-10-31", False, True), ("2026-11-01", True, False), ("2026-12-01", False, False)])
def test_the_future_is_not_offered(at: str, is_current: bool, has_later: bool) -> None:
    shown = view("month", at)
    assert (shown.is_current, shown.has_later) == (is_current, has_later)


def test_the_day_before_the_first_that_can_be_asked_for_is_not_offered() -> None:
    assert not view("day", "2000-01-01").has_earlier
    assert view("day", "2026-01-01").has_earlier


def test_another_length_stays_at_today_where_today_is_in_sight() -> None:
    assert view("month", "2026-11-01").turned("day").first == TODAY
    assert view("month", "2026-09-15").turned("day").first == date(2026, 9, 1)
    assert view("day", "2026-09-15").turned("year").last == date(2026, 12, 31)


def test_custom_begins_with_what_was_shown() -> None:
    shown = view("month", "2024-02-10").turned("custom")
    assert (shown.period, shown.first, shown.last) == (Period.CUSTOM, date(2024, 2, 1), date(2024, 2, 29))


def test_back_to_today() -> None:
    assert view("week", "2026-01-01").current().last == date(2026, 11, 22)
    custom = view("custom", "2026-01-01", "2026-01-10").current()
    assert (custom.first, custom.last) == (date(2026, 11, 13), TODAY)

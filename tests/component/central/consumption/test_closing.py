"""When a month may be closed, and what closing keeps."""

from __future__ import annotations

import pytest

from protocol.errors import Conflict, Refused


@pytest.fixture
def months(campus):
    """February to April of one point, read daily."""
    campus.meter("a", since="2025-02-01 00:00", place="b1")
    campus.feed("a", [(f"2025-{month:02d}-{day:02d} 00:00", month * 100_000 + day * 1000) for month in (2, 3) for day in range(1, 29)])
    campus.feed("a", [("2025-04-01 00:00", 332_000), ("2025-04-10 00:00", 341_000)])
    campus.work()
    return campus


def test_months_are_closed_in_order_and_once(months):
    with pytest.raises(Conflict, match="2025-02 is still open"):
        months.close("2025-03")
    assert months.close("2025-02").closed
    with pytest.raises(Conflict, match="closed already"):
        months.close("2025-02")
    assert months.close("2025-03").closed


@pytest.mark.parametrize("month", ["2025-04", "2025-05"])
def test_a_month_that_is_not_over_is_not_closed(months, month):
    with pytest.raises(Conflict, match="is not over"):
        months.close(month)


def test_a_preview_tells_and_closes_nothing(months):
    state = months.close("2025-02", preview=True)

    assert (state.closed, state.points, state.with_figures, state.missing, state.refused) == (False, 1, 1, 0.0, None)
    assert months.sql("select count(*) from closed_month") == [(0,)]


def test_too_much_missing_is_closed_only_with_a_reason(months):
    months.meter("silent", since="2025-02-20 00:00")

    with pytest.raises(Refused, match=r"24\.3% of what should be known is missing"):
        months.close("2025-02")
    assert months.close("2025-02", force="meter was stolen").closed
    assert months.sql("select inputs ->> 'forced' from closed_month") == [("meter was stolen",)]


def test_a_month_with_work_left_is_not_closed(months):
    months.feed("a", [("2025-02-10 12:00", 210_500)])

    with pytest.raises(Refused, match="wait to be worked off"):
        months.close("2025-02")


def test_a_tree_change_moves_no_closed_figure_of_a_place(months):
    months.close("2025-02")

    months.sql("update point_position set place = 'b2' where point = 'a'")
    months.dirty_places(["b1", "b2"], None, None)
    months.work()

    assert [item.value for item in months.place_months("b1", "2025-02", "2025-03")] == [100_000, None]
    assert [item.value for item in months.place_months("b2", "2025-02", "2025-03")] == [None, 31_000]


def test_closed_figures_cannot_be_changed(months):
    months.close("2025-02")

    with pytest.raises(Exception, match="append-only"):
        months.sql("update closed_figure set value = 0")


def test_what_is_adjusted_enters_the_places_where_the_point_counted_in_the_closed_month(campus):
    campus.meter("main", place="b1", since="2025-02-01 00:00")
    campus.meter("room", place="b1-101", upstream="main", since="2025-02-01 00:00")
    campus.meter("other", place="b2", upstream="main", since="2025-02-01 00:00")
    for code in ("main", "room", "other"):
        campus.feed(code, [("2025-02-01 00:00", 0), ("2025-03-02 00:00", 29_000), ("2025-03-10 00:00", 37_000)])
    campus.work()
    assert campus.close("2025-02", now="2025-03-12 09:00").closed

    for code, register in (("main", 28_100), ("room", 28_020), ("other", 28_003)):
        campus.feed(code, [("2025-03-01 00:00", register)])
    campus.work()

    assert sorted(campus.sql("select value from adjustment")) == [(3,), (20,), (100,)]
    assert {place: campus.place_months(place, "2025-03", "2025-03")[0].adjusted for place in ("campus", "b1", "b2")} == {
        "campus": 100,
        "b1": 100,
        "b2": 3,
    }


def test_an_adjustment_stays_where_the_point_counted_then_when_the_tree_has_changed_since(months):
    months.close("2025-02")
    months.sql("update point_position set valid_to = '2025-03-01' where point = 'a'")
    months.sql("insert into point_position (point, place, valid_from) values ('a', 'b2', '2025-03-01')")
    months.feed("a", [("2025-02-28 12:00", 228_000), ("2025-03-01 00:00", 301_000)])
    months.sql("update installation set ct = 2")
    months.dirty(["a"], None, None, "ratio corrected")
    months.work()

    [(value,)] = months.sql("select sum(value)::bigint from adjustment")
    assert value != 0
    assert [months.place_months(place, "2025-03", "2025-03")[0].adjusted for place in ("b1", "b2", "campus")] == [value, 0, value]

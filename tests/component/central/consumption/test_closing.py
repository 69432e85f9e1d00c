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

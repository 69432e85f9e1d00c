"""The job: from stored readings to day, month and place rows."""

from __future__ import annotations


def test_two_readings_become_a_day_a_month_and_sums_of_places(campus):
    campus.meter("a", place="b1-101")
    campus.feed("a", [("2025-03-02 00:00", 100_000), ("2025-03-02 01:00", 101_500)])

    done = campus.work()

    assert (done.points, done.days, done.failed) == (1, 1, 0)
    assert campus.hours("a", "2025-03-02")[:2] == [1500, None]
    assert campus.month("a", "2025-03") == 1500
    assert [campus.place(place, "2025-03-02") for place in ("campus", "b1", "b1-101", "b2")] == [1500, 1500, None, None]

"""The proof finds what is not so, and repairs it."""

from __future__ import annotations

import pytest

DAY = "2025-03-02"


@pytest.fixture
def worked(campus):
    """Two points and a virtual one, three days each."""
    for code, place in (("a", "b1-101"), ("b", "b2")):
        campus.meter(code, place=place)
        campus.feed(code, [(f"2025-03-{day:02d} {hour:02d}:05", day * 2400 + hour * 100) for day in (1, 2, 3) for hour in range(24)])
    campus.virtual("v", a=1, b=1)
    campus.work()
    return campus


@pytest.mark.parametrize("days", [None, 50])
def test_what_was_computed_is_right(worked, days):
    result = worked.check(days=days)

    assert result.mismatches == []
    assert (result.points, result.waiting) == (6, 0)
    assert (result.days, result.months, result.place_days, result.place_months) == (9, 3, 9, 3)


@pytest.mark.parametrize(
    ("damage", "kinds"),
    [
        ("update consumption_day set slots[40] = 7, value = value - 18 where day = '2025-03-02' and point_id = "
         "(select id from metering_point where code = 'a')",
         {"day", "month", "place_day"}),
        ("delete from consumption_day where point_id = (select id from metering_point where code = 'b') and day = '2025-03-03'",
         {"day", "month", "place_day"}),
        ("update consumption_month set value = value + 1 where point_id = (select id from metering_point where code = 'a')", {"month"}),
        ("update place_day set value = value + 1 where place = 'b1' and day = '2025-03-02'", {"place_day", "place_month"}),
        ("update place_month set known_s = 0 where place = 'b2'", {"place_month"}),
        ("insert into reading_verdict select id, '2025-03-02', 'rejected', 'x' from series where device = 'a'", {"verdict"}),
    ],
)  # fmt: skip
def test_damage_is_found_and_repaired(worked, damage, kinds):
    worked.sql(damage)

    found = worked.check()
    worked.check(repair=True)
    worked.work()
    worked.check(repair=True)
    worked.work()

    assert kinds <= {one.kind for one in found.mismatches}
    assert worked.check().mismatches == []


def test_a_point_with_work_left_is_not_called_wrong(worked):
    worked.feed("a", [("2025-03-04 00:05", 9700)])

    result = worked.check()

    assert result.mismatches == []
    assert result.waiting == 2

"""Reports over many rows: months of points, heat maps, rankings."""

from __future__ import annotations

from datetime import date

from central.consumption.report import heat_map, month_of_points, ranking

MARCH = date(2025, 3, 1)
DAY = "2025-03-02"


def _register(campus, points: dict[str, str]) -> dict[str, int]:
    """Points in their places, each with 1000 Wh in the second hour of DAY; their ids."""
    for code, place in points.items():
        campus.meter(code, place=place)
        campus.feed(code, [(f"{DAY} 01:00", 0), (f"{DAY} 02:00", 1000)])
    campus.work()
    return dict(campus.sql("select code, id from metering_point"))


def test_months_of_points_are_those_asked_for_with_rates_only_if_asked(campus):
    ids = _register(campus, {"a": "b1", "b": "b1", "c": "b2"})

    some = month_of_points(campus.conn, MARCH, [ids["c"], ids["a"]], rates=True)

    assert [(row.point_id, row.point, row.value, row.known_s, row.measured) for row in some] == [
        (ids["a"], "a", 1000, 3600, False),
        (ids["c"], "c", 1000, 3600, False),
    ]
    assert [sum(row.rates or ()) for row in some] == [1000, 1000]
    assert [(row.point, row.rates) for row in month_of_points(campus.conn, MARCH)] == [("a", None), ("b", None), ("c", None)]
    assert month_of_points(campus.conn, MARCH, []) == []
    assert month_of_points(campus.conn, date(2025, 4, 1)) == []


def test_what_is_adjusted_into_a_month_stands_there_though_the_point_has_no_figure(campus):
    ids = _register(campus, {"a": "b1", "b": "b1"})
    campus.close("2025-03", force="test")
    campus.feed("a", [(f"{DAY} 03:00", 1700)])
    campus.work()

    closed, month = month_of_points(campus.conn, MARCH), campus.sql("select into_month from adjustment")[0][0]
    adjusted = month_of_points(campus.conn, month, [ids["a"]])

    assert [(row.point, row.value, row.closed) for row in closed] == [("a", 1000, True), ("b", 1000, True)]
    assert [(row.point, row.value, row.known_s, row.adjusted, row.closed) for row in adjusted] == [("a", None, 0, 700, False)]
    assert month_of_points(campus.conn, month, [ids["b"]]) == []


def test_hours_of_a_heat_map_are_sums_of_quarters_and_null_where_nothing_is_known(campus):
    campus.meter("a", place="b1")
    campus.meter("b", place="b1")
    campus.meter("w", place="b1", medium="water")
    for code in ("a", "w"):
        campus.feed(code, [(f"{DAY} 03:00", 0), (f"{DAY} 04:00", 400), (f"{DAY} 05:00", 400), (f"{DAY} 06:00", 900)])
    campus.feed("b", [*((f"2025-03-05 {hour:02d}:00", hour * 100) for hour in range(24)), ("2025-03-06 00:00", 2400)])
    campus.work()

    partly, whole = heat_map(campus.conn, "campus", "electricity", 2025)

    assert (str(partly.day), partly.hours[2:7]) == (DAY, (None, 400, 0, 500, None))
    assert (str(whole.day), whole.hours) == ("2025-03-05", (100,) * 24)
    assert heat_map(campus.conn, "campus", "electricity", 2024) == []


def test_a_ranking_takes_points_of_the_place_and_below_it_only(campus):
    _register(campus, {"a": "b1", "b": "b1-101", "c": "b2"})
    asked = {"medium": "electricity", "since": MARCH, "by": "point", "top": 2}

    for until in (date(2025, 3, 31), date(2025, 3, 10)):
        assert [(row.code, row.value) for row in ranking(campus.conn, "b1", until=until, **asked)] == [("a", 1000), ("b", 1000)]
        assert [row.code for row in ranking(campus.conn, "campus", until=until, **asked)] == ["a", "b"]

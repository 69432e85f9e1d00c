"""The checklist of report correctness, through the database: readings come in by ingest, figures are what the job wrote."""

from __future__ import annotations

import random

import pytest

DAY = "2025-03-02"


def quarter(number: int) -> str:
    """The start of a quarter of the day."""
    return f"{DAY} {number // 4:02d}:{number % 4 * 15:02d}"


def test_c3_a_logged_replacement_counts_both_meters(campus):
    campus.point("p")
    campus.stand("p", "old", "2025-01-01 00:00", f"{DAY} 10:20", closing=5_230_400)
    campus.stand("p", "new", f"{DAY} 10:20", opening=12_300)
    campus.feed("old", [(f"{DAY} 10:00", 5_230_000)])
    campus.feed("new", [(f"{DAY} 11:00", 12_800)])
    campus.work()

    assert campus.hours("p", DAY)[10] == 900
    assert campus.day("p", DAY) == 900
    assert campus.findings() == []


def test_c4_an_unlogged_fall_is_unknown_until_the_replacement_is_recorded(campus, local):
    campus.meter("a", place="b1")
    campus.feed("a", [(f"{DAY} {hour:02d}:00", 5_230_000 + hour * 100) for hour in range(6)])
    campus.feed("a", [(f"{DAY} {hour:02d}:00", 12_000 + hour * 100) for hour in range(6, 24)])
    campus.feed("a", [(f"2025-03-{day:02d} 12:00", 14_400 + day) for day in range(3, 8)])
    campus.work()
    assert campus.hours("a", DAY)[4:7] == [100, None, 100]
    assert campus.findings() == [("register.fall", "a")]
    assert campus.sql("select count(*) from event where code = 'register.fall'") == [(1,)]

    campus.sql("update installation set removed_at = %s, closing = '{\"energy_active_forward\": 5230560}' where device = 'a'", local(f"{DAY} 05:30"))
    campus.sql(
        "insert into installation (point, device, installed_at, register, opening) values ('a', 'a', %s, 'energy_active_forward',"
        " '{\"energy_active_forward\": 12560}')",
        local(f"{DAY} 05:30"),
    )
    campus.dirty(["a"], f"{DAY} 05:00", None)
    campus.work()

    assert campus.hours("a", DAY)[4:7] == [100, 60 + 40, 100]
    assert campus.findings() == []
    assert campus.sql("select count(*) from reading_verdict") == [(0,)]


def test_c5_a_gap_is_spread_evenly_and_estimated(campus):
    campus.meter("a")
    campus.feed("a", [(f"{DAY} 00:00", 100_000), (f"{DAY} 06:00", 112_000)])
    campus.work()

    assert campus.hours("a", DAY)[:7] == [2000] * 6 + [None]
    pins = campus.sql("select pins::text from consumption_day")[0][0]
    assert [pins[edge] for edge in (0, 4, 8, 12, 16, 20, 24)] == list("1000001")


def test_c6_a_gap_over_a_month_end_adds_up(campus):
    campus.meter("a")
    campus.feed("a", [("2025-02-28 22:00", 500_000), ("2025-03-01 02:00", 504_000)])
    campus.work()

    assert (campus.day("a", "2025-02-28"), campus.day("a", "2025-03-01")) == (2000, 2000)
    assert campus.month("a", "2025-02") + campus.month("a", "2025-03") == 4000


def test_c7_late_readings_change_hours_not_the_day_and_everything_above(campus):
    campus.meter("a", place="b1")
    campus.feed("a", [(f"{DAY} 00:00", 100_000), (f"{DAY} 06:00", 112_000), (f"{DAY} 23:55", 130_000)])
    campus.work()
    before = campus.slots_of_place("b1", DAY)

    campus.feed("a", [(f"{DAY} {hour:02d}:00", 100_000 + hour * 1000) for hour in range(1, 6)])
    campus.work()

    assert campus.hours("a", DAY)[:6] == [1000] * 5 + [7000]
    assert campus.day("a", DAY) == campus.place("b1", DAY) == campus.month("a", "2025-03") == 30_000
    assert campus.slots_of_place("b1", DAY)[:24] == [250] * 20 + [1750] * 4 != before[:24]
    assert campus.sql("select version from consumption_day") == [(2,)]


def test_c9_a_reading_twice_is_one_and_another_value_is_kept_aside(campus):
    campus.meter("a")
    rows = [(f"{DAY} 00:00", 100_000), (f"{DAY} 01:00", 101_000)]
    campus.feed("a", rows)
    campus.work()
    campus.feed("a", rows)
    campus.feed("a", [(f"{DAY} 01:00", 109_000)])
    campus.work()

    assert campus.day("a", DAY) == 1000
    assert campus.sql("select version from consumption_day") == [(1,)]
    assert campus.sql("select data ->> 'refused' from event where code = 'reading.conflict'") == [("109000",)]


@pytest.mark.parametrize("seed", range(3))
def test_c10_any_order_of_arrival_gives_the_same_day(campus, seed):
    rows = [(quarter(number), 100_000 + number * 250 + number % 3) for number in range(96)]
    campus.meter("a")
    campus.meter("b")
    campus.feed("a", rows)
    campus.work()

    random.Random(seed).shuffle(rows)
    for start in range(0, 96, 24):
        campus.feed("b", rows[start : start + 24])
        campus.work()

    one, other = campus.sql("select slots, known, pins, seen, rates, first_at, last_at, last_value, pending from consumption_day order by point_id")
    assert one == other


def test_c12_zeros_in_a_fault_are_rejected_and_the_gap_is_spread(campus):
    campus.meter("a")
    campus.feed("a", [(quarter(0), 115_823_000), *((quarter(number), 0) for number in range(1, 16)), (quarter(16), 115_969_000)])
    campus.work()

    assert campus.hours("a", DAY)[:4] == [36_500] * 4
    assert campus.sql("select verdict, count(*) from reading_verdict group by verdict") == [("rejected", 15)]
    assert campus.findings() == []


def test_c13_garbage_is_rejected_and_its_neighbours_count(campus):
    campus.meter("a")
    campus.feed("a", [(quarter(0), 1000), (quarter(1), 1_800_000_000_000_000_000), (quarter(2), 1200), (quarter(3), -7), (quarter(4), 1400)])
    campus.work()

    assert campus.hours("a", DAY)[0] == 400
    assert campus.sql("select value from reading order by measured_at")[1] == (1_800_000_000_000_000_000,)
    assert [row[0] for row in campus.sql("select reason from reading_verdict")] == ["range", "range"]


def test_c22_a_virtual_point_is_unknown_until_every_input_is_there(campus):
    for code in ("total", "a", "b"):
        campus.meter(code)
    campus.virtual("rest", total=1, a=-1, b=-1)
    for code, hourly in (("total", 1000), ("a", 300)):
        campus.feed(code, [(quarter(number), 50_000 + number * hourly // 4) for number in range(0, 96, 4)])
    campus.work()
    assert campus.day("rest", DAY) is None

    campus.feed("b", [(quarter(number), 50_000 + number * 200 // 4) for number in range(0, 96, 4)])
    campus.work()

    assert campus.hours("rest", DAY)[:3] == [500, 500, 500]
    assert campus.day("rest", DAY) == 23 * 500 == campus.month("rest", "2025-03")


def test_c22_a_virtual_point_of_a_virtual_point_follows(campus):
    for code in ("total", "a"):
        campus.meter(code)
    campus.virtual("rest", total=1, a=-1)
    campus.virtual("twice", rest=1, total=1)
    for code, value in (("total", 1000), ("a", 300)):
        campus.feed(code, [(f"{DAY} 00:00", 0), (f"{DAY} 01:00", value)])
        campus.work()

    assert (campus.day("rest", DAY), campus.day("twice", DAY)) == (700, 1700)


def test_virtual_points_of_each_other_are_told_and_not_computed(campus):
    campus.meter("a")
    campus.virtual("x", a=1)
    campus.virtual("y", x=1)
    campus.sql("insert into virtual_term (point, input, coefficient) values ('x', 'y', 1)")
    campus.feed("a", [(f"{DAY} 00:00", 0), (f"{DAY} 01:00", 1000)])
    campus.work()

    assert campus.day("x", DAY) is None
    assert campus.findings() == [("virtual.cycle", "x"), ("virtual.cycle", "y")]


def test_c23_a_negative_rest_stays_negative_and_is_told(campus):
    campus.meter("total")
    campus.meter("children")
    campus.virtual("rest", total=1, children=-1)
    campus.feed("total", [(f"{DAY} 00:00", 0), (f"{DAY} 01:00", 10_000)])
    campus.feed("children", [(f"{DAY} 00:00", 0), (f"{DAY} 01:00", 10_400)])
    campus.work()
    assert campus.day("rest", DAY) == -400
    assert campus.findings() == [("residual.negative", "rest")]

    campus.feed("total", [(f"{DAY} 01:30", 10_500)])
    campus.feed("children", [(f"{DAY} 01:30", 10_410)])
    campus.work()

    assert campus.day("rest", DAY) == 90
    assert campus.findings() == []


def test_c24_a_moved_point_counts_where_it_hung_on_the_day(campus):
    campus.meter("s", place="b1")
    campus.feed("s", [(f"2025-05-{day:02d} 00:00", day * 1000) for day in range(1, 32)])
    campus.feed("s", [(f"2025-06-{day:02d} 00:00", 31_000 + day * 1000) for day in range(1, 31)])
    campus.feed("s", [("2025-07-01 00:00", 62_000)])
    campus.work()
    may, total = campus.place_month("b1", "2025-05"), campus.place_month("campus", "2025-06")

    campus.sql("update point_position set valid_to = '2025-06-15' where point = 's'")
    campus.sql("insert into point_position (point, place, valid_from) values ('s', 'b2', '2025-06-15')")
    campus.dirty_places(["b1", "b2"], "2025-06-15", None)
    campus.work()

    assert (campus.place_month("b1", "2025-06"), campus.place_month("b2", "2025-06")) == (14_000, 16_000)
    assert campus.place_month("b1", "2025-05") == may == 31_000
    assert campus.place_month("campus", "2025-06") == total == 30_000
    assert campus.place("b1", "2025-06-15") is None


def test_c25_a_point_below_another_is_not_counted_twice(campus):
    campus.meter("main", place="b1")
    campus.meter("room", place="b1-101", upstream="main")
    campus.meter("other", place="b2", upstream="main")
    campus.meter("control", place="b1", role="check")
    campus.meter("water", place="b1", medium="water", upstream="main")
    for code, value in (("main", 1000), ("room", 300), ("other", 50), ("control", 1001), ("water", 7)):
        campus.feed(code, [(f"{DAY} 00:00", 0), (f"{DAY} 01:00", value)])
    campus.work()

    assert {place: campus.place(place, DAY) for place in ("b1", "b2", "campus")} == {"b1": 1000, "b2": 50, "campus": 1000}
    assert campus.place("b1", DAY, "water") == 7
    assert campus.sql("select points from place_day where place = 'b1' and medium = 'electricity'") == [(1,)]


@pytest.mark.parametrize("seed", range(6))
def test_c31_a_month_computed_anew_is_what_arrived_piece_by_piece(campus, seed):
    chance = random.Random(seed)
    campus.point("p", place="b1-101")
    campus.stand("p", "old", "2025-03-01 00:00", "2025-03-09 10:20", ct=40, rollover=100_000, **chance.choice([{"closing": 99_990}, {}]))
    campus.stand("p", "new", "2025-03-09 10:20", ct=60, denominator=7)
    campus.meter("q", place="b1")
    campus.virtual("v", q=1, p=-1)
    pieces = campus.random_pieces(chance, {"old": (1, 9), "new": (9, 20), "q": (1, 20)})
    for device, rows in pieces:
        campus.feed(device, rows)
        if chance.random() < 0.6:
            campus.work()
    campus.work()
    incremental = campus.everything()

    campus.start_over()
    campus.work()

    assert campus.everything() == incremental
    assert len(incremental["consumption_day"]) > 40


def test_c8_c16_what_a_closed_month_would_differ_by_is_entered_into_the_open_one(campus):
    campus.meter("a", place="b1")
    campus.feed("a", [(f"2025-03-{day:02d} 00:00", day * 1000 - 1000) for day in range(1, 32)])
    campus.feed("a", [("2025-04-02 00:00", 34_000), ("2025-04-10 00:00", 41_000)])
    campus.work()
    assert campus.close("2025-03").closed

    campus.feed("a", [("2025-04-01 00:00", 31_500)])
    campus.work()
    campus.sql("update installation set ct = 2 where device = 'a'")
    campus.dirty(["a"], None, None, "ratio corrected")
    campus.work()

    assert campus.sql("select closed_month::text, into_month::text, value, rates, reason from adjustment order by id") == [
        ("2025-03-01", "2025-04-01", -500, [0, 0, -500, 0, 0], "late readings"),
        ("2025-03-01", "2025-04-01", 31_500, [0, 0, 31_500, 0, 0], "ratio corrected"),
    ]
    assert [campus.reported("a", month) for month in ("2025-03", "2025-04")] == [(32_000, 0, True), (19_000, 31_000, False)]
    assert campus.month("a", "2025-03") == 32_000 - 500 + 31_500
    assert [item.value for item in campus.place_months("b1", "2025-03", "2025-04")] == [32_000, 19_000]
    assert campus.check().mismatches == []

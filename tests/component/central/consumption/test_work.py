"""The job: from stored readings to day, month and place rows."""

from __future__ import annotations

import random
from datetime import date

import pytest

from central.consumption.marks import put_mark, withdraw_mark
from central.consumption.report import Step
from central.consumption.tariffs import put_tariff
from central.consumption.work import run_round
from protocol.reading import Quality

DAY = "2025-03-02"


def test_two_readings_become_a_day_a_month_and_sums_of_places(campus):
    campus.meter("a", place="b1-101")
    campus.feed("a", [("2025-03-02 00:00", 100_000), ("2025-03-02 01:00", 101_500)])

    done = campus.work()

    assert (done.points, done.days, done.failed) == (1, 1, 0)
    assert campus.hours("a", "2025-03-02")[:2] == [1500, None]
    assert campus.month("a", "2025-03") == 1500
    assert [campus.place(place, "2025-03-02") for place in ("campus", "b1", "b1-101", "b2")] == [1500, 1500, None, None]


def test_a_point_that_cannot_be_computed_stops_no_other_and_is_tried_later(campus):
    campus.meter("a", numerator=10**15)
    campus.meter("b")
    for code in ("a", "b"):
        campus.feed(code, [(f"{DAY} 00:00", 0), (f"{DAY} 01:00", 1000)])

    done = campus.work()

    assert (done.points, done.failed) == (2, 1)
    assert (campus.day("a", DAY), campus.day("b", DAY)) == (None, 1000)
    assert campus.findings() == [("computation.failed", "a")]
    assert campus.sql("select noted_at > now() from dirty") == [(True,)]

    campus.sql("update installation set numerator = 1 where device = 'a'")
    campus.sql("update dirty set noted_at = now() - interval '1 second'")
    campus.work()

    assert campus.day("a", DAY) == 1000
    assert campus.findings() == []
    assert campus.sql("select count(*) from dirty") == [(0,)]


def test_a_round_that_dies_is_done_again_with_the_same_result(campus, monkeypatch):
    campus.meter("a")
    campus.meter("b")
    for code in ("a", "b"):
        campus.feed(code, [(f"{DAY} 00:00", 0), (f"{DAY} 01:00", 1000)])
    monkeypatch.setattr("central.consumption.work.GROUP_POINTS", 1)
    calls = iter([None])

    def dies() -> None:
        if next(calls, "over") == "over":
            raise ConnectionError("power failure")

    with pytest.raises(ConnectionError):
        run_round(campus.conn, dies)
    campus.conn.rollback()
    assert campus.sql("select count(*) from consumption_day") == [(1,)]
    campus.work()

    assert campus.sql("select value, version from consumption_day") == [(1000, 1), (1000, 1)]
    assert campus.place("campus", DAY) == 2000


def test_a_marked_interval_is_shown_as_estimated_until_the_mark_is_withdrawn(campus, local):
    campus.meter("a")
    campus.feed("a", [(f"{DAY} {number // 4:02d}:{number % 4 * 15:02d}", number * 100) for number in range(96)])
    campus.work()
    assert campus.quality("a", DAY)[:4] == ["measured"] * 4

    start, end = (int(local(f"{DAY} {hour}").timestamp() * 1000) for hour in ("01:00", "02:00"))
    number = put_mark(campus.conn, "a", start, end, "filled in", "tester")
    campus.work()
    assert campus.quality("a", DAY)[:3] == ["measured", "measured", "measured"]
    quarters = campus.quality("a", DAY, Step.QUARTER)[3:9]
    withdraw_mark(campus.conn, number)
    campus.work()

    assert quarters == ["measured", "estimated", "estimated", "estimated", "estimated", "measured"]
    assert campus.quality("a", DAY, Step.QUARTER)[3:9] == ["measured"] * 6


def test_a_tariff_splits_what_was_computed_before_it_was_known(campus):
    campus.meter("a", place="b1")
    campus.feed("a", [(f"{DAY} {hour:02d}:00", hour * 100) for hour in range(24)])
    campus.work()
    periods = [{"from": "00:00", "to": "08:00", "rate": "valley"}, {"from": "08:00", "to": "24:00", "rate": "peak"}]
    body = {
        "source": "test", "prices": {"valley": 3000, "peak": 9000},
        "plans": [{"months": list(range(1, 13)), "kinds": ["workday", "weekend", "holiday"], "periods": periods}],
    }  # fmt: skip

    put_tariff(campus.conn, "Asia/Shanghai", "electricity", date(2025, 3, 1), body, "tester")
    campus.work()

    split = [0, 1500, 0, 800, 0]
    for table in ("consumption_day", "consumption_month", "place_day", "place_month"):
        assert {tuple(row[0]) for row in campus.sql(f"select rates from {table}")} == {tuple(split)}


def test_readings_without_a_trusted_clock_are_not_counted(campus):
    campus.meter("a")
    campus.feed("a", [(f"{DAY} 00:00", 0), (f"{DAY} 02:00", 2000)])
    campus.feed("a", [(f"{DAY} 01:00", 1900)], Quality.CLOCK_UNSURE)
    campus.work()

    assert campus.hours("a", DAY)[:2] == [1000, 1000]


def test_more_than_a_task_holds_is_done_in_pieces(campus, monkeypatch):
    campus.meter("a")
    campus.feed("a", [(f"2025-{month:02d}-01 00:00", month * 31_000) for month in range(1, 12)])
    campus.work()
    before = campus.everything()
    monkeypatch.setattr("central.consumption.work.TASK_DAYS", 20)

    campus.start_over()
    done = campus.work()

    assert done.points > 10
    assert campus.everything() == before


def test_a_late_reading_that_holds_up_those_after_it_is_followed_to_where_nothing_differs(campus):
    campus.meter("a")
    rows = [(f"2025-03-01 {hour:02d}:00", value) for hour, value in ((1, 0), (2, 280), (3, 280))]
    rows += [(f"2025-03-{day:02d} {hour:02d}:00", 280 + day // 5) for day in range(2, 20) for hour in (0, 6, 12, 18)]
    campus.feed("a", rows)
    campus.work()

    campus.feed("a", [("2025-03-01 00:00", 300)])
    campus.work()
    late = campus.everything()
    campus.start_over()
    campus.work()

    assert campus.everything() == late
    assert campus.check().mismatches == []


@pytest.mark.parametrize("seed", range(12))
def test_late_readings_in_any_order_give_what_a_rebuild_gives(campus, seed):
    chance = random.Random(seed)
    campus.meter("q", place="b1")
    [rows] = [[row for _, rows in sorted(campus.random_pieces(chance, {"q": (1, 20)}), key=lambda piece: piece[1][0]) for row in rows]]
    first = chance.randrange(300)
    late = [row for row in rows[first : first + chance.choice([1, 4, 60])] if chance.random() < 0.8]
    campus.feed("q", [row for row in rows if row not in late])
    campus.work()
    for row in sorted(late, key=lambda _: chance.random()):
        campus.feed("q", [row])
        if chance.random() < 0.3:
            campus.work()
    campus.work()
    incremental = campus.everything()

    campus.start_over()
    campus.work()

    assert campus.everything() == incremental


def test_days_whose_readings_retention_removed_stay_as_they_stand(campus):
    campus.meter("a")
    campus.feed("a", [(f"2025-03-{day:02} 00:00", 1000 * day) for day in range(1, 9)])
    campus.work()
    campus.sql("update storage_state set kept_from = '2025-03-04 08:00+08'")
    campus.sql("delete from reading where measured_at < '2025-03-04 08:00+08'")
    campus.sql("update installation set numerator = 2 where device = 'a'")
    campus.dirty(["a"], None, None)

    campus.work()

    assert [campus.day("a", f"2025-03-{day:02}") for day in (2, 4, 6)] == [1000, 1000, 2000]
    assert campus.check().mismatches == []

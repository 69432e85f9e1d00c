"""The situations reports are judged by, one test each, with their numbers. Registers are Wh: 100.00 kWh = 100000."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pytest

from central.consumption.clock import Offset, clock_doubts, corrected
from central.consumption.compare import Mode, Note, Reason, Series, Term, compare, counterparts
from central.consumption.cost import cost
from central.consumption.course import judge, samples_of
from central.consumption.days import boundaries, bounds, closes, day_of, month_bounds, parse_local, quarters
from central.consumption.filled import Fill, fills
from central.consumption.freeze import Freezes, freeze_doubt
from central.consumption.model import RATES, Course, DayFigures, Integers, Samples, Spans, Stay, Verdict
from central.consumption.rounding import largest_remainder
from central.consumption.slots import Grade, day_figures, hours, period_quality, quality
from central.consumption.tariff import DayKind, kind_of, parse_tariff, rate_of_slots, version_of

ZONE = "Asia/Shanghai"
DAY = date(2025, 3, 3)
STAY = Stay(from_ms=0, until_ms=None, ratio=Fraction(1), max_per_hour=100_000)
FLAT: Integers = np.full(96, RATES.index("flat"), np.int64)


def instant(clock: str, day: date = DAY) -> int:
    return parse_local(f"{day} {clock}", ZONE)


def registers(*readings: tuple[str, int], day: date = DAY) -> Samples:
    return samples_of(np.array([instant(clock, day) for clock, _ in readings], np.int64), np.array([value for _, value in readings], np.int64))


def figures(course: Course, day: date = DAY, rates: Integers = FLAT, **more: object) -> DayFigures:
    return day_figures(day, ZONE, course.spans, course.accepted, rates, taken_ms=course.accepted.at_ms, **more)  # type: ignore[arg-type]


def quarter_hourly(day: date, rises: Integers, start: int = 0) -> Samples:
    """A reading at both ends of every quarter of an hour."""
    first_ms = bounds(day, ZONE)[0]
    return Samples(first_ms + np.arange(len(rises) + 1, dtype=np.int64) * 900_000, start + np.append(np.int64(0), np.cumsum(rises)))


def amounts(course: Course) -> list[int]:
    return course.spans.amount.tolist()


def test_c01_plain_hour_is_measured() -> None:
    course = judge(STAY, registers(("00:00", 100_000), ("01:00", 101_500)), False)
    day = figures(course)
    assert day.slots[:4].sum() == 1_500
    assert quality(day, 0, 4) is Grade.MEASURED
    assert hours(day).measured.tolist() == [True] + [False] * 23
    assert day.first == (instant("00:00"), 100_000)
    assert day.last == (instant("01:00"), 101_500)


def test_c02_rollover_counts_over_the_wrap_if_the_meter_can_have_made_it() -> None:
    samples = registers(("00:00", 999_998_000), ("01:00", 3_500))
    course = judge(replace(STAY, rollover=1_000_000_000), samples, False)
    assert amounts(course) == [5_500]
    assert [doubt.code for doubt in course.doubts] == ["register.rollover"]
    slow = judge(replace(STAY, rollover=1_000_000_000, max_per_hour=5_000), samples, False)
    assert amounts(slow) == []
    assert [doubt.code for doubt in slow.doubts] == ["register.fall"]


def test_c03_logged_replacement_counts_both_meters() -> None:
    swap_ms = instant("10:30")
    old = judge(replace(STAY, until_ms=swap_ms, closing=5_230_400), registers(("10:00", 5_230_000), ("10:45", 5_999_999)), False)
    new = judge(replace(STAY, from_ms=swap_ms, opening=12_300), registers(("10:15", 7), ("11:00", 12_800)), False)
    both = Course(_joined(old.spans, new.spans), _after(old.accepted, new.accepted), {}, (), None)
    day = figures(both)
    assert amounts(old) + amounts(new) == [400, 500]
    assert hours(day).amount[10] == 900
    assert hours(day).measured[10]
    assert day.value == 900


def test_c04_unlogged_fall_is_unknown_and_somebody_is_told() -> None:
    course = judge(STAY, registers(("00:00", 5_229_000), ("01:00", 5_230_000), ("02:00", 12_000), ("03:00", 13_000)), False)
    assert amounts(course) == [1_000, 1_000]
    assert figures(course).known_s[4:8].sum() == 0
    (doubt,) = course.doubts
    assert (doubt.code, doubt.at_ms, doubt.until_ms) == ("register.fall", instant("01:00"), instant("02:00"))
    assert doubt.data == {"from": 5_230_000, "to": 12_000}
    assert course.verdicts == {instant("02:00"): (Verdict.BASELINE, "fall")}
    assert course.pending_from_ms == instant("02:00")


def test_c04_fall_is_settled_once_two_days_have_followed() -> None:
    at_ms = instant("00:00") + np.arange(60, dtype=np.int64) * 3_600_000
    value = np.where(np.arange(60) < 3, 5_230_000, 12_000) + np.arange(60) * 100
    course = judge(STAY, Samples(at_ms, value), False)
    assert course.pending_from_ms is None
    assert len(course.doubts) == 1


def test_c05_gap_sums_exactly_and_hours_are_estimated() -> None:
    course = judge(STAY, registers(("00:00", 100_000), ("06:00", 112_000), ("24:00", 130_000)), False)
    day = figures(course)
    by_hour = hours(day)
    assert by_hour.amount[:6].tolist() == [2_000] * 6
    assert day.slots[:24].sum() == 12_000
    assert [quality(day, hour * 4, hour * 4 + 4) for hour in range(6)] == [Grade.ESTIMATED] * 6
    assert not by_hour.measured.any()
    assert quality(day, 0, 24) is Grade.MEASURED
    assert quality(day, 0, 96) is Grade.MEASURED
    assert day.value == 30_000


def test_c06_gap_over_midnight_and_month_is_split_and_adds_up() -> None:
    last, first = date(2025, 2, 28), date(2025, 3, 1)
    samples = samples_of(np.array([instant("22:00", last), instant("02:00", first)]), np.array([500_000, 504_000]))
    course = judge(STAY, samples, False)
    before, after = figures(course, last), figures(course, first)
    assert (before.value, after.value) == (2_000, 2_000)
    assert quality(before, 88, 96) is quality(after, 0, 8) is Grade.ESTIMATED
    assert period_quality([before, after], 4 * 3_600) is Grade.ESTIMATED


def test_c10_order_of_arrival_does_not_matter() -> None:
    rises = np.arange(96, dtype=np.int64) * 7
    samples = quarter_hourly(DAY, rises)
    order = list(range(97))
    random.Random(7).shuffle(order)
    mixed = figures(judge(STAY, samples_of(samples.at_ms[order], samples.value[order]), False))
    assert mixed.slots.tolist() == rises.tolist()


def test_c11_jitter_is_no_reset() -> None:
    course = judge(STAY, registers(("00:00", 100_000), ("00:15", 99_990), ("00:30", 100_020)), False)
    assert amounts(course) == [0, 20]
    assert not course.verdicts
    assert not course.doubts


def test_c12_zeros_of_a_fault_are_rejected_and_the_gap_is_counted() -> None:
    clocks = [f"{quarter // 4:02d}:{quarter % 4 * 15:02d}" for quarter in range(17)]
    values = [115_823_000, *[0] * 15, 115_969_000]
    course = judge(STAY, registers(*zip(clocks, values, strict=True)), False)
    day = figures(course)
    assert amounts(course) == [146_000]
    assert course.verdicts == {instant(clock): (Verdict.REJECTED, "dip") for clock in clocks[1:-1]}
    assert not course.doubts
    assert course.pending_from_ms is None
    assert hours(day).amount[:4].tolist() == [36_500] * 4
    assert quality(day, 0, 4) is Grade.ESTIMATED
    assert quality(day, 0, 16) is Grade.MEASURED


@pytest.mark.parametrize("garbage", [18 * 10**17, -7, 10**15 + 1])
def test_c13_garbage_leaves_its_neighbours_alone(garbage: int) -> None:
    course = judge(STAY, registers(("00:00", 100_000), ("00:15", garbage), ("00:30", 100_500)), False)
    assert amounts(course) == [500]
    assert course.verdicts == {instant("00:15"): (Verdict.REJECTED, "range")}
    assert not course.doubts


def test_c14_first_reading_of_a_used_meter_is_only_a_baseline() -> None:
    course = judge(STAY, registers(("08:00", 56_842_157_900), ("08:15", 56_842_158_000)), False)
    assert amounts(course) == [100]
    day = figures(course)
    assert day.value == 100
    assert day.known_s.sum() == 900
    assert not course.verdicts


def test_c15_ratio_change_at_14_00_uses_each_ratio_for_its_time() -> None:
    samples = registers(("00:00", 10_000), ("14:00", 10_500), ("24:00", 10_900))
    change_ms = instant("14:00")
    before = judge(replace(STAY, until_ms=change_ms, ratio=Fraction(40)), samples, False)
    after = judge(replace(STAY, from_ms=change_ms, ratio=Fraction(60)), samples, False)
    day = figures(Course(_joined(before.spans, after.spans), _after(before.accepted, after.accepted), {}, (), None))
    assert (amounts(before), amounts(after)) == ([20_000], [24_000])
    assert day.value == 44_000
    assert quality(day, 0, 96) is Grade.MEASURED


def test_c17_days_and_months_are_those_of_the_named_zone() -> None:
    stamp_ms = parse_local("2025-03-01 16:00", "UTC")
    assert day_of(stamp_ms, ZONE) == date(2025, 3, 2)
    assert day_of(stamp_ms - 1, ZONE) == date(2025, 3, 1)
    assert month_bounds(date(2025, 3, 9), ZONE) == (parse_local("2025-02-28 16:00", "UTC"), parse_local("2025-03-31 16:00", "UTC"))
    assert len(boundaries(DAY, ZONE)) == 97
    assert (len(boundaries(date(2025, 3, 30), "Europe/Berlin")), len(boundaries(date(2025, 10, 26), "Europe/Berlin"))) == (93, 101)
    assert bounds(date(1988, 4, 17), ZONE)[1] - bounds(date(1988, 4, 17), ZONE)[0] == 23 * 3_600_000


def test_c18_freeze_of_00_00_closes_the_day_before_and_24_00_is_the_same_instant() -> None:
    freeze_ms = parse_local("2025-03-02 00:00", ZONE)
    assert closes(freeze_ms, ZONE) == date(2025, 3, 1)
    assert closes(freeze_ms + 1, ZONE) == date(2025, 3, 2)
    assert parse_local("2025-03-01 24:00", ZONE) == parse_local("2025-03-01T24:00:00", ZONE) == freeze_ms


def test_c19_price_edge_inside_an_hour_splits_by_time_and_says_estimated() -> None:
    tariff = parse_tariff(_tariff(("00:00", "10:30", "valley"), ("10:30", "24:00", "peak")), "t")
    rates = rate_of_slots(tariff, DAY, DayKind.WORKDAY, quarters(DAY, ZONE))
    hourly = figures(judge(STAY, registers(("10:00", 100_000), ("11:00", 101_001)), False), rates=rates)
    assert hourly.rates.tolist() == [0, 501, 0, 500, 0]
    assert hourly.rates.sum() == hourly.value == 1_001
    assert (quality(hourly, 40, 42), quality(hourly, 40, 44)) == (Grade.ESTIMATED, Grade.MEASURED)
    quarterly = registers(("10:00", 100_000), ("10:15", 100_100), ("10:30", 100_200), ("10:45", 100_900), ("11:00", 101_001))
    split = figures(judge(STAY, quarterly, False), rates=rates)
    assert split.rates.tolist() == [0, 801, 0, 200, 0]
    assert quality(split, 40, 42) is Grade.MEASURED


def test_c20_new_price_at_local_midnight_prices_every_kwh_once() -> None:
    old, new = parse_tariff(_tariff(prices={"flat": 5_000}), "old"), parse_tariff(_tariff(prices={"flat": 6_000}), "new")
    versions = [(date(2024, 1, 1), old), (date(2025, 7, 1), new)]
    last, first = date(2025, 6, 30), date(2025, 7, 1)
    samples = samples_of(np.array([instant("00:00", last), instant("24:00", last), instant("24:00", first)]), np.array([0, 10_000, 14_000]))
    course = judge(STAY, samples, False)
    parts = []
    for day in (last, first):
        version = version_of(versions, day)
        assert version is not None
        rates = rate_of_slots(version[1], day, kind_of(day, {}), quarters(day, ZONE))
        parts.append((version[1], figures(course, day, rates).rates))
    priced = cost(parts)
    assert [(line.energy_wh, line.price, line.fen) for line in priced.lines] == [(10_000, 5_000, 500), (4_000, 6_000, 240)]
    assert priced.total_fen == 740
    assert version_of(versions, date(2023, 12, 31)) is None


def test_c20_holidays_and_deep_valley_have_their_own_months() -> None:
    everyday = {"kinds": ["workday", "weekend"], "months": list(range(1, 13)), "periods": [_period("00:00", "24:00", "flat")]}
    ordinary = {"kinds": ["holiday"], "months": [3, 4, 6, 7, 8, 9, 11, 12], "periods": [_period("00:00", "24:00", "valley")]}
    deep = [_period("00:00", "11:00", "valley"), _period("11:00", "14:00", "deep_valley"), _period("14:00", "24:00", "valley")]
    festival = {"kinds": ["holiday"], "months": [1, 2, 5, 10], "periods": deep}
    body = {"source": "notice", "prices": {"flat": 3, "valley": 2, "deep_valley": 1}, "plans": [everyday, ordinary, festival]}
    tariff = parse_tariff(body, "t")
    calendar = {date(2025, 1, 29): "holiday", date(2025, 1, 26): "workday", date(2025, 4, 4): "holiday"}
    names = [
        RATES[rate_of_slots(tariff, day, kind_of(day, calendar), quarters(day, ZONE))[48]]
        for day in (date(2025, 1, 29), date(2025, 1, 26), date(2025, 4, 4), date(2025, 1, 30))
    ]
    assert names == ["deep_valley", "flat", "valley", "flat"]


def test_c21_lines_sum_to_the_printed_total() -> None:
    thirds = [Fraction(3333, 100)] * 3  # 0.3333 yuan in fen
    assert largest_remainder(thirds, 100) == [34, 33, 33]
    tariff = parse_tariff(_tariff(("00:00", "08:00", "valley"), ("08:00", "16:00", "flat"), ("16:00", "24:00", "peak"), prices=3_333), "t")
    priced = cost([(tariff, np.array([0, 1_000, 1_000, 1_000, 0]))])
    assert [line.fen for line in priced.lines] == [34, 33, 33]
    assert priced.total_fen == 100


def test_c26_coverage_is_shown_and_only_common_hours_are_compared() -> None:
    whole = np.full(24, 3_600, np.int64)
    partly = np.where(np.arange(24) < 20, 3_600, 0)
    now, then = Series(np.where(partly, 1_100, 0), partly), Series(np.full(24, 1_000, np.int64), whole)
    found = compare(now, then)
    assert (found.value, found.coverage_percent, found.base_coverage_percent) == (22_000, 83, 100)
    assert (found.common_value, found.common_base, found.common_hours) == (22_000, 20_000, 20)
    assert (found.change_permille, found.reason) == (None, Reason.COVERAGE)
    full = compare(Series(np.full(24, 1_514, np.int64), whole), then)
    assert (full.change_permille, full.reason) == (514, None)
    assert compare(then, Series(np.zeros(24, np.int64), whole)).reason is Reason.ZERO


def test_c27_slots_agree_with_the_freezes_to_one_register_step() -> None:
    course = judge(STAY, quarter_hourly(DAY, np.full(96, 250, np.int64), 100_000), False)
    day = figures(course)
    assert freeze_doubt(day, ZONE, course.spans, Freezes(100_000, 124_010, 10), Fraction(1)) is None
    doubt = freeze_doubt(day, ZONE, course.spans, Freezes(100_000, 124_020, 10), Fraction(1))
    assert doubt is not None
    assert (doubt.code, doubt.at_ms, doubt.data["slots"], doubt.data["freezes"]) == ("register.freeze", instant("00:00"), 24_000, 24_020)


def test_c27_day_that_is_not_measured_is_not_compared() -> None:
    course = judge(STAY, registers(("06:00", 100_000), ("12:00", 101_000)), False)
    assert freeze_doubt(figures(course), ZONE, course.spans, Freezes(0, 24_000, 10), Fraction(1)) is None


def test_c27_what_passed_over_an_unread_midnight_is_allowed_for() -> None:
    samples = quarter_hourly(DAY - timedelta(days=1), np.full(3 * 96, 250, np.int64), 100_000)
    course = judge(STAY, Samples(samples.at_ms + 120_000, samples.value), False)
    day = figures(course)
    assert day.value == 24_000
    assert freeze_doubt(day, ZONE, course.spans, Freezes(0, 24_510, 10), Fraction(1)) is None
    assert freeze_doubt(day, ZONE, course.spans, Freezes(0, 24_511, 10), Fraction(1)) is not None


def test_c28_fast_clock_is_corrected_before_readings_are_sorted_into_days() -> None:
    stamps = np.array([instant("00:05"), instant("00:20")])
    offset = Offset(instant("00:00"), None, 7 * 60_000)
    true_ms = corrected(stamps, [offset])
    assert [day_of(at_ms, ZONE) for at_ms in true_ms.tolist()] == [DAY - timedelta(days=1), DAY]
    assert stamps.tolist() == [instant("00:05"), instant("00:20")]
    assert [doubt.data for doubt in clock_doubts([offset, Offset(0, 1, -5 * 60_000), Offset(1, 2, -5 * 60_000 - 1)])] == [
        {"offset_ms": 420_000},
        {"offset_ms": -300_001},
    ]


def test_c28_offset_holds_only_for_its_time() -> None:
    stamps = np.array([10, 20, 30])
    assert corrected(stamps, [Offset(20, 30, 5)]).tolist() == [10, 15, 30]


def test_c29_seven_meters_filled_for_13_and_a_half_days_are_marked_and_estimated() -> None:
    steps, first, last = 20 * 96, 3 * 96, 3 * 96 + 13 * 96 + 48
    series, rng = {}, np.random.default_rng(29)
    for point in range(10):
        rises = rng.integers(50, 900, steps)
        if point < 7:
            rises[first:last] = 300 + point
        series[point] = quarter_hourly(DAY, rises)
    start_ms, end_ms = bounds(DAY, ZONE)[0] + first * 900_000, bounds(DAY, ZONE)[0] + last * 900_000
    found = fills(series)
    assert found == [Fill(point, start_ms, end_ms) for point in range(7)]
    course, inside = judge(STAY, series[0], False), DAY + timedelta(days=5)
    day = figures(course, inside, marks=[(one.from_ms, one.to_ms) for one in found if one.point == 0])
    assert day.value == 300 * 96
    assert quality(day, 0, 96) is Grade.ESTIMATED
    assert not hours(day).measured.any()
    assert hours(figures(course, inside)).measured.all()


def test_c30_29_february_and_spring_festival_say_what_they_are_compared_with() -> None:
    festivals = {date(2024, 2, 10): "holiday", date(2025, 1, 29): "holiday"}
    terms = [
        Term("autumn", date(2023, 9, 4), date(2024, 1, 14)),
        Term("spring", date(2023, 2, 13), date(2023, 7, 2)),
        Term("spring", date(2024, 2, 26), date(2024, 7, 7)),
    ]

    def one(day: date, mode: Mode) -> tuple[date | None, Note | None, int | None]:
        (found,) = counterparts([day], mode, lambda other: kind_of(other, festivals), terms)
        assert (found.day, found.mode) == (day, mode)
        return found.base, found.note, found.week

    leap = date(2024, 2, 29)
    assert one(leap, Mode.SAME_DATE) == (None, Note.NO_SUCH_DATE, None)
    assert one(leap, Mode.WEEKDAY) == (date(2023, 3, 2), None, None)
    assert one(leap, Mode.TERM_WEEK) == (date(2023, 2, 16), None, 1)
    festival = date(2025, 1, 29)
    assert one(festival, Mode.SAME_DATE) == (date(2024, 1, 29), Note.OTHER_KIND, None)
    assert one(festival, Mode.WEEKDAY) == (date(2024, 1, 31), Note.OTHER_KIND, None)
    assert one(festival, Mode.TERM_WEEK) == (None, Note.NO_TERM, None)
    assert one(date(2023, 10, 11), Mode.TERM_WEEK) == (None, Note.NO_TERM, 6)


def test_late_readings_change_the_hours_and_not_the_day() -> None:
    sparse = registers(("00:00", 100_000), ("06:00", 112_000), ("24:00", 130_000))
    late = registers(("01:00", 100_500), ("02:00", 101_000), ("03:00", 105_000), ("04:00", 110_000), ("05:00", 111_000))
    before = figures(judge(STAY, sparse, False))
    both = samples_of(np.concatenate([sparse.at_ms, late.at_ms]), np.concatenate([sparse.value, late.value]))
    after = figures(judge(STAY, both, False))
    assert hours(after).amount[:6].tolist() == [500, 500, 4_000, 5_000, 1_000, 1_000]
    assert hours(after).measured[:6].all()
    assert after.value == before.value == 30_000


def _joined(first: Spans, second: Spans) -> Spans:
    columns = ("start_ms", "end_ms", "amount")
    return Spans(*(np.concatenate([getattr(first, column), getattr(second, column)]) for column in columns))


def _after(first: Samples, second: Samples) -> Samples:
    return Samples(np.concatenate([first.at_ms, second.at_ms]), np.concatenate([first.value, second.value]))


def _period(start: str, end: str, rate: str) -> dict[str, str]:
    return {"from": start, "to": end, "rate": rate}


def _tariff(*periods: tuple[str, str, str], prices: dict[str, int] | int = 5_000) -> dict[str, object]:
    """A tariff body with one plan for every day; `prices`: one for all rates, or each."""
    rows = [_period(*period) for period in periods or [("00:00", "24:00", "flat")]]
    each = prices if isinstance(prices, dict) else {row["rate"]: prices for row in rows}
    plan = {"months": list(range(1, 13)), "kinds": ["workday", "weekend", "holiday"], "periods": rows}
    return {"source": "notice", "prices": each, "plans": [plan]}

"""The rules registers are judged by, one example each; the numbered cases are in test_cases.py."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from central.consumption.course import judge
from central.consumption.model import LOOK_AHEAD_MS, Course, Samples, Stay, Verdict

HOUR_MS = 3_600_000
STAY = Stay(from_ms=0, until_ms=None, ratio=Fraction(1), max_per_hour=10_000)


def hourly(*values: int) -> Samples:
    return Samples(np.arange(len(values), dtype=np.int64) * HOUR_MS, np.array(values, np.int64))


def verdicts(course: Course) -> dict[int, str]:
    """Hour -> verdict and reason."""
    return {at_ms // HOUR_MS: f"{verdict.value} {reason}" for at_ms, (verdict, reason) in course.verdicts.items()}


def test_rise_is_plausible_up_to_the_most_of_the_time_and_the_jitter() -> None:
    assert judge(STAY, hourly(0, 10_020), False).spans.amount.tolist() == [10_020]
    assert judge(STAY, hourly(0, 10_021), False).spans.amount.tolist() == []
    assert judge(STAY, Samples(np.array([0, 10 * HOUR_MS]), np.array([0, 100_020])), False).spans.amount.tolist() == [100_020]


def test_fall_of_the_jitter_is_held_and_one_more_is_a_fall() -> None:
    assert verdicts(judge(STAY, hourly(1_000, 980, 981), False)) == {}
    assert verdicts(judge(STAY, hourly(1_000, 979, 979), False)) == {1: "baseline fall"}


def test_held_readings_do_not_let_the_register_slide() -> None:
    course = judge(STAY, hourly(1_000, 990, 985, 1_005), False)
    assert course.accepted.value.tolist() == [1_000, 1_000, 1_000, 1_005]
    assert course.spans.amount.tolist() == [0, 0, 5]
    assert judge(STAY, hourly(1_000, 985, 990, 1_005), False).accepted.value.tolist() == [1_000, 1_000, 1_000, 1_005]


def test_noise_is_no_wrap() -> None:
    assert verdicts(judge(replace(STAY, rollover=1_000_000), hourly(1_000, 990, 1_005), False)) == {}


def test_spike_is_rejected_and_counting_goes_on() -> None:
    course = judge(STAY, hourly(1_000, 900_000, 1_200, 1_300), False)
    assert verdicts(course) == {1: "rejected spike"}
    assert course.spans.amount.tolist() == [200, 100]
    assert course.pending_from_ms is None


def test_small_spike_the_meter_could_have_made_is_rejected_by_what_follows() -> None:
    course = judge(STAY, hourly(1_000, 1_100, 4_000, 1_200, 1_300), False)
    assert verdicts(course) == {2: "rejected spike"}
    assert course.spans.amount.tolist() == [100, 100, 100]
    assert not course.doubts


def test_dip_after_a_fair_rise_rejects_the_dip_not_the_rise() -> None:
    course = judge(STAY, hourly(1_000, 1_100, 4_000, 1_200, 4_100), False)
    assert verdicts(course) == {3: "rejected dip"}
    assert course.spans.amount.tolist() == [100, 2_900, 100]


def test_small_spike_at_the_end_of_what_is_known_stays_open() -> None:
    course = judge(STAY, hourly(1_000, 1_100, 4_000, 1_200), False)
    assert verdicts(course) == {2: "rejected spike"}
    assert course.pending_from_ms == 2 * HOUR_MS


def test_stuck_register_is_no_new_level_even_where_the_way_back_is_plausible() -> None:
    course = judge(STAY, hourly(3_000, 0, 0, 0, 3_500, 3_600), False)
    assert verdicts(course) == {1: "rejected dip", 2: "rejected dip", 3: "rejected dip"}
    assert course.spans.amount.tolist() == [500, 100]


def test_register_that_climbs_from_a_fall_counts_on_its_new_level_past_the_old_one() -> None:
    course = judge(STAY, hourly(3_000, 0, 1_000, 2_000, 3_000, 4_000), False)
    assert verdicts(course) == {1: "baseline fall"}
    assert course.spans.amount.tolist() == [1_000] * 4
    assert [(doubt.code, doubt.at_ms, doubt.until_ms) for doubt in course.doubts] == [("register.fall", 0, HOUR_MS)]


def test_garbage_before_and_in_a_new_level_is_no_level_of_its_own() -> None:
    course = judge(STAY, hourly(500_000, 10**12, 700, 800, 10**9, 900, 1_000), False)
    assert verdicts(course) == {1: "rejected spike", 2: "baseline fall", 4: "rejected spike"}
    assert course.spans.amount.tolist() == [100, 100, 100]


def test_garbage_in_a_level_that_climbs_does_not_bring_the_old_one_back() -> None:
    course = judge(STAY, hourly(3_000, 0, 1_000, 2_000, 10**9, 3_100), False)
    assert verdicts(course) == {1: "baseline fall", 4: "rejected spike"}


def test_counting_goes_on_after_garbage_over_a_wrap() -> None:
    course = judge(replace(STAY, rollover=1_000_000), hourly(999_900, 500_000, 50, 60), False)
    assert verdicts(course) == {1: "rejected dip"}
    assert course.spans.amount.tolist() == [150, 10]


def test_counting_goes_on_after_garbage_with_the_most_of_the_time_and_the_jitter() -> None:
    assert judge(STAY, hourly(0, 10**9, 20_020), False).spans.amount.tolist() == [20_020]
    assert judge(STAY, hourly(0, 10**9, 20_021), False).spans.amount.tolist() == []


def test_alternating_garbage_is_rejected() -> None:
    course = judge(STAY, hourly(1_000, 10**9, 1_100, 3, 1_200, 10**8, 0, 1_300), False)
    assert course.spans.amount.tolist() == [100, 100, 100]
    assert set(verdicts(course)) == {1, 3, 5, 6}
    assert not course.doubts


def test_jump_to_a_level_that_stays_is_a_baseline() -> None:
    course = judge(STAY, hourly(1_000, 800_000, 800_100), False)
    assert verdicts(course) == {1: "baseline jump"}
    assert course.spans.amount.tolist() == [100]
    assert course.doubts[0].data == {"from": 1_000, "to": 800_000}
    assert course.pending_from_ms == HOUR_MS


def test_register_back_after_the_look_ahead_is_another_level() -> None:
    hours = LOOK_AHEAD_MS // HOUR_MS
    within = judge(STAY, hourly(500_000, *[0] * hours, 500_100), False)
    assert within.spans.amount.tolist() == [100]
    beyond = judge(STAY, hourly(500_000, *[0] * (hours + 1), 500_100), False)
    assert verdicts(beyond) == {1: "baseline fall", hours + 2: "baseline jump"}


def test_lone_garbage_before_a_long_gap_is_rejected_all_the_same() -> None:
    samples = Samples(np.array([0, 1, 90, 91]) * HOUR_MS, np.array([1_000, 10**9, 2_000, 2_100]))
    course = judge(STAY, samples, False)
    assert verdicts(course) == {1: "rejected spike"}
    assert course.spans.amount.tolist() == [1_000, 100]


def test_meter_that_counts_backwards_counts_nothing_and_is_one_doubt() -> None:
    course = judge(STAY, hourly(*range(90_000, 80_000, -100)), False)
    assert course.spans.amount.tolist() == []
    (doubt,) = course.doubts
    assert (doubt.at_ms, doubt.until_ms, doubt.data) == (0, 99 * HOUR_MS, {"from": 90_000, "to": 80_100})


def test_zero_that_looks_like_a_wrap_is_rejected_with_its_doubt() -> None:
    course = judge(replace(STAY, rollover=1_000_000), hourly(999_000, 999_100, 0, 999_200, 999_300), False)
    assert verdicts(course) == {2: "rejected dip"}
    assert course.spans.amount.tolist() == [100, 100, 100]
    assert not course.doubts


def test_value_the_register_cannot_show_is_rejected() -> None:
    course = judge(replace(STAY, rollover=1_000_000), hourly(999_000, 1_000_000, 999_999), False)
    assert verdicts(course) == {1: "rejected range"}


def test_wrap_is_counted_with_the_ratio_of_the_whole_register() -> None:
    course = judge(replace(STAY, rollover=1_000, ratio=Fraction(1, 3)), hourly(998, 4), False)
    assert course.spans.amount.tolist() == [1_004 // 3 - 998 // 3]


def test_opening_and_closing_registers_count_from_and_to_the_ends_of_the_stay() -> None:
    stay = replace(STAY, from_ms=HOUR_MS // 2, until_ms=5 * HOUR_MS // 2, opening=900, closing=1_250)
    course = judge(stay, hourly(800, 1_000, 1_200, 1_300), False)
    assert course.spans.amount.tolist() == [100, 200, 50]
    assert course.accepted.at_ms.tolist() == [HOUR_MS // 2, HOUR_MS, 2 * HOUR_MS, 5 * HOUR_MS // 2]


def test_what_was_written_down_stands_for_what_was_read_at_that_instant() -> None:
    stay = replace(STAY, until_ms=2 * HOUR_MS, opening=900, closing=1_250)
    assert judge(stay, hourly(899, 1_000, 1_260), False).accepted.value.tolist() == [900, 1_000, 1_250]


def test_stay_without_readings_is_known_from_its_ends() -> None:
    stay = replace(STAY, until_ms=2 * HOUR_MS, opening=900, closing=1_250)
    assert judge(stay, hourly(), False).spans.amount.tolist() == [350]
    assert judge(STAY, hourly(), False).spans.amount.tolist() == []


def test_impossible_closing_register_is_a_doubt_and_no_verdict_on_a_reading() -> None:
    course = judge(replace(STAY, until_ms=2 * HOUR_MS, closing=10), hourly(5_000, 5_100), False)
    assert [doubt.code for doubt in course.doubts] == ["register.fall"]
    assert course.verdicts == {}
    assert course.pending_from_ms is None


def test_anchor_takes_the_place_of_the_opening_register() -> None:
    stay = replace(STAY, opening=0)
    assert judge(stay, Samples(np.array([HOUR_MS, 2 * HOUR_MS]), np.array([500, 700])), True).spans.amount.tolist() == [200]


def test_very_long_gap_of_a_very_large_meter_does_not_overflow() -> None:
    year_ms = 8_760 * HOUR_MS
    stay = replace(STAY, max_per_hour=10**12)
    samples = Samples(np.array([0, HOUR_MS, 3 * year_ms]), np.array([0, 2 * 10**12, 10**15]))
    assert judge(stay, samples, False).spans.amount.tolist() == [10**15]


@pytest.mark.parametrize("verdict", list(Verdict))
def test_verdicts_are_the_words_the_table_allows(verdict: Verdict) -> None:
    assert verdict.value in ("rejected", "baseline")

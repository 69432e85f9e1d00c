"""Learned time-outs: twice the 99th percentile of the delays seen, clamped; the profile's value before and after a miss."""

from __future__ import annotations

import pytest

from edge_agent.lines.timeouts import ENOUGH, KEPT, ReplyDelays, percentile


def learned(delay_s: float, count: int = ENOUGH) -> ReplyDelays:
    delays = ReplyDelays()
    for _ in range(count):
        delays.answered(delay_s)
    return delays


@pytest.mark.parametrize(("delay_s", "first_byte_s"), [(0.05, 0.2), (0.3, 0.6), (0.9, 1.0)])
def test_first_byte_may_take_twice_the_delay_seen_within_limits(delay_s: float, first_byte_s: float) -> None:
    assert learned(delay_s).first_byte_s(profile_s=0.7) == pytest.approx(first_byte_s)


def test_profile_counts_until_enough_is_seen() -> None:
    assert learned(0.05, ENOUGH - 1).first_byte_s(profile_s=0.7) == 0.7


def test_profile_counts_for_the_try_after_a_miss() -> None:
    delays = learned(0.05)
    delays.missed()
    assert delays.first_byte_s(profile_s=0.7) == 0.7
    delays.answered(0.05)
    assert delays.first_byte_s(profile_s=0.7) == 0.2


def test_one_slow_reply_of_many_does_not_count_but_two_in_a_hundred_do() -> None:
    assert percentile([0.05] * 99 + [0.4], 0.99) == 0.05
    assert percentile([0.05] * 98 + [0.4] * 2, 0.99) == 0.4


def test_fresh_meter_gets_the_profiles_time() -> None:
    assert ReplyDelays().first_byte_s(profile_s=0.7) == 0.7


@pytest.mark.parametrize(("slow", "first_byte_s"), [(1, 0.2), (2, 0.8)])
def test_one_slow_reply_among_those_kept_does_not_lengthen_the_wait_but_two_do(slow: int, first_byte_s: float) -> None:
    delays = learned(0.05, KEPT - slow)
    for _ in range(slow):
        delays.answered(0.4)

    assert delays.first_byte_s(profile_s=0.7) == pytest.approx(first_byte_s)


def test_old_delays_are_forgotten() -> None:
    delays = learned(0.4)
    for _ in range(KEPT):
        delays.answered(0.05)

    assert delays.first_byte_s(profile_s=0.7) == 0.2


@pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.5, 2.0), (0.51, 3.0), (1.0, 4.0)])
def test_percentile_is_the_nearest_rank(share: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == value


def test_percentile_of_one_value_is_that_value() -> None:
    assert percentile([5.0], 0.01) == 5.0

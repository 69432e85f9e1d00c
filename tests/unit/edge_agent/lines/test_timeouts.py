"""Learned time-outs: twice the 99th percentile of the delays seen, clamped; the profile's value before and after a miss."""

from __future__ import annotations

import pytest

from edge_agent.lines.timeouts import ENOUGH, ReplyDelays, percentile


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


def test_nothing_seen_has_no_percentile() -> None:
    assert ReplyDelays().percentile_s(0.5) is None

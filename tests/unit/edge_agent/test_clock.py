"""When wall time is believed."""

from __future__ import annotations

import pytest

from edge_agent.clock import FLOOR_MS, TOLERANCE_MS, GuardedClock

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("now_ms", "newest_stored_ms", "trusted"),
    [
        (NOW_MS, 0, True),
        (NOW_MS, NOW_MS, True),
        (NOW_MS, NOW_MS + 4_000, True),
        (NOW_MS, NOW_MS + DAY_MS, False),
        (0, 0, False),
        (FLOOR_MS - 1, 0, False),
        (FLOOR_MS, 0, True),
        (NOW_MS, NOW_MS + TOLERANCE_MS, True),
        (NOW_MS, NOW_MS + TOLERANCE_MS + 1, False),
        (NOW_MS, NOW_MS + 366 * DAY_MS, False),
        (NOW_MS, NOW_MS + 366 * DAY_MS + 1, True),
        (NOW_MS, NOW_MS + 800 * DAY_MS, True),
    ],
)
def test_time_is_believed_above_the_floor_and_not_behind_the_newest_batch(now_ms, newest_stored_ms, trusted):
    assert GuardedClock(newest_stored_ms, lambda: now_ms).trusted() is trusted


def test_step_back_while_running_is_noticed_until_time_has_caught_up():
    now = [NOW_MS]
    clock = GuardedClock(0, lambda: now[0])
    assert clock.trusted()

    now[0] = NOW_MS - DAY_MS
    assert not clock.trusted()

    now[0] = NOW_MS + 1
    assert clock.trusted()


def test_box_that_starts_without_a_clock_remembers_its_newest_batch():
    now = [0]
    clock = GuardedClock(NOW_MS, lambda: now[0])
    assert not clock.trusted()

    now[0] = NOW_MS - DAY_MS
    assert not clock.trusted()


def test_wrong_jump_far_ahead_does_not_spoil_trust_for_ever():
    now = [NOW_MS + 800 * DAY_MS]
    clock = GuardedClock(0, lambda: now[0])
    assert clock.trusted()

    now[0] = NOW_MS
    assert clock.trusted()
    now[0] = NOW_MS - DAY_MS
    assert not clock.trusted()

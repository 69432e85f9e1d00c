"""When a report is late, and when a meter counts as silent."""

from __future__ import annotations

import pytest

from central.iot.windows import HOUR_MS, late_at_ms, meter_state, silent_at_ms


@pytest.mark.parametrize(
    ("hours", "state"), [(0, "reporting"), (25.99, "reporting"), (26, "late"), (49.99, "late"), (50, "silent"), (5000, "silent"), (-1, "reporting")]
)
def test_a_daily_meter_with_a_window_of_two_hours(hours, state):
    assert meter_state(10**12, 24, 2, 10**12 + int(hours * HOUR_MS)) == state


def test_one_that_was_never_heard_is_called_so():
    assert meter_state(None, 24, 2, 10**12) == "never"


@pytest.mark.parametrize("every_h", [1, 6, 24, 168])
def test_late_comes_before_silent(every_h):
    assert late_at_ms(0, every_h, 0) < silent_at_ms(0, every_h, 0)

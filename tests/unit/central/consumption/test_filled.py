"""Made-up readings: what is taken for a program's work, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from central.consumption.filled import Fill, fills
from central.consumption.model import Integers, Samples
from central.consumption.rounding import largest_remainder
from protocol.errors import CampusError

QUARTER_MS = 900_000
DAY_MS = 96 * QUARTER_MS


def meter(rises: Integers) -> Samples:
    return Samples(np.arange(len(rises) + 1, dtype=np.int64) * QUARTER_MS, np.append(np.int64(0), np.cumsum(rises)))


def filled_days(days: int, seed: int, even: Integers) -> Samples:
    """Two real days, `days` of `even` rises, two real days."""
    rng = np.random.default_rng(seed)
    return meter(np.concatenate([rng.integers(50, 900, 192), even[: days * 96], rng.integers(50, 900, 192)]))


def test_line_rounded_to_the_register_is_even() -> None:
    line = np.diff(np.arange(10 * 96 + 1) * 1_003 // 7)
    found = fills({point: filled_days(3, point, line) for point in range(3)})
    assert [fill.point for fill in found] == [0, 1, 2]
    assert all(abs(fill.from_ms - 2 * DAY_MS) <= QUARTER_MS and abs(fill.to_ms - 5 * DAY_MS) <= QUARTER_MS for fill in found)


def test_register_of_coarse_steps_filled_evenly_is_found_with_its_step() -> None:
    line = np.diff(np.arange(10 * 96 + 1) * 1_003 // 70) * 10
    series = {point: filled_days(3, point, line) for point in range(3)}
    assert len(fills(series, step=10)) == 3


@pytest.mark.parametrize("rise", [0, 300])
def test_meters_that_stand_still_are_not_filled(rise: int) -> None:
    series = {point: filled_days(5, point, np.full(960, rise)) for point in range(4)}
    assert bool(fills(series)) is bool(rise)


def test_too_few_meters_at_once_are_chance() -> None:
    even = np.full(960, 300)
    assert fills({point: filled_days(5, point, even) for point in range(2)}) == []
    assert len(fills({point: filled_days(5, point, even) for point in range(2)}, least_meters=2)) == 2


def test_too_short_a_time_is_chance() -> None:
    assert fills({point: filled_days(1, point, np.full(960, 300)) for point in range(5)}) == []


def test_meters_are_marked_only_while_they_are_filled_together() -> None:
    even = np.full(2_000, 300)
    series = {0: filled_days(10, 0, even), 1: filled_days(6, 1, even), 2: filled_days(4, 2, even)}
    assert fills(series) == [Fill(point, 2 * DAY_MS, 6 * DAY_MS) for point in range(3)]


def test_readings_at_uneven_times_on_one_line_are_even() -> None:
    at_ms = np.cumsum(np.tile([700_000, 900_000, 1_100_000], 100)).astype(np.int64)
    series = {point: Samples(at_ms, at_ms // 3_000) for point in range(3)}
    assert len(fills(series)) == 3


def test_more_meters_joining_and_leaving_do_not_cut_the_time_short() -> None:
    even = np.full(2_000, 300)
    series = {point: filled_days(days, point, even) for point, days in enumerate((4, 6, 8, 10, 12))}
    assert {(fill.from_ms, fill.to_ms) for fill in fills(series)} == {(2 * DAY_MS, days * DAY_MS) for days in (6, 8, 10)}


def test_time_together_begins_when_the_last_of_the_least_number_joins() -> None:
    rng = np.random.default_rng(3)
    late = meter(np.concatenate([rng.integers(50, 900, 4 * 96), np.full(4 * 96, 300)]))
    series = {0: filled_days(8, 0, np.full(2_000, 300)), 1: filled_days(8, 1, np.full(2_000, 300)), 2: late}
    assert fills(series) == [Fill(point, 4 * DAY_MS, 8 * DAY_MS) for point in range(3)]


def test_meter_without_readings_is_nothing() -> None:
    none: Integers = np.empty(0, np.int64)
    assert fills({0: Samples(none, none), 1: Samples(np.array([1]), np.array([1]))}) == []


def test_parts_are_never_made_to_fit_a_foreign_total() -> None:
    with pytest.raises(CampusError, match="cannot be rounded to a total of 3"):
        largest_remainder([], 3)

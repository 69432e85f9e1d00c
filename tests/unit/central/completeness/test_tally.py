"""Readings against due periods: any phase, jitter at the boundaries, made-up readings, stays."""

from __future__ import annotations

import numpy as np
import pytest

from central.completeness.tally import Windows, due_windows, tally
from protocol.reading import Quality

P = 900_000
DAY = (0, 96 * P)


def counts(at_ms: list[int], quality: list[int] | None = None, window: tuple[int, int] = DAY) -> tuple[int, int, int]:
    windows = Windows(*np.array([(7, *window, P)], np.int64).T)
    measured, made_up = tally(windows, np.full(len(at_ms), 7), np.array(at_ms, np.int64), np.array(quality or [0] * len(at_ms), np.int64))
    return len(measured), int(measured.sum()), int(made_up.sum())


@pytest.mark.parametrize("phase_ms", [0, 1, P // 4, P // 2, P - 1])
def test_a_whole_day_is_whole_at_any_phase(phase_ms: int):
    assert counts([n * P + phase_ms for n in range(96)]) == (96, 96, 0)


@pytest.mark.parametrize("phase_ms", [0, P // 2, P - 1])
def test_some_seconds_more_or_less_lose_nothing(phase_ms: int):
    wobble = [0, 20_000, -20_000, 5_000, -3_000]

    assert counts([n * P + phase_ms + wobble[n % 5] for n in range(96)])[1] >= 95
    assert counts([n * P + phase_ms + wobble[n % 5] for n in range(1, 95)])[1] == 94


def test_what_did_not_come_is_missing_at_any_phase():
    for phase_ms in (0, 1, P // 2, P - 1):
        assert counts([n * P + phase_ms for n in range(96) if n not in {0, 17, 18, 50, 94, 95}])[1] == 90


def test_a_line_that_cannot_keep_up_is_seen():
    assert counts([n * P * 14 // 10 for n in range(68)])[1] == 68


def test_more_readings_than_due_make_no_more_than_all():
    assert counts([n * P // 5 for n in range(96 * 5)]) == (96, 96, 0)


def test_a_made_up_reading_counts_apart_and_only_where_none_is_measured():
    at_ms = [n * P + 7 for n in range(92)] + [5 * P + 8]
    quality = [Quality.MAKEUP if n in {10, 11} else Quality.SUBSTITUTED if n == 12 else Quality.GOOD for n in range(92)] + [Quality.MAKEUP]

    assert counts(at_ms, [int(one) for one in quality]) == (96, 89, 3)


def test_doubtful_readings_are_readings():
    assert counts([1, P], [Quality.SUSPECT, Quality.CLOCK_UNSURE])[1:] == (2, 0)


def test_readings_outside_the_window_do_not_count():
    assert counts([0, P, 10 * P], window=(P, 3 * P)) == (2, 1, 0)


@pytest.mark.parametrize(
    ("stays", "upto_ms", "windows"),
    [
        ([(-5, 200 * P)], 200 * P, [(0, 96 * P)]),
        ([(-5, 200 * P)], 10 * P + 1, [(0, 10 * P)]),
        ([(P + 1, 200 * P)], 200 * P, [(2 * P, 96 * P)]),
        ([(0, 3 * P), (4 * P + 1, 6 * P - 1)], 200 * P, [(0, 3 * P)]),
        ([(0, P - 1)], 200 * P, []),
        ([], 200 * P, []),
    ],
)
def test_due_are_whole_periods_while_it_stands_and_that_are_over(stays: list[tuple[int, int]], upto_ms: int, windows: list[tuple[int, int]]):
    assert list(due_windows(DAY, stays, upto_ms, P)) == windows


def test_many_series_and_windows_are_kept_apart():
    rows = [(9, 0, 2 * P, P), (5, 0, P, P), (5, 3 * P, 6 * P, P), (6, 0, 4 * P, 2 * P)]
    windows = Windows(*np.array(rows, np.int64).T)
    readings = [(5, 1), (5, P), (5, 2 * P), (5, 3 * P), (5, 5 * P), (6, 1), (6, P - 1), (9, P), (7, 1), (4, 1), (10, 1), (9, 2 * P), (5, 6 * P)]
    series_id, at_ms = np.array(readings, np.int64).T

    measured, _ = tally(windows, series_id, at_ms, np.zeros(len(at_ms), np.int64))

    assert windows.due.tolist() == [2, 1, 3, 2]
    assert windows.sums(measured).tolist() == [1, 1, 2, 1]


def test_no_windows_and_no_readings_are_nothing():
    none = np.empty(0, np.int64)
    windows = Windows(none, none, none, none)

    assert [len(flags) for flags in tally(windows, np.array([1]), np.array([1]), np.array([0]))] == [0, 0]
    assert windows.sums(np.empty(0, np.bool_)).tolist() == []
    assert counts([]) == (96, 0, 0)

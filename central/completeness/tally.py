"""Readings against the periods they were due in, for many series at once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from protocol.reading import Quality

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_MADE_UP = (int(Quality.MAKEUP), int(Quality.SUBSTITUTED))
_SHIFT = 44  # instants are below 2^44 ms; a series' rank stands above them


@dataclass(frozen=True, slots=True)
class Windows:
    """Stretches of time of series, columns of equal length: a whole number of periods each, of one series disjoint. Any order."""

    series_id: Integers
    from_ms: Integers
    to_ms: Integers
    period_ms: Integers

    @property
    def due(self) -> Integers:
        """Periods of each window."""
        return (self.to_ms - self.from_ms) // self.period_ms

    def sums(self, flags: Flags) -> Integers:
        """Flags of the periods of all windows, one window behind the other, as a count a window."""
        ends = np.cumsum(self.due)
        counted = np.concatenate(([0], np.cumsum(flags, dtype=np.int64)))
        return np.asarray(counted[ends] - counted[ends - self.due], np.int64)


def due_windows(day: tuple[int, int], stays: Iterable[tuple[int, int]], upto_ms: int, period_ms: int) -> Iterator[tuple[int, int]]:
    """The parts of a day, cut to whole periods from its beginning, that lie in one stay (disjoint, ms) and end by `upto_ms`."""
    start_ms, end_ms = day[0], min(day[1], upto_ms)
    for from_ms, to_ms in stays:
        first = -(-(max(from_ms, start_ms) - start_ms) // period_ms)
        last = (min(to_ms, end_ms) - start_ms) // period_ms
        if last > first:
            yield start_ms + first * period_ms, start_ms + last * period_ms


def tally(windows: Windows, series_id: Integers, at_ms: Integers, quality: Integers) -> tuple[Flags, Flags]:
    """Of every period of every window, one window behind the other: whether it is measured, and whether it is only made up. Readings in any order."""
    window = _window_of(windows, series_id, at_ms)
    inside = window >= 0
    window, made_up = window[inside], np.isin(quality[inside], _MADE_UP)
    since_ms, period_ms, due = at_ms[inside] - windows.from_ms[window], windows.period_ms[window], windows.due
    begins = (np.cumsum(due) - due)[window]
    plain = begins + since_ms // period_ms
    half = begins + (2 * since_ms + period_ms) // (2 * period_ms) % due[window]
    measured, measured_half = (_flags(cut[~made_up], int(due.sum())) for cut in (plain, half))
    shifted = np.repeat(windows.sums(measured_half) > windows.sums(measured), due)
    present = np.where(shifted, _flags(half, len(shifted)), _flags(plain, len(shifted)))
    measured = np.where(shifted, measured_half, measured)
    return measured, present & ~measured


def _window_of(windows: Windows, series_id: Integers, at_ms: Integers) -> Integers:
    """For each reading the window it lies in, -1 for none."""
    known, rank = np.unique(windows.series_id, return_inverse=True)
    order = np.lexsort((windows.from_ms, rank))
    if not len(order):
        return np.full(len(at_ms), -1, np.int64)
    starts = (rank.astype(np.int64) << _SHIFT) + windows.from_ms
    rank_of = np.minimum(np.searchsorted(known, series_id), len(known) - 1)
    position = np.searchsorted(starts[order], (rank_of.astype(np.int64) << _SHIFT) + at_ms, side="right") - 1
    window = order[np.maximum(position, 0)]
    inside = (position >= 0) & (windows.series_id[window] == series_id) & (at_ms >= windows.from_ms[window]) & (at_ms < windows.to_ms[window])
    return np.where(inside, window, -1).astype(np.int64)


def _flags(cut: Integers, length: int) -> Flags:
    flags = np.zeros(length, np.bool_)
    flags[cut] = True
    return flags

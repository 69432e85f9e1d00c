"""Readings that were made up by somebody's program: several meters at once count exactly evenly for days, which no load does. Pure.

What is found becomes a mark: the total over it stands, its hours are estimated and models leave it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from central.consumption.model import Flags, Samples

LEAST_MS = 2 * 24 * 3_600_000
LEAST_METERS = 3
LEAST_STEPS = 24  # an even row of fewer steps is a coarse register, not a program
_MUCH = 10**8  # a rise no fill has, small enough to be multiplied by milliseconds of years


@dataclass(frozen=True, slots=True)
class Fill:
    """An interval over which the readings of a point are believed to be made up."""

    point: int
    from_ms: int
    to_ms: int


def fills(series: Mapping[int, Samples], step: int = 1, least_meters: int = LEAST_METERS, least_ms: int = LEAST_MS) -> list[Fill]:
    """Point id -> accepted readings: intervals of at least `least_ms` in which at least `least_meters` points count evenly at once.

    `step`: the least difference the registers show; even is what it hides. By point and time.
    """
    even = {point: list(_even_rows(samples, step, least_ms)) for point, samples in series.items()}
    shared = [(start, end) for start, end in _shared(even, least_meters) if end - start >= least_ms]
    return [
        Fill(point, max(from_ms, start), min(to_ms, end))
        for point in sorted(even)
        for from_ms, to_ms in even[point]
        for start, end in shared
        if min(to_ms, end) - max(from_ms, start) >= least_ms
    ]


def _even_rows(samples: Samples, step: int, least_ms: int) -> Iterator[tuple[int, int]]:
    """Intervals over which a register rises by the same amount with every reading, or along a straight line."""
    breaks = (np.flatnonzero(~_alike(samples, step)) + 1).tolist()
    for start, end in pairwise([0, *breaks, len(samples) - 1]):
        if not _long(samples, start, end, least_ms):
            continue
        rows = [(start, end)] if _straight(samples, start, end, step) else _level_rows(np.diff(samples.value[start : end + 1]).tolist(), start, step)
        yield from ((int(samples.at_ms[first]), int(samples.at_ms[last])) for first, last in rows if _long(samples, first, last, least_ms))


def _alike(samples: Samples, step: int) -> Flags:
    """Whether each step after the first is like the one before it: a rise by the same amount, or by the same amount for its time."""
    rise, dt_ms = np.diff(samples.value), np.diff(samples.at_ms)
    here, before = rise[1:], rise[:-1]
    rest = np.minimum(here, _MUCH) * dt_ms[:-1] - np.minimum(before, _MUCH) * dt_ms[1:]
    alike: Flags = (here > 0) & (before > 0) & ((np.abs(here - before) <= step) | (np.abs(rest) <= step * (dt_ms[1:] + dt_ms[:-1])))
    return alike


def _long(samples: Samples, start: int, end: int, least_ms: int) -> bool:
    return end - start >= LEAST_STEPS and int(samples.at_ms[end] - samples.at_ms[start]) >= least_ms


def _straight(samples: Samples, start: int, end: int, step: int) -> bool:
    """Whether the readings lie within a step of the line between the first and the last of them."""
    at_ms, value = (samples.at_ms[start : end + 1] - samples.at_ms[start]).tolist(), (samples.value[start : end + 1] - samples.value[start]).tolist()
    length, rise = at_ms[-1], value[-1]
    return all(abs(here * length - passed * rise) <= step * length for passed, here in zip(at_ms, value, strict=True))


def _level_rows(rises: list[int], start: int, step: int) -> Iterator[tuple[int, int]]:
    """Rows of readings whose rises differ by no more than `step` from the least to the greatest, as positions of readings."""
    first, least, greatest = 0, rises[0], rises[0]
    for place, rise in enumerate(rises):
        least, greatest = min(least, rise), max(greatest, rise)
        if greatest - least > step:
            yield start + first, start + place
            first, least, greatest = place, rise, rise
    yield start + first, start + len(rises)


def _shared(even: Mapping[int, Sequence[tuple[int, int]]], least_meters: int) -> Iterator[tuple[int, int]]:
    """Intervals in which at least so many points are even at once."""
    turns = sorted((at_ms, change) for rows in even.values() for start, end in rows for at_ms, change in ((start, 1), (end, -1)))
    count, since = 0, 0
    for at_ms, change in turns:
        if change > 0 and count + 1 == least_meters:
            since = at_ms
        if change < 0 and count == least_meters:
            yield since, at_ms
        count += change

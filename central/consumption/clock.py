"""Meters whose clock is off: instants as they truly were. What the meter said stays where it is stored; only the computation uses these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from central.consumption.model import Doubt, Integers

ALARM_MS = 5 * 60_000


@dataclass(frozen=True, slots=True)
class Offset:
    """From `from_ms` until `until_ms` (by the meter's own clock; None: still) it was `offset_ms` fast; slow is negative."""

    from_ms: int
    until_ms: int | None
    offset_ms: int


def corrected(at_ms: Integers, offsets: Sequence[Offset]) -> Integers:
    """True instants of stamps. Offsets do not overlap. Where a clock was set, true instants need not rise: put them in order (`samples_of`)."""
    true_ms = at_ms.copy()
    for offset in offsets:
        within = at_ms >= offset.from_ms
        if offset.until_ms is not None:
            within &= at_ms < offset.until_ms
        true_ms[within] -= offset.offset_ms
    return true_ms


def true_ends(first_ms: int, last_ms: int, offsets: Sequence[Offset]) -> tuple[int, int]:
    """The least interval that holds the true instants of all stamps from first_ms to last_ms."""
    touching = [one for one in offsets if one.from_ms <= last_ms and (one.until_ms is None or one.until_ms > first_ms)]
    ends = [] if any(one.from_ms <= first_ms and (one.until_ms is None or one.until_ms > last_ms) for one in touching) else [first_ms, last_ms]
    for one in touching:
        end_ms = last_ms if one.until_ms is None else min(last_ms, one.until_ms - 1)
        ends += [max(first_ms, one.from_ms) - one.offset_ms, end_ms - one.offset_ms]
    return min(ends), max(ends)


def stamp_ends(from_ms: int, until_ms: int | None, offsets: Sequence[Offset]) -> tuple[int, int | None]:
    """The least interval that holds all stamps whose true instants lie from from_ms until before until_ms (None: without end)."""
    first_ms, end_ms = from_ms, until_ms
    for one in offsets:
        low_ms = max(from_ms + one.offset_ms, one.from_ms)
        ends = [end for end in (None if until_ms is None else until_ms + one.offset_ms, one.until_ms) if end is not None]
        if not ends or min(ends) > low_ms:
            first_ms = min(first_ms, low_ms)
            end_ms = None if end_ms is None else max(end_ms, min(ends))
    return first_ms, end_ms


def clock_doubts(offsets: Sequence[Offset]) -> list[Doubt]:
    """The times a clock was further off than a person should leave it."""
    far = [offset for offset in offsets if abs(offset.offset_ms) > ALARM_MS]
    return [Doubt("clock.offset", offset.from_ms, offset.until_ms, {"offset_ms": offset.offset_ms}) for offset in far]

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


def clock_doubts(offsets: Sequence[Offset]) -> list[Doubt]:
    """The times a clock was further off than a person should leave it."""
    far = [offset for offset in offsets if abs(offset.offset_ms) > ALARM_MS]
    return [Doubt("clock.offset", offset.from_ms, offset.until_ms, {"offset_ms": offset.offset_ms}) for offset in far]

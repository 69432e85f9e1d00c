"""The least flow of a night, from one day of a point or place. Pure.

Whoever sleeps uses no water: what flows in every part of 02:00 to 05:00 is a leak, a running cistern, or use somebody should know of. Where readings
lie close, quarters of an hour are looked at: they sort out flushing that touches every hour. A register that moves in large steps shows a small
steady flow as quarters with and without a step, so there the hours count. A meter that is read once a day leaves the coarse variant: its whole day.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from central.analytics.model import HOURS_A_DAY, QUARTERS_A_DAY, Night
from central.consumption.model import Flags, Integers

WINDOW_H = range(2, 5)  # hours of the wall clock: behind the last to bed, before the first shift, cleaning and irrigation
LEAST_QUARTERS = 10  # of twelve: two may be lost without the least being in doubt
COARSE_STEP_L = 5  # a register that moves in steps this large says little about quarters; 10 L is common (two decimals of a cubic metre)
KNOWN_SHARE = 0.95  # of a place's points, in every quarter: below, the sum is not comparable from night to night


@dataclass(frozen=True, slots=True)
class Course:
    """A day of a point. `quarters`: the quarter of the wall clock each slot begins in. `slots`: litres; `known`: what of them is known.

    `pins`: n+1 flags, the boundary is held by a reading near it. `seen`: a reading was taken in the slot. `made_up`: only a made-up one was.
    """

    day: date
    quarters: Integers
    slots: Integers
    known: Flags
    pins: Flags
    seen: Flags
    made_up: Flags


def night_of(course: Course) -> Night:
    """The night of a point's day by the finest basis its readings carry."""
    window = np.isin(course.quarters // 4, WINDOW_H)
    fine = window & course.known & course.pins[:-1] & course.pins[1:] & ~course.made_up
    if int(fine.sum()) >= LEAST_QUARTERS and not _coarse(course.slots[fine]):
        return Night(course.day, "quarter", int(course.slots[fine].min()) * QUARTERS_A_DAY, True)
    hours = [amount for hour in WINDOW_H if (amount := _hour(course, course.quarters // 4 == hour)) is not None]
    if hours:
        return Night(course.day, "hour", min(hours) * HOURS_A_DAY, len(hours) == len(WINDOW_H))
    if course.known.all() and course.seen.any() and not course.made_up.any():
        return Night(course.day, "day", int(course.slots.sum()), True)
    return Night(course.day, "hour", None, False)


def place_night(day: date, quarters: Integers, slots: Integers, known: Integers, points: int) -> Night:
    """The night of a building's day. `known`: how many of its `points` are known in each slot."""
    window = np.isin(quarters // 4, WINDOW_H)
    if not points or not window.any() or int(known[window].min()) < KNOWN_SHARE * points:
        return Night(day, "place", None, False)
    hours = [int(slots[quarters // 4 == hour].sum()) for hour in WINDOW_H if (quarters // 4 == hour).sum() == 4]
    return Night(day, "place", max(0, min(hours)) * HOURS_A_DAY, True) if hours else Night(day, "place", None, False)


def _coarse(amounts: Integers) -> bool:
    """Whether quarters without flow may only be the register's large steps; nothing moving at all is no sign of it."""
    moved: Sequence[int] = amounts[amounts > 0].tolist()
    return 0 < len(moved) < len(amounts) and math.gcd(*moved) >= COARSE_STEP_L


def _hour(course: Course, here: Flags) -> int | None:
    """Litres of an hour in which something was read, or that readings hold at both ends; None otherwise."""
    slots = np.flatnonzero(here)
    if len(slots) != 4 or not course.known[slots].all() or course.made_up[slots].any():
        return None
    held = course.pins[slots[0]] and course.pins[slots[-1] + 1]
    return int(course.slots[slots].sum()) if held or course.seen[slots].any() else None

"""Today up to the newest full quarter of an hour, beside the same time of yesterday and of a week ago. Pure; amounts are base units (Wh, litre).

A quarter is full when of the points that say something today nearly all have said it. What is compared ends there for both days: never a part of a
day with a whole one. No percentage is made where less than 95 % of either side is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
LEAST_COVERAGE = 0.95
_QUARTERS_AN_HOUR = 4
HEAT_DAYS = 30


@dataclass(frozen=True, slots=True)
class DayShape:
    """A node's day: amount of each quarter, how many of its `points` are known in it."""

    slots: Integers
    known: Integers
    points: int

    def upto(self, quarters: int) -> Amount:
        """What its first quarters sum to."""
        here = self.known[:quarters]
        if not here.any() or not self.points:
            return NOTHING
        return Amount(int(self.slots[:quarters].sum()), _share(int(here.sum()), self.points * quarters))


@dataclass(frozen=True, slots=True)
class Amount:
    """`value` None: nothing is known. `coverage`: share known."""

    value: int | None
    coverage: float


NOTHING = Amount(None, 0.0)


@dataclass(frozen=True, slots=True)
class Compared:
    """Another day up to the same time. `change_permille`: None where too little is known of one of them, or nothing was used in the other."""

    day: date
    amount: Amount
    change_permille: int | None


@dataclass(frozen=True, slots=True)
class SoFar:
    """`quarters`: how many of today are full; 0: none, then nothing is known of today. `demand`: base units an hour, mean of the newest full quarter,
    of which `demand_coverage` is known. `month`: from its first day to the newest full quarter.
    """

    medium: str
    day: date
    quarters: int
    today: Amount
    yesterday: Compared
    last_week: Compared
    demand: int | None
    demand_coverage: float
    month: Amount


def so_far(medium: str, today: date, elapsed: int, days: Mapping[date, DayShape]) -> SoFar:
    """`elapsed`: quarters of today that are over; `days`: what is known of this month and the days before."""
    here = days.get(today)
    full = full_quarters(here, elapsed)
    amount = here.upto(full) if here else NOTHING
    beside = [_beside(days.get(today - timedelta(days=back)), today - timedelta(days=back), full, amount) for back in (1, 7)]
    demand = int(here.slots[full - 1]) * _QUARTERS_AN_HOUR if here and full else None
    covered = _share(int(here.known[full - 1]), here.points) if here and full else 0.0
    return SoFar(medium, today, full, amount, beside[0], beside[1], demand, covered, _month(today, full, days))


def full_quarters(day: DayShape | None, elapsed: int) -> int:
    """Quarters up to the newest full one: 95 % of as many points as the day's best quarter so far has. 0 where there is none."""
    if day is None:
        return 0
    known = day.known[:elapsed]
    if not known.any():
        return 0
    return int(np.flatnonzero(known >= LEAST_COVERAGE * known.max())[-1]) + 1


def hours(day: DayShape | None, elapsed: int | None = None) -> list[int | None]:
    """The day by the hour, None for hours of which nothing (or, of a day that runs, not all quarters) is known."""
    if day is None:
        return [None] * 24
    stop = len(day.slots) if elapsed is None else elapsed
    sums: list[int | None] = []
    for first in range(0, len(day.slots), _QUARTERS_AN_HOUR):
        last = first + _QUARTERS_AN_HOUR
        there = last <= stop and bool(day.known[first:last].all())
        sums.append(int(day.slots[first:last].sum()) if there else None)
    return sums


def _beside(other: DayShape | None, day: date, quarters: int, today: Amount) -> Compared:
    amount = other.upto(quarters) if other else NOTHING
    return Compared(day, amount, change_permille(today, amount))


def change_permille(now: Amount, base: Amount) -> int | None:
    """By how much more (or less), in thousandths of the base; None where no honest number exists."""
    if now.value is None or not base.value or base.value < 0 or min(now.coverage, base.coverage) < LEAST_COVERAGE:
        return None
    return round(1000 * (now.value - base.value) / base.value)


def _month(today: date, full: int, days: Mapping[date, DayShape]) -> Amount:
    """Each day weighs what it is long; one of which nothing is known counts as unknown, not as nothing used."""
    amounts: list[tuple[Amount, int]] = []
    for number in range(1, today.day):
        shape = days.get(today.replace(day=number))
        length = len(shape.slots) if shape else 96
        amounts.append((shape.upto(length) if shape else NOTHING, length))
    here = days.get(today)
    if full and here:
        amounts.append((here.upto(full), full))
    known: Sequence[int] = [amount.value for amount, _ in amounts if amount.value is not None]
    if not known:
        return NOTHING
    covered = sum(amount.coverage * length for amount, length in amounts) / sum(length for _, length in amounts)
    return Amount(sum(known), round(covered, 4))


def _share(part: int, whole: int) -> float:
    """Rounded, but all only if nothing lacks."""
    if part >= whole:
        return 1.0 if whole else 0.0
    return min(0.9999, round(part / whole, 4))

"""Rounding that adds up: whole numbers whose sum is the whole that is printed under them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor

from protocol.errors import CampusError


def largest_remainder(parts: Sequence[Fraction], total: int) -> list[int]:
    """Parts rounded up or down so that they sum to `total`; those with the largest remainders go up, of equal ones the first.

    `total` is the parts' sum, rounded either way; another one is a mistake of the caller (CampusError).
    """
    rounded = [floor(part) for part in parts]
    short = total - sum(rounded)
    if abs(total - sum(parts, Fraction(0))) >= 1:
        raise CampusError(f"parts that sum to {float(sum(parts, Fraction(0)))} cannot be rounded to a total of {total}")
    by_remainder = sorted(range(len(parts)), key=lambda place: (rounded[place] - parts[place], place))
    for place in by_remainder[:short]:
        rounded[place] += 1
    return rounded


def half_up(value: Fraction) -> int:
    """The nearest whole number; a half goes up."""
    return floor(value + Fraction(1, 2))

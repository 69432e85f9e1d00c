"""What reports are made of. Amounts are integers in the medium's base unit (Wh, litre); missing is None, never zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Literal

LEAST_COVERAGE = Fraction(95, 100)  # below it no percentage is made of a figure and nothing is subtracted from another one
MAX_CUTS = 60  # days within a period on which the tree of supply or an item changed
Medium = Literal["electricity", "water"]
Beside = Literal["none", "previous", "same_date", "weekday", "term_week"]


class Reason(StrEnum):
    """Why a number is not there, or is not to be taken at its face."""

    UNKNOWN = "unknown"  # nothing is known of the period
    COVERAGE = "coverage"  # too little of one of the periods is known
    ZERO = "zero"  # nothing was used in the base period
    NO_COMMON = "no_common"  # no part of the two periods is known in both
    NO_BASE = "no_base"  # there is nothing to compare with: no such term, no such date
    TOO_MANY = "too_many"  # too many points for comparing them day by day; ask for a smaller place
    PARTS_MISSING = "parts_missing"  # of something that has to be taken away too little is known
    NEGATIVE = "negative"  # parts are more than their whole: wiring, transformer ratio, or the tree of supply is wrong
    AREA = "area_m2"  # the place has no area
    PEOPLE = "people"  # nobody said how many people use the place
    NO_FACTOR = "no_factor"  # no conversion factor was in force


@dataclass(frozen=True, slots=True)
class Figure:
    """An amount. `coverage`: share known; `quality`: measured, estimated, partial (not all of it is known), unknown."""

    value: int | None
    coverage: float
    quality: str
    reason: Reason | None = None


NOTHING = Figure(None, 0.0, "unknown", Reason.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Change:
    """Against another period. `base`: all that is known of it; `change_permille`: over what is known in both, None for a `reason`.

    `common_value`, `common_base`: what the change was made of; `common`: in how many parts (`unit`: hour, day, month) both are known.
    """

    base: Figure
    common_value: int
    common_base: int
    common: int
    unit: Literal["hour", "day", "month"]
    change_permille: int | None
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Paired:
    """The days of a period that have passed, each with the one it is laid beside. `notes`: how many days each remark holds for."""

    mode: Beside
    pairs: Sequence[tuple[date, date]]
    base_first: date | None
    base_last: date | None
    notes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a place on a day; None where nobody said."""

    area_m2: int | None = None
    air_conditioned_m2: int | None = None
    heated_m2: int | None = None
    people: int | None = None
    building_type: str | None = None
    floors: int | None = None
    built_year: int | None = None


@dataclass(frozen=True, slots=True)
class Intensity:
    """An amount for each square metre or person, in thousandths of the base unit; None for a `reason` (the parameter that is missing)."""

    milli: int | None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One part of a place's figure: a place below, a point, an item, a maker. `code` is empty for what belongs to none.

    `above`: the part it belongs to (items). `more`: it can be broken down further.
    """

    code: str
    name_zh: str
    name_en: str
    figure: Figure
    change: Change | None = None
    per_m2: Intensity | None = None
    per_person: Intensity | None = None
    more: bool = False
    facts: Facts | None = None


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A whole and its parts, which sum to it. `rest`: what no part holds, beside the parts; None where there can be none."""

    node: str
    medium: Medium
    first: date
    last: date
    total: Figure
    parts: Sequence[Line]
    rest: Line | None
    compared: Paired | None = None

"""A reading: one integer in a base unit, measured at one instant, with its quality."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class Quality(IntEnum):
    """How far a value can be trusted; stored as smallint, so numbers never change meaning."""

    GOOD = 0
    CLOCK_UNSURE = 1  # value good, but the box had no trusted clock when it read
    SUSPECT = 2  # plausibility check failed (counter went down, out of range)
    MAKEUP = 3  # read later than due, by make-up reading
    SUBSTITUTED = 4  # entered by a person or taken from a freeze


class SeriesKey(NamedTuple):
    """What is measured where: a physical device's id on the site plan and a quantity code of `protocol.quantities`.

    A tuple, because every reading's key is hashed on its way and tuples hash four times as fast as dataclasses.
    """

    device: str
    quantity: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured value. `measured_at_ms`: Unix milliseconds UTC. `value`: integer in the quantity's base unit."""

    series: SeriesKey
    measured_at_ms: int
    value: int
    quality: Quality = Quality.GOOD

"""What consumption is computed from and what comes out. Frozen; instants are Unix milliseconds UTC, days are the site's local days.

A *span* is a known amount between two instants. Everything else follows from spans: a slot, a day or a month holds what of its spans falls into it,
amounts being spread evenly over a span and rounded down along it, so that parts always sum to the whole, whatever the cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SLOT_MS = 900_000
PIN_GAP_MS = 20 * 60_000  # a boundary between two readings this close is measured: nothing that matters happens unseen in 20 minutes
PIN_NEAR_MS = 5 * 60_000  # ... and so is one with a reading this near
LOOK_AHEAD_MS = 48 * 3_600_000  # how long an implausible step stays open to what comes later
RATES = ("sharp", "peak", "flat", "valley", "deep_valley")


class Verdict(StrEnum):
    """What becomes of a reading that does not simply count. REJECTED: as if never read. BASELINE: counting starts anew, the step to it is unknown."""

    REJECTED = "rejected"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Samples:
    """Register readings of one series in rising order of time, at most one an instant; columns of equal length."""

    at_ms: Integers
    value: Integers

    def __len__(self) -> int:
        return len(self.at_ms)


@dataclass(frozen=True, slots=True)
class Stay:
    """One meter at one point for a time. Registers and `max_per_hour` are the meter's own base units; `ratio` turns them into the point's.

    `until_ms`: None while it stands there. `opening`, `closing`: registers at the ends, None where nobody wrote them down. `rollover`: value at which
    the register wraps to 0, None if not known. `jitter`: a fall of at most this much is noise of the reading, not of the meter.
    """

    from_ms: int
    until_ms: int | None
    ratio: Fraction
    max_per_hour: int
    opening: int | None = None
    closing: int | None = None
    rollover: int | None = None
    jitter: int = 20


@dataclass(frozen=True, slots=True)
class Spans:
    """Known amounts, disjoint and in rising order: `amount[i]` (the point's base unit) passed between `start_ms[i]` and `end_ms[i]`."""

    start_ms: Integers
    end_ms: Integers
    amount: Integers


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something a person should know: `code` is stable (`register.fall`, `register.jump`, `register.rollover`, ...), `data` its facts."""

    code: str
    at_ms: int
    until_ms: int | None
    data: Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Course:
    """How the registers of one stay were read. `verdicts`: instant -> (verdict, reason) of readings that do not simply count.

    `accepted`: the readings that count (BASELINE ones among them). `pending_from_ms`: from here on it was judged without enough later readings.
    """

    spans: Spans
    accepted: Samples
    verdicts: Mapping[int, tuple[Verdict, str]]
    doubts: tuple[Doubt, ...]
    pending_from_ms: int | None


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One day of one point, as table consumption_day keeps it. `slots`: 0 where `known_s`, the seconds known of a slot, is 0 (a virtual point's
    consumption may be negative).

    `pins`: n+1 flags, one a slot boundary. `seen`, `made_up`: n flags. `rates`: five sums in the order of RATES.
    """

    day: date
    slots: Integers
    known_s: Integers
    pins: Flags
    seen: Flags
    made_up: Flags
    rates: Integers
    first: tuple[int, int] | None
    last: tuple[int, int] | None
    pending: bool

    @property
    def value(self) -> int:
        """What is known of the day's consumption."""
        return int(self.slots[self.known_s > 0].sum())

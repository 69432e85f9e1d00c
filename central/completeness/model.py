"""What completeness counts. Frozen; times are Unix milliseconds UTC, days the site's local days.

How often a device is read decides what is due: the period of the poll group its register belongs to, by the device's own `poll_s` or else by its
profile, as the gateway reckons. A local day is cut into whole periods from midnight; each of them that has ended, and during which the device stood
at a metering point from beginning to end, is *due*. A due period is

- *measured* when a reading was measured in it, whenever that arrived,
- *made up* when only a reading made up later or entered by a person stands in it,
- *missing* otherwise.

A gateway reads at a phase of its own. Where that lies near the boundaries, a second's delay would move a reading to the neighbouring period, so
periods are cut a second time half a period later, and the cut with more in it counts. Missing is never zero: nothing due is no percentage.
"""

from __future__ import annotations

from dataclasses import dataclass

GRACE_MS = 120_000  # a period ends this much later for us: its reading may be on the way
DEFAULT_PERIOD_S = 900  # of a device whose profile this program does not know
WHOLE_BP = 10_000


@dataclass(frozen=True, slots=True)
class Expected:
    """What a profile leads to expect: `rank` orders the registers that may stand for the device's liveness, `poll_group` names its period."""

    profile: str
    quantity: str
    poll_group: str
    period_s: int
    rank: int


@dataclass(frozen=True, slots=True)
class Completeness:
    """One day of a device, gateway, place (with everything below) or the site. Rates in basis points (1/100 %), None where nothing was due.

    `looked_ms`: the oldest of the counts in it; None before the first.
    """

    code: str
    name_zh: str
    name_en: str
    devices: int
    due: int
    measured: int
    made_up: int
    looked_ms: int | None

    @property
    def missing(self) -> int:
        """Due and neither measured nor made up."""
        return self.due - self.measured - self.made_up

    @property
    def measured_bp(self) -> int | None:
        """采集成功率: measured of due."""
        return share_bp(self.measured, self.due)

    @property
    def with_made_up_bp(self) -> int | None:
        """The same with what was made up."""
        return share_bp(self.measured + self.made_up, self.due)


@dataclass(frozen=True, slots=True)
class Hour:
    """What was due in one hour (a period counts in the hour it begins) and what there is."""

    from_ms: int
    due: int
    measured: int
    made_up: int


@dataclass(frozen=True, slots=True)
class SeriesHours:
    """The hours of one series, oldest first; hours in which nothing was due are left out."""

    device: str
    quantity: str
    period_s: int
    hours: tuple[Hour, ...]


def share_bp(part: int, whole: int) -> int | None:
    """Basis points, halves up; all of it only if nothing lacks."""
    if whole <= 0:
        return None
    return WHOLE_BP if part >= whole else min(WHOLE_BP - 1, (2 * part * WHOLE_BP + whole) // (2 * whole))

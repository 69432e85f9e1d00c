"""A day's curve as pages draw and print it: the day's bounds, where the line breaks, what the summary says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from central.metering.model import Point
from central.web.display import quality_class
from protocol.quantities import Kind, Quantity

MAX_POINTS = 3000  # a value every 30 s is 2,880 a day
GAP_PERIODS = 3  # the line breaks where a value is missing for longer
# What people look at first, per device; the first one the device has is shown.
MAIN_QUANTITIES = ("power_active", "energy_active_total", "energy_active_forward", "water_flow", "water_volume", "temperature")


@dataclass(frozen=True, slots=True)
class Summary:
    """Lowest and highest value, how far a register rose, how often a state changed; None where there is nothing to say. Base units."""

    lowest: int | None
    highest: int | None
    rise: int | None
    gaps: int
    changes: int | None = None


def day_bounds(day: date, zone: ZoneInfo) -> tuple[int, int]:
    """Unix milliseconds of a local day's first instant and of the next day's; 23 or 25 h apart when clocks change."""
    starts = [datetime(d.year, d.month, d.day, tzinfo=zone) for d in (day, day + timedelta(days=1))]
    return int(starts[0].timestamp() * 1000), int(starts[1].timestamp() * 1000)


def choose_quantity(available: Sequence[str], wanted: str | None) -> str | None:
    """The quantity asked for if the device has it, else the one people look at first; None when it has none."""
    if wanted in available:
        return wanted
    return next((code for code in MAIN_QUANTITIES if code in available), available[0] if available else None)


def gap_after(points: Sequence[Point], period: int) -> list[bool]:
    """For each point whether the line breaks behind it: the next one comes later than GAP_PERIODS periods."""
    limit_ms = GAP_PERIODS * max(period, 1) * 1000
    later = [after.at_ms - before.at_ms > limit_ms for before, after in pairwise(points)]
    return [*later, False] if points else []


def line(points: Sequence[Point], quantity: Quantity, period: int, shift_ms: int = 0) -> list[tuple[int, float | None]]:
    """Chart pairs (ms, display value), with a None in every gap. The only place where values become floats: pixels need no cents."""
    pairs: list[tuple[int, float | None]] = []
    for point, breaks in zip(points, gap_after(points, period), strict=True):
        pairs.append((point.at_ms + shift_ms, float(quantity.display(point.value))))
        if breaks:
            pairs.append((point.at_ms + shift_ms + 1, None))
    return pairs


def marked(points: Sequence[Point], quantity: Quantity) -> list[tuple[int, float, str]]:
    """Every point with its quality class, for the marks on the line."""
    return [(point.at_ms, float(quantity.display(point.value)), quality_class(point.quality)) for point in points]


def summarise(points: Sequence[Point], quantity: Quantity, period: int) -> Summary:
    """The curve in three numbers. Suspect points do not count; a register that fell has no rise."""
    trusted = [point.value for point in points if quality_class(point.quality) != "suspect"]
    rise = trusted[-1] - trusted[0] if len(trusted) > 1 and quantity.kind is Kind.CUMULATIVE and trusted == sorted(trusted) else None
    gaps = sum(gap_after(points, period))
    if quantity.kind is Kind.STATE:
        return Summary(None, None, None, gaps, sum(before != after for before, after in pairwise(trusted)))
    return Summary(min(trusted, default=None), max(trusted, default=None), rise, gaps)

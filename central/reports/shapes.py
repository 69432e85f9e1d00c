"""The days of a place in quarters of an hour: amounts, and how much of each is known. Buildings from their own sums, rooms from their points."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from central.consumption.compare import Comparison, Series, compare
from central.consumption.days import boundaries
from central.consumption.days_table import Days, parse_integers, present_days, to_figures
from central.consumption.model import Integers
from central.consumption.places import place_days_between
from central.consumption.slots import SLOT_S, SLOTS_AN_HOUR
from central.db.pool import Connection
from central.reports.model import LEAST_COVERAGE, Medium, Paired
from central.reports.place import SUMMED, Place
from central.reports.span import Span
from central.reports.sums import counting, stretches_of
from central.reports.weigh import whole

Shares = npt.NDArray[np.float64]
_HOUR_S = 3600
_LEAST = float(LEAST_COVERAGE)


@dataclass(frozen=True, slots=True)
class Shape:
    """One day; columns of one entry a slot. `share`: known part of it, 0 to 1. `pinned`: of a room, whether both its ends are held by readings."""

    slots: Integers
    share: Shares
    rates: Integers | None = None

    def hours(self) -> tuple[Integers, Shares]:
        """Amounts and known shares by the hour."""
        starts = np.arange(0, len(self.slots), SLOTS_AN_HOUR)
        lengths = np.diff(np.append(starts, len(self.slots)))
        return np.add.reduceat(self.slots, starts), np.add.reduceat(self.share, starts) / lengths


def shapes(conn: Connection, period: Span, place: Place, medium: Medium) -> dict[date, Shape]:
    """Days of which something is known. Raises ConfigError for a room whose tree changed too often."""
    if place.kind in SUMMED:
        found = [row for row in place_days_between(conn, [place.code], period.first, period.last) if row.medium == medium and row.points]
        return {row.day: Shape(parse_integers(row.slots), parse_integers(row.known) / row.points, parse_integers(row.rates)) for row in found}
    return _of_points(conn, period, place, medium)


def compare_hours(conn: Connection, period: Span, place: Place, medium: Medium, paired: Paired) -> Comparison:
    """The paired days hour by hour. An hour counts as known where nearly all of the place's points are: some meter is always silent somewhere."""
    found = shapes(conn, period, place, medium)
    first, last = paired.base_first or period.first, paired.base_last or period.last
    bases = shapes(conn, period.part(first, last), place, medium)
    now = [_hourly(found.get(day), day, period.zone) for day, _ in paired.pairs]
    then = [_hourly(bases.get(base), base, period.zone) for _, base in paired.pairs]
    return compare(_series(now), _series(then))


def _of_points(conn: Connection, period: Span, place: Place, medium: Medium) -> dict[date, Shape]:
    made: dict[date, Shape] = {}
    for stretch in stretches_of(conn, period, place.code):
        ids = [point for _, point, _ in whole(counting(conn, stretch, place.code, medium))]
        days: dict[date, list[Shape]] = {}
        for (_, day), row in present_days(conn, [Days(one, stretch.first, stretch.last) for one in ids]).items():
            figures = to_figures(row)
            days.setdefault(day, []).append(Shape(figures.slots, figures.known_s / SLOT_S, figures.rates))
        for day, parts in days.items():
            rates = sum((part.rates for part in parts if part.rates is not None), np.zeros(5, np.int64))
            slots = sum((part.slots for part in parts), np.zeros_like(parts[0].slots))
            made[day] = Shape(slots, sum((part.share for part in parts), np.zeros(len(slots))) / len(ids), rates)
    return made


def _hourly(shape: Shape | None, day: date, zone: str) -> tuple[Integers, Integers]:
    if shape is None:
        hours = (len(boundaries(day, zone)) - 1 + SLOTS_AN_HOUR - 1) // SLOTS_AN_HOUR
        return np.zeros(hours, np.int64), np.zeros(hours, np.int64)
    amount, share = shape.hours()
    return amount, np.where(share >= _LEAST, _HOUR_S, np.floor(share * _HOUR_S)).astype(np.int64)


def _series(parts: list[tuple[Integers, Integers]]) -> Series:
    none = np.empty(0, np.int64)
    return Series(np.concatenate([none, *(amount for amount, _ in parts)]), np.concatenate([none, *(known for _, known in parts)]))

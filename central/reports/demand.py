"""How much at once: the duration curve of a period, its highest quarter-hour means with who made them, and what is drawn now.

Only quarters of which nearly everything is known count; what a gap was filled with is even, so it makes no peak.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from central.consumption.days import bounds
from central.consumption.model import SLOT_MS, Integers
from central.consumption.slots import SLOTS_AN_HOUR
from central.db.pool import Connection
from central.reports.model import LEAST_COVERAGE, Medium
from central.reports.place import SUMMED, Place, get_place, places_below
from central.reports.shapes import Shape, shapes
from central.reports.span import Span
from central.reports.sums import counting, fetch
from central.reports.weigh import whole
from protocol.errors import ConfigError

MAX_POINTS = 500  # of a curve
MAX_DAYS = 366
_QUARTER_DAYS = 62  # longer curves are made of hours
_PEAK_APART = SLOTS_AN_HOUR  # peaks nearer than this are one
_TOP_PARTS = 5
_Part = tuple[str, str, str, int]  # code, names, mean


@dataclass(frozen=True, slots=True)
class Duration:
    """Means in falling order (W; of water litres an hour): `values[i]` was reached for `shares[i]` of the known time. `step_s`: of the means.

    Thinned to at most 500; the highest and the lowest are among them. `base`: lowest tenth's mean, `mean`: of all; None where nothing is known.
    """

    node: str
    medium: Medium
    step_s: int
    values: Sequence[int]
    shares: Sequence[float]
    mean: int | None
    load_factor_permille: int | None
    coverage: float


@dataclass(frozen=True, slots=True)
class Contribution:
    """A place below (of a room or floor: a point) in a peak: its mean then, and its share of the peak."""

    code: str
    name_zh: str
    name_en: str
    value: int
    share_permille: int


@dataclass(frozen=True, slots=True)
class Peak:
    """A quarter of an hour: its mean (W; litres an hour), how much of it is known, and who made it, largest first."""

    at_ms: int
    value: int
    coverage: float
    parts: Sequence[Contribution]


@dataclass(frozen=True, slots=True)
class DemandFigures:
    """`peaks`: highest first; `now`: the newest quarter that is known, without parts."""

    node: str
    medium: Medium
    peaks: Sequence[Peak]
    now: Peak | None


def duration(conn: Connection, period: Span, node: str, medium: Medium) -> Duration:
    """The duration curve of a place. Raises NotFound, ConfigError."""
    place = _place(conn, period, node)
    size = 1 if period.days <= _QUARTER_DAYS else SLOTS_AN_HOUR
    found = [_means(shape, size) for shape in shapes(conn, period, place, medium).values()]
    means = np.sort(np.concatenate([np.empty(0, np.int64), *found]))[::-1]
    step_s = SLOT_MS * size // 1000
    due = max((period.end_ms - period.start_ms) // (step_s * 1000), 1)
    if not len(means):
        return Duration(node, medium, step_s, [], [], None, None, 0.0)
    kept = np.unique(np.linspace(0, len(means) - 1, min(MAX_POINTS, len(means))).round().astype(np.int64))
    mean = int(means.mean())
    factor = mean * 1000 // int(means[0]) if means[0] > 0 else None
    shares = [round(float(place + 1) / len(means), 4) for place in kept.tolist()]
    return Duration(node, medium, step_s, means[kept].tolist(), shares, mean, factor, round(min(1.0, len(means) / due), 4))


def demand(conn: Connection, period: Span, node: str, medium: Medium, top: int = 10) -> DemandFigures:
    """The highest quarters of a place, at least an hour apart. Raises NotFound, ConfigError."""
    place = _place(conn, period, node)
    found = shapes(conn, period, place, medium)
    highest = _highest(found, top)
    parts = _parts(conn, period, place, medium, highest)
    peaks = [_peak(found, day, slot, period.zone, parts.get(number, [])) for number, (day, slot) in enumerate(highest)]
    newest = _newest(found)
    return DemandFigures(node, medium, peaks, None if newest is None else _peak(found, *newest, period.zone, []))


def _place(conn: Connection, period: Span, node: str) -> Place:
    if period.days > MAX_DAYS:
        raise ConfigError(f"{period.days} days are too many for a load curve; at most {MAX_DAYS}")
    return get_place(conn, node)


def _means(shape: Shape, size: int) -> Integers:
    """Means of the parts that are known."""
    if size == 1:
        return shape.slots[shape.share >= float(LEAST_COVERAGE)] * SLOTS_AN_HOUR
    amounts, shares = shape.hours()
    return amounts[shares >= float(LEAST_COVERAGE)]


def _highest(found: Mapping[date, Shape], top: int) -> list[tuple[date, int]]:
    """Day and slot of the highest quarters, leaving out those beside a higher one."""
    days = sorted(found)
    if not days:
        return []
    slots = np.concatenate([np.where(found[day].share >= float(LEAST_COVERAGE), found[day].slots, -1) for day in days])
    owner = np.concatenate([np.full(len(found[day].slots), number) for number, day in enumerate(days)])
    starts = np.concatenate([np.arange(len(found[day].slots)) for day in days])
    chosen: list[int] = []
    for place in np.argsort(-slots, kind="stable").tolist():
        if slots[place] < 0 or len(chosen) == top:
            break
        if all(abs(place - other) >= _PEAK_APART or owner[place] != owner[other] for other in chosen):
            chosen.append(place)
    return [(days[int(owner[place])], int(starts[place])) for place in chosen]


def _newest(found: Mapping[date, Shape]) -> tuple[date, int] | None:
    for day in sorted(found, reverse=True)[:2]:
        known = np.flatnonzero(found[day].share >= float(LEAST_COVERAGE))
        if len(known):
            return day, int(known[-1])
    return None


def _peak(found: Mapping[date, Shape], day: date, slot: int, zone: str, parts: Sequence[_Part]) -> Peak:
    shape = found[day]
    value = int(shape.slots[slot]) * SLOTS_AN_HOUR
    return Peak(bounds(day, zone)[0] + slot * SLOT_MS, value, round(float(shape.share[slot]), 4), _contributions(parts, value))


def _parts(conn: Connection, period: Span, place: Place, medium: Medium, highest: Sequence[tuple[date, int]]) -> dict[int, list[_Part]]:
    if not highest:
        return {}
    asked: dict[str, object] = {
        "numbers": list(range(len(highest))),
        "days": [day for day, _ in highest],
        "slots": [slot for _, slot in highest],
    }
    if place.kind in SUMMED and any(one.kind in SUMMED for one in places_below(conn, place.code)):
        rows = fetch(conn, "peak_places", {**asked, "node": place.code, "medium": medium})
    else:
        points = counting(conn, period.part(period.reached, period.reached), place.code, medium)
        rows = fetch(conn, "peak_points", {**asked, "ids": [point for _, point, _ in whole(points)]})
    by_peak: dict[int, list[_Part]] = {}
    for code, name_zh, name_en, number, amount in rows:
        by_peak.setdefault(number, []).append((code, name_zh, name_en, amount * SLOTS_AN_HOUR))
    return by_peak


def _contributions(parts: Sequence[_Part], peak: int) -> list[Contribution]:
    largest = sorted(parts, key=lambda part: (-part[3], part[0]))[:_TOP_PARTS]
    return [Contribution(code, zh, en, value, value * 1000 // peak if peak > 0 else 0) for code, zh, en, value in largest]

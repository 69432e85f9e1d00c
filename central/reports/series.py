"""A place over time: what it used step by step, the same of the period it is laid beside, and the change over the hours known in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from central.consumption.compare import Comparison
from central.consumption.days import bounds, month_bounds, month_of, next_month
from central.consumption.model import SLOT_MS
from central.consumption.report import Item, Step, place_consumption
from central.consumption.slots import SLOTS_AN_HOUR
from central.db.pool import Connection
from central.reports.changes import month_pairs
from central.reports.model import NOTHING, Beside, Figure, Medium, Paired
from central.reports.pairing import pair
from central.reports.place import SUMMED, Place, get_place
from central.reports.shapes import Shape, compare_hours, shapes
from central.reports.span import Span
from central.reports.sums import Sum, sums
from central.reports.weigh import REST, whole
from protocol.errors import ConfigError

MAX_STEPS = {Step.QUARTER: 62, Step.HOUR: 366, Step.DAY: 3700, Step.MONTH: 3700, Step.YEAR: 3700}  # days of a range


@dataclass(frozen=True, slots=True)
class SeriesFigures:
    """`items` over the period; `base_items[i]`: beside `items[i]`, None where it has no counterpart. `comparison`: over the paired days that have
    begun, hour by hour.
    """

    node: str
    medium: Medium
    step: Step
    items: Sequence[Item]
    total: Figure
    base_items: Sequence[Item | None]
    base_total: Figure | None
    compared: Paired | None
    comparison: Comparison | None


def series(conn: Connection, period: Span, node: str, medium: Medium, step: Step, beside: Beside = "none") -> SeriesFigures:
    """Consumption of a place with everything below it. Raises NotFound, ConfigError."""
    place = get_place(conn, node)
    if period.days > MAX_STEPS[step]:
        raise ConfigError(f"{period.days} days are too many for step {step}; at most {MAX_STEPS[step]}")
    items = _items(conn, period, place, medium, step)
    total = node_total(conn, period, node, medium)
    paired = pair(conn, period, beside)
    if paired is None or paired.base_first is None or paired.base_last is None:
        return SeriesFigures(node, medium, step, items, total, [], None, paired, None)
    base = period.part(paired.base_first, paired.base_last)
    base_items = {item.start: item for item in _items(conn, base, place, medium, step)}
    beside_items = [base_items.get(label) if label else None for label in base_labels(items, paired, step)]
    comparison = compare_hours(conn, period, place, medium, paired)
    return SeriesFigures(node, medium, step, items, total, beside_items, node_total(conn, base, node, medium), paired, comparison)


def node_total(conn: Connection, period: Span, node: str, medium: Medium) -> Figure:
    """All of a place over a period."""
    found = sums(conn, period, node, medium, whole)
    return found[REST].figure if REST in found else NOTHING


def usual_step(period: Span) -> Step:
    """How finely a period is usually cut: a day by the hour, up to three months by the day, else by the month."""
    if period.days == 1:
        return Step.HOUR
    return Step.DAY if period.days <= 92 else Step.MONTH


def _items(conn: Connection, period: Span, place: Place, medium: Medium, step: Step) -> list[Item]:
    if place.kind in SUMMED:
        return place_consumption(conn, period.zone, place.code, medium, period.first, period.last, step)
    if step in (Step.MONTH, Step.YEAR):
        return _month_items(conn, period, place.code, medium, step)
    found = shapes(conn, period, place, medium)
    days = [period.first + timedelta(days=number) for number in range(period.days)]
    return [item for day in days for item in _day_items(day, period.zone, found.get(day), step)]


def _day_items(day: date, zone: str, shape: Shape | None, step: Step) -> list[Item]:
    start_ms, end_ms = bounds(day, zone)
    number = (end_ms - start_ms) // SLOT_MS
    size = {Step.QUARTER: 1, Step.HOUR: SLOTS_AN_HOUR}.get(step, number)
    items = []
    for first in range(0, number, size):
        stop = min(first + size, number)
        label = f"{day}" if step is Step.DAY else f"{day} {first // 4:02d}:{first % 4 * 15:02d}"
        share = 0.0 if shape is None else float(shape.share[first:stop].mean())
        value = int(shape.slots[first:stop].sum()) if shape is not None and share else None
        rates = tuple(shape.rates.tolist()) if step is Step.DAY and shape is not None and shape.rates is not None else None
        items.append(Item(label, start_ms + first * SLOT_MS, start_ms + stop * SLOT_MS, value, _quality(value, share), round(share, 4), rates))
    return items


def _month_items(conn: Connection, period: Span, node: str, medium: Medium, step: Step) -> list[Item]:
    """Of a room: its points' months, each whole."""
    month, items = month_of(period.first), []
    while month <= period.last:
        following = next_month(month) if step is Step.MONTH else date(month.year + 1, 1, 1)
        part = period.part(month if step is Step.MONTH else date(month.year, 1, 1), following - timedelta(days=1))
        figure = sums(conn, part, node, medium, whole).get(REST, Sum()).figure
        label = f"{month:%Y-%m}" if step is Step.MONTH else f"{month.year}"
        start_ms, end_ms = month_bounds(part.first, period.zone)[0], bounds(part.last, period.zone)[1]
        items.append(Item(label, start_ms, end_ms, figure.value, figure.quality, figure.coverage))
        month = following
    return items


def base_labels(items: Sequence[Item], paired: Paired, step: Step) -> list[str | None]:
    """The label of each item's counterpart; None where it has none."""
    if step is Step.YEAR:
        return [f"{int(item.start) - 1}" for item in items]
    if step is Step.MONTH:
        months = {f"{month:%Y-%m}": f"{base:%Y-%m}" for month, base in _months(paired)}
        return [months.get(item.start) for item in items]
    days = {f"{day}": f"{base}" for day, base in paired.pairs}
    return [None if item.start[:10] not in days else days[item.start[:10]] + item.start[10:] for item in items]


def _months(paired: Paired) -> list[tuple[date, date]]:
    """Months that lie beside each other, the one that has not ended included."""
    found = month_pairs(paired)
    if found or not paired.pairs:
        return found
    return list({month_of(day): (month_of(day), month_of(base)) for day, base in reversed(paired.pairs)}.values())


def _quality(value: int | None, share: float) -> str:
    if value is None:
        return "unknown"
    return "partial" if share < 1 else "measured"

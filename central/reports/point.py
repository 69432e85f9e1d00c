"""One metering point over time: what it used step by step, the same of the period it is laid beside, and the change over the hours known in both.

Whole months are told as they are reported, other days as they are known today. Nothing is due of a point while no meter stood there, nor of what
lies ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import cast

from central.consumption.compare import Comparison
from central.consumption.comparisons import compare_point_days
from central.consumption.days import day_of, month_of
from central.consumption.report import Item, PointFacts, Step, missing_inputs, point_consumption, point_facts
from central.db.pool import Connection
from central.db.statements import load_statements, rows
from central.reports.model import NOTHING, Beside, Figure, Medium, Paired
from central.reports.pairing import pair
from central.reports.series import base_labels
from central.reports.span import Span, loose_days, whole_months

_SQL = load_statements("central.reports")


@dataclass(frozen=True, slots=True)
class PointSeries:
    """`items` over the period; `base_items[i]`: beside `items[i]`, None where it has no counterpart. `comparison`: over the paired days that have
    begun, hour by hour up to now. `missing`: inputs of a virtual point that are not known whole.
    """

    point: str
    medium: Medium
    step: Step
    items: Sequence[Item]
    total: Figure
    base_items: Sequence[Item | None]
    base_total: Figure | None
    compared: Paired | None
    comparison: Comparison | None
    missing: Sequence[str] = ()


def point_series(conn: Connection, period: Span, code: str, step: Step, beside: Beside = "none") -> PointSeries:
    """Consumption of a point. Raises NotFound, ConfigError."""
    point = point_facts(conn, code)
    medium = cast(Medium, point.medium)
    items = _items(conn, period, code, step)
    total = point_total(conn, period, point)
    missing = missing_inputs(conn, code, period.first, period.last) if point.virtual else []
    paired = pair(conn, period, beside)
    if paired is None or paired.base_first is None or paired.base_last is None:
        return PointSeries(code, medium, step, items, total, [], None, paired, None, missing)
    base = period.part(paired.base_first, paired.base_last)
    known = {item.start: item for item in _items(conn, base, code, step)}
    beside_items = [known.get(label) if label else None for label in base_labels(items, paired, step)]
    comparison = compare_point_days(conn, period.zone, point.point_id, paired.pairs, period.now_ms)
    return PointSeries(code, medium, step, items, total, beside_items, point_total(conn, base, point), paired, comparison, missing)


def point_total(conn: Connection, period: Span, point: PointFacts) -> Figure:
    """All a point used over a period."""
    found = [item for first, last, step in pieces(period) for item in _items(conn, period.part(first, last), point.code, step)]
    return total_of(found, _due_ms(conn, period, point))


def pieces(period: Span) -> list[tuple[date, date, Step]]:
    """The period as months that are over and whole in it, and loose days up to now. Pure."""
    current = month_of(day_of(period.now_ms, period.zone))
    over = min(period.last, current - timedelta(days=1))
    found: list[tuple[date, date, Step]] = []
    if period.first <= over:
        months = whole_months(period.first, over)
        found = [(first, last, Step.DAY) for first, last in loose_days(period.first, over)] + ([] if months is None else [(*months, Step.MONTH)])
    begun = max(period.first, current)
    return [*found, (begun, period.reached, Step.DAY)] if begun <= period.reached else found


def total_of(items: Sequence[Item], due_ms: int) -> Figure:
    """The sum of items, known as far as they are, of `due_ms` that should be known. Pure."""
    known = [item for item in items if item.value is not None]
    if not known:
        return NOTHING
    value = sum(item.value or 0 for item in known)
    known_ms = sum(round(item.coverage * (item.end_ms - item.start_ms)) for item in known)
    coverage = min(1.0, known_ms / due_ms) if due_ms else 1.0
    if coverage < 1:
        return Figure(value, min(round(coverage, 4), 0.9999), "partial")
    return Figure(value, 1.0, "estimated" if any(item.quality == "estimated" for item in known) else "measured")


def _items(conn: Connection, period: Span, code: str, step: Step) -> list[Item]:
    return point_consumption(conn, period.zone, code, period.first, period.last, step)


@dataclass(frozen=True, slots=True)
class _Stood:
    from_ms: int
    until_ms: int | None


def _due_ms(conn: Connection, period: Span, point: PointFacts) -> int:
    """How much of the period a meter stood at the point, up to now; a virtual point is always due."""
    if point.virtual:
        return period.end_ms - period.start_ms
    stays = rows(conn, _SQL["stays_of_point"], _Stood, point=point.code)
    ends = [(max(period.start_ms, stay.from_ms), min(period.end_ms, period.end_ms if stay.until_ms is None else stay.until_ms)) for stay in stays]
    return sum(max(0, last - first) for first, last in ends)

"""Figures of a device's page: what its metering point used, and the registers that came of. Amounts are integers until they are text or pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

from central.consumption.compare import Comparison
from central.consumption.comparisons import compare_point_days
from central.consumption.costs import point_cost
from central.consumption.report import Step, point_facts
from central.db.pool import Connection
from central.metering.device_points import DevicePoint
from central.reports import drawings
from central.reports.model import Beside, Figure
from central.reports.pairing import pair
from central.reports.point import PointSeries, point_series, point_total
from central.reports.span import Span, span
from central.reports.tables import REASONS
from central.reports.units import amount_unit, shown
from central.web.charts import Bars
from central.web.site import Site
from central.web.translations import N_
from central.web.view import Compare, Period, View

Context = dict[str, Any]
Say = Callable[[str], str]
_BESIDE: Mapping[Compare, Beside] = {Compare.NONE: "none", Compare.PREVIOUS: "previous", Compare.YEAR: "same_date"}
_CHANGES: Sequence[tuple[str, Beside]] = ((N_("Against the year before"), "same_date"), (N_("Against the period before"), "previous"))
_TITLES: Mapping[Step, str] = {
    Step.QUARTER: N_("Consumption by quarter of an hour"),
    Step.DAY: N_("Consumption by day"),
    Step.MONTH: N_("Consumption by month"),
}


@dataclass(frozen=True, slots=True)
class Use:
    """What the point used so far."""

    medium: str
    today: Figure
    month: Figure


def use_now(conn: Connection, site: Site, point: DevicePoint | None, today: date, now_ms: int) -> Use | None:
    """Today and this month up to now; None without a point."""
    if point is None:
        return None
    facts, month = point_facts(conn, point.code), span(today.replace(day=1), today, site.zone.key, now_ms)
    return Use(point.medium, point_total(conn, month.part(today, today), facts), point_total(conn, month, facts))


def consumption(conn: Connection, site: Site, point: DevicePoint, view: View, now_ms: int, say: Say, path: str) -> Context:
    """What `meter_consumption.html` needs: the course, its sum, how it changed, what it cost."""
    period = span(view.first, view.last, site.zone.key, now_ms)
    facts, step = point_facts(conn, point.code), drawings.step_of(period.days)
    found = point_series(conn, period, point.code, step, _BESIDE[view.compare])
    many_rates = sum(any(item.rates and item.rates[rate] for item in found.items) for rate in range(5)) > 1
    medium = found.medium
    return {
        "found": found,
        "drawing": _course(found, view, say, path),
        "by_rate": drawings.by_rates(medium, say(N_("Use by tariff rate")), found.items, say) if many_rates else None,
        "changes": [(label, _change(conn, period, facts.point_id, mode)) for label, mode in _CHANGES],
        "cost": point_cost(conn, period.zone, point.code, facts.point_id, medium, view.first, period.reached) if view.first <= view.today else None,
        "adjusted": sum(item.adjusted for item in found.items),
    } | figure_words(medium)


def figure_words(medium: str) -> Context:
    """What `report_words.html` needs to write figures of a medium."""
    return {"amount": partial(written, medium), "reasons": REASONS}


def written(medium: str, value: int | None) -> tuple[str, str]:
    """An amount with its unit, in the unit charts use."""
    unit = amount_unit(medium, [value])
    return shown(unit, value), unit.unit


def _course(found: PointSeries, view: View, say: Say, path: str) -> Bars:
    """Quarters of an hour, days or months as bars; a day or month leads to its own view."""

    def into(label: str) -> str:
        if len(label) == len("2026-11"):
            return f"{path}?{view.query(period=Period.MONTH.value, at=f'{label}-01', to='')}"
        return f"{path}?{view.query(period=Period.DAY.value, at=label[:10], to='')}"

    base_first = found.compared.base_first if found.compared else None
    base_name = "" if base_first is None else _span_name(view, base_first)
    drawn = drawings.course(found.medium, say(_TITLES[found.step]), found.items, _span_name(view, view.first), found.base_items, base_name, into)
    if found.step is not Step.QUARTER:
        return drawn
    return replace(drawn, categories=[label[11:] if view.days == 1 else label for label in drawn.categories], hrefs=())


def _change(conn: Connection, period: Span, point_id: int, mode: Beside) -> Comparison | None:
    """Against another period, over the hours known in both."""
    paired = pair(conn, period, mode)
    return compare_point_days(conn, period.zone, point_id, paired.pairs, period.now_ms) if paired and paired.pairs else None


def _span_name(view: View, first: date) -> str:
    """How a legend calls the period: its year, month or first day."""
    if view.period is Period.YEAR:
        return f"{first.year}"
    if view.period is Period.MONTH:
        return f"{first:%Y-%m}"
    return f"{first}" if view.days == 1 else f"{first} …"

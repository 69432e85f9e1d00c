"""What each tab of the pages /electricity and /water shows: its figures, and the charts made of them. A tab computes only its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from central.consumption.compare import Comparison
from central.consumption.report import Item, Step
from central.db.pool import Connection
from central.reports import drawings
from central.reports.areas import by_area
from central.reports.balance import balances
from central.reports.carbon import equivalents
from central.reports.demand import MAX_DAYS, demand, duration
from central.reports.flow import UNASSIGNED, UNTRACKED, FlowNode, flow
from central.reports.heat import by_day, by_hour
from central.reports.items import by_energy_item
from central.reports.model import Beside, Intensity, Line, Medium
from central.reports.pairing import pair
from central.reports.place import facts_on, get_place, per_m2, per_person
from central.reports.points import PointLine, by_points
from central.reports.rates import by_rate
from central.reports.series import node_total, series
from central.reports.shapes import compare_hours
from central.reports.span import Span
from central.reports.units import Unit, amount_unit, intensity_unit
from central.web.charts import Bars
from central.web.node import Node
from central.web.translations import N_
from central.web.view import Compare, Period, View

BESIDE: Mapping[Compare, Beside] = {Compare.NONE: "none", Compare.PREVIOUS: "previous", Compare.YEAR: "same_date"}
_TOP_POINTS = 20
Context = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What a page is asked. `node.code` is never empty. `per`: total, m2 or person; `by`: place or point; `item`: an energy item to look into."""

    conn: Connection
    node: Node
    medium: Medium
    view: View
    period: Span
    say: Callable[[str], str]
    chinese: bool
    path: str
    per: str = "total"
    by: str = "place"
    item: str = ""

    @property
    def code(self) -> str:
        """The place it is about."""
        return self.node.code

    @property
    def beside(self) -> Beside:
        """What the picker says it is laid beside."""
        return BESIDE[self.view.compare]

    def named(self, thing: Any) -> str:
        """A name in the reader's language, or the code of what has none."""
        return str((thing.name_zh if self.chinese else thing.name_en) or thing.code)

    def href(self, **changes: str) -> str:
        """This page with some parts of its address otherwise."""
        return f"{self.path}?{self.view.query(**changes)}"

    def into(self, label: str) -> str:
        """The day (2026-11-22) or month (2026-11) of a label as a page of its own."""
        if len(label) == len("2026-11"):
            return self.href(period=Period.MONTH.value, at=f"{label}-01", to="")
        return self.href(period=Period.DAY.value, at=label[:10], to="")


def overview(asked: Question) -> Context:
    """How much, against when, how intense, what it cost."""
    conn, period, code, medium = asked.conn, asked.period, asked.code, asked.medium
    step = drawings.step_of(period.days)
    found = series(conn, period, code, medium, step, "previous" if step is Step.QUARTER and asked.beside == "none" else asked.beside)
    facts = facts_on(conn, [code], period.reached)[code]
    peaks = demand(conn, period, code, medium, 1).peaks if period.days <= MAX_DAYS else []
    return {
        "drawing": _course(asked, found.items, found.base_items, found.compared.base_first if found.compared else None, step),
        "total": found.total,
        "estimated_percent": _estimated_percent(found.items),
        "changes": [(label, _change(asked, mode)) for label, mode in _CHANGES],
        "per_m2": per_m2(found.total, facts),
        "per_person": per_person(found.total, facts),
        "cost": by_rate(conn, period, code, medium),
        "equivalents": equivalents(conn, period, code, medium, total=found.total),
        "peak": peaks[0] if peaks else None,
        "too_long": period.days > MAX_DAYS,
        "rate_names": drawings.RATE_NAMES,
    }


def ranking(asked: Question) -> Context:
    """Who used most: places directly below, or points."""
    if asked.by == "point":
        page = by_points(asked.conn, asked.period, asked.code, asked.medium, asked.beside, limit=_TOP_POINTS)
        return _ranked(asked, page.rows) | {
            "total": node_total(asked.conn, asked.period, asked.code, asked.medium),
            "rest": None,
            "points": page.total,
        }
    found = by_area(asked.conn, asked.period, asked.code, asked.medium, asked.beside)
    return _ranked(asked, found.parts) | {"total": found.total, "rest": found.rest, "points": 0}


def items(asked: Question) -> Context:
    """Lighting, cooling, power, special; and what these consist of."""
    found = by_energy_item(asked.conn, asked.period, asked.code, asked.medium, asked.item, asked.beside)
    rest_name = asked.say(N_("Without a finer item") if asked.item else N_("Without an item"))
    lines = [*found.parts, *([found.rest] if found.rest else [])]
    chart = drawings.shares_of(found, asked.say(N_("Share of each use")), lambda line: asked.named(line) if line.code else rest_name)
    by_place = None
    if not asked.item:
        going_to = flow(asked.conn, asked.period, asked.code, asked.medium)
        names = {f"item:{line.code or UNASSIGNED}": asked.named(line) if line.code else rest_name for line in lines}
        by_place = drawings.items_of_places(going_to, asked.say(N_("Uses of each place")), names, asked.named, lambda code: asked.href(node=code))
    return {"found": found, "lines": lines, "drawing": chart, "by_place": by_place, "rest_name": rest_name, "total": found.total, "item": asked.item}


def heat(asked: Question) -> Context:
    """Habit and waste: every hour of the range, every day of the year."""
    period, year = asked.period, asked.period.first.year
    hours = None
    if period.days <= MAX_DAYS:
        hours = drawings.heat(asked.medium, asked.say(N_("Hour by hour")), by_hour(asked.conn, period, asked.code, asked.medium).rows, asked.into)
    days = by_day(asked.conn, year, period.zone, period.now_ms, asked.code, asked.medium)
    title = asked.say(N_("Every day of %(year)s")) % {"year": year}
    return {"hours": hours, "calendar": drawings.year_of_days(asked.medium, title, year, days, asked.view.today, asked.into)}


def load(asked: Question) -> Context:
    """How much at once: the duration curve and the highest quarters of an hour."""
    if asked.period.days > MAX_DAYS:
        return {"too_long": True}
    curve = duration(asked.conn, asked.period, asked.code, asked.medium)
    chart = drawings.duration_curve(curve, asked.say(N_("Duration curve")), asked.say(N_("Reached or exceeded for this share of the time")))
    return {"too_long": False, "curve": curve, "drawing": chart, "peaks": demand(asked.conn, asked.period, asked.code, asked.medium).peaks}


def tariff(asked: Question) -> Context:
    """Energy and money by tariff rate."""
    figures = by_rate(asked.conn, asked.period, asked.code, asked.medium)
    step = Step.DAY if asked.period.days <= drawings.MOST_DAYS else Step.MONTH
    found = series(asked.conn, asked.period, asked.code, asked.medium, step)
    chart = drawings.by_rates(asked.medium, asked.say(N_("Use by tariff rate")), found.items, asked.say)
    priced = {part.rate: part.fen for part in figures.parts if part.fen is not None}
    money = drawings.money_by_rate(asked.say(N_("Cost of each rate")), asked.say(N_("Cost")), asked.say(N_("yuan")), priced, asked.say)
    return {"figures": figures, "drawing": chart, "money": money, "rate_names": drawings.RATE_NAMES, "total": found.total}


def going(asked: Question) -> Context:
    """Where it goes, and what nobody traces."""
    found = flow(asked.conn, asked.period, asked.code, asked.medium)
    words = {UNTRACKED: asked.say(N_("Not traced (losses and what has no meter)")), UNASSIGNED: asked.say(N_("Without an item"))}

    def named(node: FlowNode) -> str:
        return words.get(node.code or node.id) or words.get(node.id) or asked.named(node)

    title = asked.say(N_("Where it goes"))
    chart = drawings.sankey(found, title, named, asked.say(N_("Smaller places together")), lambda code: asked.href(node=code))
    names = {node.id: named(node) for node in found.nodes}
    apart = [(names.get(link.source, link.source), names.get(link.target, link.target), link.figure) for link in found.apart]
    return {"drawing": chart, "apart": apart, "total": found.total}


def balance(asked: Question) -> Context:
    """What a meter shows and those below it do not."""
    found = balances(asked.conn, asked.period, asked.code, asked.medium)
    return {"balances": found, "unit": amount_unit(asked.medium, [one.parent for one in found])}


TABS: Mapping[str, tuple[str, Callable[[Question], Context]]] = {
    "overview": (N_("At a glance"), overview),
    "ranking": (N_("Ranking"), ranking),
    "items": (N_("By use"), items),
    "heat": (N_("Heat map"), heat),
    "demand": (N_("Demand"), load),
    "tariff": (N_("Tariff"), tariff),
    "flow": (N_("Flow"), going),
    "balance": (N_("Balance"), balance),
}
NOT_OF_WATER = frozenset({"items", "tariff"})
_CHANGES: Sequence[tuple[str, Beside]] = ((N_("Against the year before"), "same_date"), (N_("Against the period before"), "previous"))


def _course(asked: Question, found: Sequence[Item], base: Sequence[Item | None], base_first: date | None, step: Step) -> Bars:
    name = _span_name(asked.view, asked.period.first)
    base_name = "" if base_first is None else _span_name(asked.view, base_first)
    if step is Step.QUARTER:
        title = asked.say(N_("Mean of each quarter of an hour"))
        return drawings.load_curve(asked.medium, title, found, name, base, base_name, asked.period.zone)
    title = asked.say(N_("Use of each day") if step is Step.DAY else N_("Use of each month"))
    return drawings.course(asked.medium, title, found, name, base, base_name, asked.into)


def _span_name(view: View, first: date) -> str:
    """How a legend calls the period: its year, month or first day."""
    if view.period is Period.YEAR:
        return f"{first.year}"
    if view.period is Period.MONTH:
        return f"{first:%Y-%m}"
    return f"{first}" if view.days == 1 else f"{first} …"


def _estimated_percent(found: Sequence[Item]) -> int:
    """How much of the known amount is estimated; more than nothing is at least 1."""
    known = sum(abs(item.value or 0) for item in found)
    made = sum(abs(item.value or 0) for item in found if item.quality == "estimated")
    return 0 if not made or not known else max(1, made * 100 // known)


def _change(asked: Question, mode: Beside) -> Comparison | None:
    """Hour by hour over what is known in both; days of which nothing is known count as unknown ones."""
    paired = pair(asked.conn, asked.period, mode)
    if paired is None or not paired.pairs:
        return None
    return compare_hours(asked.conn, asked.period, get_place(asked.conn, asked.code), asked.medium, paired)


def _ranked(asked: Question, lines: Sequence[Line] | Sequence[PointLine]) -> Context:
    """Lines by what `per` asks for, with their chart; those without such a number stand at the end."""
    ranked = [drawings.Ranked(asked.named(line), _href(asked, line), line.figure, _amount(asked.per, line), _base(asked, line)) for line in lines]
    order = sorted(range(len(ranked)), key=lambda at: (ranked[at].value is None, -(ranked[at].value or 0)))
    unit = _unit(asked, [one.value for one in ranked])
    beside_name = asked.say(N_("Compared period"))
    chart = drawings.ranking(
        asked.say(N_("Largest first")), [ranked[at] for at in order], unit, _span_name(asked.view, asked.period.first), beside_name
    )
    return {"lines": [(lines[at], ranked[at]) for at in order], "unit": unit, "drawing": chart, "per": asked.per, "by": asked.by}


def _amount(per: str, line: Line | PointLine) -> int | None:
    if per == "total":
        return line.figure.value
    intensity: Intensity | None = line.per_m2 if per == "m2" else line.per_person
    return None if intensity is None else intensity.milli


def _unit(asked: Question, values: Sequence[int | None]) -> Unit:
    if asked.per == "total":
        return amount_unit(asked.medium, values)
    return intensity_unit(asked.medium, "m²" if asked.per == "m2" else asked.say(N_("person")), values)


def _base(asked: Question, line: Line | PointLine) -> int | None:
    return line.change.base.value if line.change is not None and asked.per == "total" else None


def _href(asked: Question, line: Line | PointLine) -> str:
    if isinstance(line, PointLine):
        return f"/devices/{line.device}" if line.device else ""
    return asked.href(node=line.code)

"""Figures of reports as charts: which chart answers which question. Pure; `say` translates names into the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

from central.consumption.model import RATES
from central.consumption.report import HeatRow, Item, Step
from central.reports.demand import Duration
from central.reports.flow import UNASSIGNED, UNTRACKED, FlowFigures, FlowNode
from central.reports.model import LEAST_COVERAGE, Breakdown, Figure, Line, Medium
from central.reports.units import Unit, amount_unit, power_unit
from central.web.charts import Bars, Calendar, Flow, Heat, Quality, Series, Shares, Style
from central.web.translations import N_

Say = Callable[[str], str]
HrefOf = Callable[[str], str]
RATE_NAMES: Mapping[str, str] = {
    "sharp": N_("Sharp"),
    "peak": N_("Peak"),
    "flat": N_("Flat"),
    "valley": N_("Valley"),
    "deep_valley": N_("Deep valley"),
}
_QUARTERS_AN_HOUR = 4
_MOST_BARS = 20
_MOST_ENDS = 24  # places of a flow that can be told apart; smaller ones are one node
MOST_DAYS = 62  # drawn by the day; a longer heat map runs from left to right
_ALL_BUT_WHOLE = 0.99
_ITEM_ROLES = frozenset("ABCD")


@dataclass(frozen=True, slots=True)
class Ranked:
    """One line of a ranking. `value`: what it is ranked by; `base`: the same of the compared period."""

    name: str
    href: str
    figure: Figure
    value: int | None
    base: int | None


def step_of(days: int) -> Step:
    """How finely a range is drawn."""
    return Step.QUARTER if days <= 2 else Step.DAY if days <= MOST_DAYS else Step.MONTH


def course(medium: Medium, title: str, items: Sequence[Item], name: str, beside: Sequence[Item | None], beside_name: str, href_of: HrefOf) -> Bars:
    """Days, months or years as bars, the compared period behind them as outlines."""
    values, bases = [item.value for item in items], [item.value if item else None for item in beside]
    unit = amount_unit(medium, (*values, *bases))
    labels = [item.start for item in items]
    series = [_series(name, items, unit, values), *_compared(beside_name, unit, bases, "outline")]
    return Bars(title, unit.unit, labels, series, hrefs=[href_of(label) for label in labels])


def load_curve(medium: Medium, title: str, items: Sequence[Item], name: str, beside: Sequence[Item | None], beside_name: str, zone: str) -> Bars:
    """Quarter hours as a line of mean power, the compared day dashed."""
    values, bases = [_mean(item) for item in items], [_mean(item) for item in beside]
    unit = power_unit(medium, (*values, *bases))
    series = [_series(name, items, unit, values, "line"), *_compared(beside_name, unit, bases, "dashed")]
    one_day = len({item.start[:10] for item in items}) == 1
    labels = [item.start[11:] if one_day else item.start for item in items]
    return Bars(title, unit.unit, labels, series, instants=[item.start_ms for item in items], zone=zone)


def by_rates(medium: Medium, title: str, items: Sequence[Item], say: Say) -> Bars:
    """Each period by tariff rate, stacked; rates nobody has are left out."""
    unit = amount_unit(medium, [item.value for item in items])
    used = [number for number in range(len(RATES)) if any(item.rates and item.rates[number] for item in items)]
    parts = {number: [item.rates[number] if item.rates else None for item in items] for number in used}
    series = [_series(say(RATE_NAMES[RATES[number]]), items, unit, parts[number], role=RATES[number], stack="rates") for number in used]
    return Bars(title, unit.unit, [item.start for item in items], series)


def money_by_rate(title: str, name: str, unit: str, fen: Mapping[str, int], say: Say) -> Bars:
    """What each rate cost, in yuan."""
    names = [say(RATE_NAMES[rate]) for rate in fen]
    return Bars(title, unit, names, [Series(name, [amount / 100 for amount in fen.values()])], horizontal=True, decimals=2)


def ranking(title: str, lines: Sequence[Ranked], unit: Unit, name: str, beside_name: str) -> Bars:
    """Lying bars of the largest; the compared period as outlines where there is one."""
    shown = [line for line in lines if line.value is not None][:_MOST_BARS]
    numbers = [unit.number(line.value) for line in shown]
    series = [
        Series(
            name,
            numbers,
            quality=[_quality(line.figure.quality, line.figure.coverage) for line in shown],
            coverage=[line.figure.coverage for line in shown],
        )
    ]
    bases = [line.base for line in shown]
    if any(base is not None for base in bases):
        series += _compared(beside_name, unit, bases, "outline")
    return Bars(title, unit.unit, [line.name for line in shown], series, hrefs=[line.href for line in shown], horizontal=True)


def shares_of(found: Breakdown, title: str, named: Callable[[Line], str]) -> Shares:
    """A breakdown's known parts as slices (or bars, where they are many); what is not known is in no slice."""
    lines = [line for line in (*found.parts, *([found.rest] if found.rest else [])) if line.figure.value]
    unit = amount_unit(found.medium, [line.figure.value for line in lines])
    return Shares(title, unit.unit, [(named(line), unit.number(line.figure.value) or 0.0, role_of(line.code)) for line in lines])


def role_of(item: str) -> str:
    """The colour of an energy item by its letter; what has no item is `other`."""
    return item[2:3] if item[2:3] in _ITEM_ROLES else "other"


def heat(medium: Medium, title: str, rows: Sequence[HeatRow], href_of: HrefOf) -> Heat:
    """Days by the hour."""
    unit = amount_unit(medium, [hour for row in rows for hour in row.hours])
    labels = [row.day.isoformat() for row in rows]
    values = [_hours(row.hours, unit) for row in rows]
    columns = [f"{hour:02d}:00" for hour in range(24)]
    hrefs = [href_of(label) for label in labels]
    return Heat(title, unit.unit, labels, columns, values, hrefs=hrefs, turned=len(rows) > MOST_DAYS)


def year_of_days(medium: Medium, title: str, year: int, items: Sequence[Item], today: date, href_of: HrefOf) -> Calendar:
    """A year by the day up to today. A day of which too little is known has no colour: it would look like a quiet one."""
    least = float(LEAST_COVERAGE)
    begun = [item for item in items if item.start <= today.isoformat()]
    known = {item.start: item.value if item.coverage >= least or item.start == today.isoformat() else None for item in begun}
    unit = amount_unit(medium, known.values())
    values = {day: unit.number(value) for day, value in known.items()}
    return Calendar(title, unit.unit, year, values, {day: href_of(day) for day in known})


def duration_curve(found: Duration, title: str, name: str) -> Bars:
    """Means in falling order over the share of time in which they were reached."""
    unit = power_unit(found.medium, found.values)
    labels = [f"{share * 100:.1f} %" for share in found.shares]
    return Bars(title, unit.unit, labels, [Series(name, [unit.number(value) for value in found.values], style="line")])


def sankey(found: FlowFigures, title: str, named: Callable[[FlowNode], str], smaller: str, href_of: HrefOf) -> Flow:
    """Intake to items to places; the smallest places of many are one node."""
    into: dict[str, int] = {}
    for link in found.links:
        into[link.target] = into.get(link.target, 0) + (link.figure.value or 0)
    places = sorted((one for one in into if one.startswith("place:")), key=lambda one: -into[one])
    folded = frozenset(places[_MOST_ENDS:])
    amounts: dict[tuple[str, str], int] = {}
    for link in found.links:
        ends = (link.source, "smaller" if link.target in folded else link.target)
        amounts[ends] = amounts.get(ends, 0) + (link.figure.value or 0)
    unit = amount_unit(found.medium, [found.total.value, *amounts.values()])
    ends_used = {end for pair in amounts for end in pair}
    nodes = {one.id: (named(one), _flow_role(one)) for one in found.nodes if one.id in ends_used}
    if folded:
        nodes["smaller"] = (smaller, "compared")
    hrefs = {one.id: href_of(one.code) for one in found.nodes if one.kind == "place" and one.id in nodes}
    return Flow(title, unit.unit, nodes, [(*ends, unit.number(value) or 0.0) for ends, value in amounts.items()], hrefs=hrefs)


def items_of_places(found: FlowFigures, title: str, item_names: Mapping[str, str], named: Callable[[FlowNode], str], href_of: HrefOf) -> Bars | None:
    """Places below as lying stacks of energy items, largest first; None where there are no places."""
    amounts = {(link.source, link.target): link.figure for link in found.links if link.target.startswith("place:")}
    sums: dict[str, int] = {}
    for (_, place), figure in amounts.items():
        sums[place] = sums.get(place, 0) + (figure.value or 0)
    places = sorted(sums, key=lambda one: -sums[one])[:_MOST_BARS]
    if not places:
        return None
    nodes = {one.id: one for one in found.nodes}
    unit = amount_unit(found.medium, sums.values())
    series = []
    for item, name in item_names.items():
        figures = [amounts.get((item, place)) for place in places]
        if any(figures):
            quality: list[Quality] = ["unknown" if one is None else _quality(one.quality, one.coverage) for one in figures]
            numbers = [unit.number(one.value if one else None) for one in figures]
            series.append(
                Series(
                    name, numbers, role=role_of(item[5:]), quality=quality, stack="items", coverage=[one.coverage if one else 1.0 for one in figures]
                )
            )
    labels = [named(nodes[place]) for place in places]
    return Bars(title, unit.unit, labels, series, hrefs=[href_of(nodes[place].code) for place in places], horizontal=True)


def _flow_role(node: FlowNode) -> str:
    if node.id == UNTRACKED or node.code == UNASSIGNED:
        return "other"
    return role_of(node.code) if node.kind == "item" else "main"


def _series(
    name: str, items: Sequence[Item], unit: Unit, values: Sequence[int | None], style: Style = "bar", role: str = "main", stack: str = ""
) -> Series:
    quality = [_quality(item.quality, item.coverage) for item in items]
    return Series(name, [unit.number(value) for value in values], role, style, quality, stack, [item.coverage for item in items])


def _compared(name: str, unit: Unit, values: Sequence[int | None], style: Style) -> list[Series]:
    return [Series(name, [unit.number(value) for value in values], role="compared", style=style)] if values else []


def _mean(item: Item | None) -> int | None:
    """Of a quarter of an hour: base units an hour."""
    return None if item is None or item.value is None else item.value * _QUARTERS_AN_HOUR


def _hours(hours: Sequence[int | None], unit: Unit) -> list[float | None]:
    """24 hours; days on which the clock is changed are cut or filled at their end."""
    values = [unit.number(hour) for hour in hours[:24]]
    return values + [None] * (24 - len(values))


def _quality(word: str, coverage: float) -> Quality:
    """Some meter of a campus is always silent: what is known all but whole is drawn as whole, and its share is said beside it."""
    return "measured" if word == "partial" and coverage >= _ALL_BUT_WHOLE else cast(Quality, word)

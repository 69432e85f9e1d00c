"""A place by tariff rate: energy and money in sharp, peak, flat, valley and deep valley hours, by what is known today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from central.consumption.costs import CostFigures, CostLine, DayRates, place_cost, priced
from central.consumption.model import RATES
from central.consumption.tariffs import parsed_versions
from central.db.pool import Connection
from central.db.statements import load_statements, rows
from central.reports.model import Medium
from central.reports.place import SUMMED, get_place
from central.reports.span import Span
from central.reports.sums import counting, stretches_of
from central.reports.weigh import whole

_SQL = load_statements("central.reports")


@dataclass(frozen=True, slots=True)
class RatePart:
    """One rate. `share_permille` of the energy that is known; `fen`: None where some of it has no tariff."""

    rate: str
    value: int
    share_permille: int
    fen: int | None


@dataclass(frozen=True, slots=True)
class RateFigures:
    """Energy by rate. Lines (by version of the tariff) sum to `total_fen`; `unpriced`: energy of days before the first tariff."""

    node: str
    medium: Medium
    first: date
    last: date
    value: int | None
    coverage: float
    parts: Sequence[RatePart]
    lines: Sequence[CostLine]
    total_fen: int | None
    unpriced: int


def by_rate(conn: Connection, period: Span, node: str, medium: Medium) -> RateFigures:
    """A place's energy and its cost by rate. Raises NotFound, ConfigError."""
    place = get_place(conn, node)
    found = place_cost(conn, node, medium, period.first, period.reached) if place.kind in SUMMED else _of_room(conn, period, node, medium)
    energies = {rate: sum(line.value for line in found.lines if line.rate == rate) for rate in RATES}
    energies["flat"] += found.unpriced  # days without a tariff are flat
    known = found.coverage > 0
    parts = [RatePart(rate, value, value * 1000 // found.value if found.value else 0, _fen(found, rate)) for rate, value in energies.items() if value]
    total_fen = found.total_fen if known and found.lines else None
    value = found.value if known else None
    return RateFigures(node, medium, period.first, period.last, value, found.coverage, parts, found.lines, total_fen, found.unpriced)


def _fen(found: CostFigures, rate: str) -> int | None:
    if found.unpriced and rate == "flat":
        return None
    return sum(line.fen for line in found.lines if line.rate == rate)


def _of_room(conn: Connection, period: Span, node: str, medium: Medium) -> CostFigures:
    days: list[DayRates] = []
    for stretch in stretches_of(conn, period, node):
        ids = [point for _, point, _ in whole(counting(conn, stretch, node, medium))]
        days += rows(conn, _SQL["rates_of_points"], DayRates, ids=ids, since=stretch.first, until=stretch.last)
    return priced(node, medium, days, parsed_versions(conn).get(medium, ()), sum(day.due_s for day in days))

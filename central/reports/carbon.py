"""Standard coal and carbon dioxide of a figure, with the versions of the factors they were made with. A closed month keeps its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Literal

from central.consumption.days import month_of, next_month
from central.consumption.rounding import half_up
from central.db.pool import Connection
from central.db.statements import load_statements
from central.reports.dictionary import Factor, factor_on, load_dictionary
from central.reports.model import Figure, Medium, Reason
from central.reports.series import node_total
from central.reports.span import Span

_SQL = load_statements("central.reports")
Kind = Literal["standard_coal", "co2"]
Basis = Literal["calorific", "supply", "location"]
_ASKED: tuple[tuple[Kind, Basis], ...] = (("standard_coal", "calorific"), ("standard_coal", "supply"), ("co2", "location"))


@dataclass(frozen=True, slots=True)
class Equivalent:
    """`grams` of standard coal or CO2; None for a `reason`. `basis`: calorific (当量值), supply (等价值), location (grid mean).

    `factors`: the versions used, in order of time; more than one where a new one came into force within the period.
    """

    kind: Kind
    basis: Basis
    region: str
    grams: int | None
    factors: Sequence[Factor]
    reason: Reason | None = None


def equivalents(conn: Connection, period: Span, node: str, medium: Medium, region: str = "CN", total: Figure | None = None) -> list[Equivalent]:
    """Of all a place used: standard coal by both bases, and CO2 of its grid region (the national mean where the region has no factor).

    `total`: the place's figure where the caller has it already.
    """
    known = {} if total is None else {(period.first, period.reached): total}

    def figure_of(part: Span) -> Figure:
        days = (part.first, part.last)
        if days not in known:
            known[days] = node_total(conn, part, node, medium)
        return known[days]

    kinds = [(kind, basis) for kind, basis in _ASKED if medium == "electricity" or (kind, basis) == ("standard_coal", "calorific")]
    return [_equivalent(conn, period, medium, kind, basis, region, figure_of) for kind, basis in kinds]


def grams(value: int, factor: Factor) -> int:
    """Grams of an amount in base units: a factor is kilograms for 1000 of them."""
    return half_up(Fraction(Decimal(factor.value)) * value)


def tonnes(amount: int) -> Decimal:
    """Grams as tonnes, to the kilogram."""
    return (Decimal(amount) / 10**6).quantize(Decimal("0.001"), ROUND_HALF_UP)


def _equivalent(
    conn: Connection, period: Span, medium: Medium, kind: Kind, basis: Basis, region: str, figure_of: Callable[[Span], Figure]
) -> Equivalent:
    total = 0
    used: list[Factor] = []
    found = Equivalent(kind, basis, region, None, [])
    for part, factor in _parts(conn, period, medium, kind, basis, region):
        if factor is None:
            return replace(found, factors=used, reason=Reason.NO_FACTOR)
        figure = figure_of(part)
        if figure.value is None:
            return replace(found, factors=[*used, factor], reason=figure.reason or Reason.UNKNOWN)
        total += grams(figure.value, factor)
        used.append(factor)
    return replace(found, grams=total, factors=used, region=used[-1].region)


def _parts(conn: Connection, period: Span, medium: Medium, kind: Kind, basis: Basis, region: str) -> list[tuple[Span, Factor | None]]:
    """The period in pieces of one factor each. What lies ahead needs none."""
    parts: list[tuple[Span, Factor | None]] = []
    month = month_of(period.first)
    while month <= period.reached:
        first, last = max(month, period.first), min(next_month(month) - timedelta(days=1), period.reached)
        factor = _factor(conn, month, medium, kind, basis, region)
        if parts and parts[-1][1] == factor:
            parts[-1] = (period.part(parts[-1][0].first, last), factor)
        else:
            parts.append((period.part(first, last), factor))
        month = next_month(month)
    return parts


def _factor(conn: Connection, month: date, medium: Medium, kind: Kind, basis: Basis, region: str) -> Factor | None:
    """Of a closed month the version it was closed with; else the one in force on its first day. A region without one takes the national mean."""
    row = conn.execute(_SQL["factors_of_month"], {"month": month}).fetchone()
    locked = set(row[0]) if row and row[0] else None
    factors = load_dictionary().factors if locked is None else [one for one in load_dictionary().factors if one.version in locked]
    for where in dict.fromkeys((region, "CN")):
        chosen = [one for one in factors if one.key == (medium, kind, basis, where)]
        found = factor_on(chosen, month) if locked is None else next(iter(chosen), None)
        if found is not None:
            return found
    return None

"""Habit and waste at a glance: any days of a place by the hour, a year by the day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from central.consumption.report import HeatRow, Item, Step, heat_between
from central.db.pool import Connection
from central.reports.model import Medium
from central.reports.place import SUMMED, get_place
from central.reports.series import series
from central.reports.shapes import shapes
from central.reports.span import Span
from protocol.errors import ConfigError

MAX_DAYS = 366


@dataclass(frozen=True, slots=True)
class HeatFigures:
    """`rows[i].hours[h]`: what was used in that hour; None where nothing is known. Days of which nothing is known are there, empty."""

    node: str
    medium: Medium
    rows: Sequence[HeatRow]


def by_hour(conn: Connection, period: Span, node: str, medium: Medium) -> HeatFigures:
    """A row a day (at most a year of them), a column an hour. Raises NotFound, ConfigError."""
    place = get_place(conn, node)
    if period.days > MAX_DAYS:
        raise ConfigError(f"{period.days} days are too many for a heat map by the hour; at most {MAX_DAYS}")
    if place.kind in SUMMED:
        known = {row.day: row for row in heat_between(conn, node, medium, period.first, period.last)}
    else:
        known = {}
        for day, shape in shapes(conn, period, place, medium).items():
            amounts, shares = shape.hours()
            known[day] = HeatRow(day, tuple(int(value) if share else None for value, share in zip(amounts, shares, strict=True)))
    return HeatFigures(node, medium, [known.get(day, HeatRow(day, (None,) * 24)) for day in period.each])


def by_day(conn: Connection, year: int, zone: str, now_ms: int, node: str, medium: Medium) -> list[Item]:
    """A calendar year, an item a day. Raises NotFound."""
    return list(series(conn, Span(date(year, 1, 1), date(year, 12, 31), zone, now_ms), node, medium, Step.DAY).items)

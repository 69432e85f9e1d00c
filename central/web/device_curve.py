"""The day curve of a device's page: one quantity over one local day, with the day before as a shadow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from central.completeness.expected import period_s
from central.db.pool import Connection
from central.metering.model import DeviceView, Point
from central.metering.values import curve
from central.web.curve import MAX_POINTS, choose_quantity, day_bounds, gap_after, line, marked, summarise
from central.web.display import local, shown_decimals
from central.web.site import Site
from protocol.profile import AnyProfile
from protocol.quantities import QUANTITIES, Kind, Medium

_DAY_MS = 86_400_000
_FIRST_DAY = date(1970, 1, 2)  # the day before it still has a day before in every time zone
_POSITION = {code: position for position, code in enumerate(QUANTITIES)}
_MEDIA = {medium: position for position, medium in enumerate(Medium)}


@dataclass(frozen=True, slots=True)
class AskedCurve:
    """What the address asks: None is today and the quantity people look at first; `look` is chart or table."""

    day: date | None
    quantity: str | None
    look: str


def curve_context(conn: Connection, now: float, site: Site, device: DeviceView, profile: AnyProfile | None, asked: AskedCurve) -> dict[str, Any]:
    """What `curve.html` needs."""
    today = local(now, site.zone).date()
    shown_day = max(_FIRST_DAY, min(asked.day or today, today))
    choices = sorted((code for code in device.quantities if code in QUANTITIES), key=quantity_order)
    code = choose_quantity(choices, asked.quantity)
    context: dict[str, Any] = {"day": shown_day, "today": today, "choices": choices, "quantity": None, "points": [], "one_day": timedelta(days=1)}
    context["shown_as"] = asked.look
    if code is None:
        return context
    quantity, period = QUANTITIES[code], period_s(profile, device.poll_s, code)
    from_ms, to_ms = day_bounds(shown_day, site.zone)
    points = curve(conn, device.code, code, from_ms, to_ms, MAX_POINTS)
    before = curve(conn, device.code, code, *day_bounds(shown_day - timedelta(days=1), site.zone), MAX_POINTS)
    chart = {
        "zone": site.zone.key,
        "unit": quantity.display_unit,
        "decimals": shown_decimals(quantity),
        "from_ms": from_ms,
        "to_ms": to_ms,
        "line": line(points, quantity, period),
        "points": marked(points, quantity),
        "before": line(before, quantity, period, _DAY_MS) if quantity.kind is Kind.INSTANTANEOUS else [],
        "steps": quantity.kind is Kind.STATE,
    }
    summary = summarise(points, quantity, period)
    return context | {"quantity": quantity, "period_s": period, "points": _table(points, period), "chart": chart, "summary": summary}


def quantity_order(code: str) -> tuple[int, int]:
    """As the vocabulary lists them, what the device is about first: relay 2 stands before relay 10."""
    return _MEDIA[QUANTITIES[code].medium], _POSITION[code]


def known_registers(registers: Mapping[str, int]) -> list[tuple[Any, int]]:
    """Registers of an installation with their quantities; those this version does not know are left out."""
    return [(QUANTITIES[code], value) for code, value in registers.items() if code in QUANTITIES]


def _table(points: list[Point], period: int) -> list[tuple[Point, bool]]:
    """Newest first, each with whether values are missing behind it."""
    return list(zip(points, gap_after(points, period), strict=True))[::-1]

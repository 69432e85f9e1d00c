"""The page of one device: what it is, what it says now, how its day went."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from central.completeness.expected import period_s
from central.context import Central
from central.db.pool import Connection
from central.fleet.gateways import get_gateway
from central.identity.guard import Principal, require
from central.identity.scope import About, Scope
from central.metering.device import get_device
from central.metering.model import DeviceView, Point
from central.metering.replacement_log import replacements
from central.metering.tree import ancestors
from central.metering.values import curve, latest_values
from central.web.curve import MAX_POINTS, choose_quantity, day_bounds, gap_after, line, marked, summarise
from central.web.display import local, shown_decimals
from central.web.render import render
from central.web.site import Site, load_site
from protocol.errors import NotFound
from protocol.profile import AnyProfile
from protocol.quantities import QUANTITIES, Kind, Medium, Quantity

_DAY_MS = 86_400_000
_FIRST_DAY = date(1970, 1, 2)  # the day before it still has a day before in every time zone
_POSITION = {code: position for position, code in enumerate(QUANTITIES)}
_MEDIA = {medium: position for position, medium in enumerate(Medium)}
Reader = Annotated[Principal, Depends(require("metering.read", About.DEVICE))]
View = Literal["chart", "table"]


def router(central: Central, profiles: Mapping[str, AnyProfile]) -> APIRouter:
    """`/devices/{code}`; `?day=2025-11-22&quantity=power_active&view=table` say what the curve shows."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/devices/{code}")
    def device(
        request: Request, principal: Reader, code: str, day: date | None = None, quantity: str | None = None, view: View = "chart"
    ) -> Response:
        only_curve = request.headers.get("hx-target") == "curve"
        with central.pool.connection() as conn:
            site, shown = load_site(conn), get_device(conn, code)
            profile = profiles.get(shown.profile)
            context = {"site": site, "device": shown, "place_code": shown.place, "view": view}
            context |= _curve(conn, central, site, shown, profile, day, quantity)
            if not only_curve:
                context |= _identity(conn, shown, profile, principal.scope)
        return render(request, "curve.html" if only_curve else "device.html", context)

    return routes


def _identity(conn: Connection, device: DeviceView, profile: AnyProfile | None, scope: Scope) -> dict[str, Any]:
    """What stands above the curve."""
    values = [value for value in latest_values(conn, device.code) if value.quantity in QUANTITIES]
    values.sort(key=lambda value: _order(value.quantity))
    live = [(QUANTITIES[value.quantity], value) for value in values]
    known: dict[str, Any] = {
        "way": ancestors(conn, device.place, scope),
        "profile": profile,
        "values": live,
        "installation": device.installations[:1],
    }
    known["stays"] = [(stay, _registers(stay.opening), _registers(stay.closing)) for stay in device.installations]
    known["replacements"] = replacements(conn, None, device.code)
    return known | _reachable(conn, device)


def _registers(registers: Mapping[str, int]) -> list[tuple[Quantity, int]]:
    return [(QUANTITIES[code], value) for code, value in registers.items() if code in QUANTITIES]


def _order(code: str) -> tuple[int, int]:
    """As the vocabulary lists them, what the device is about first: relay 2 stands before relay 10."""
    return _MEDIA[QUANTITIES[code].medium], _POSITION[code]


def _reachable(conn: Connection, device: DeviceView) -> dict[str, Any]:
    """Why nothing may come from the device: its gateway is away, or has set it aside because it does not answer."""
    try:
        gateway = get_gateway(conn, device.gateway or "")
    except NotFound:  # an earlier plan's, or none: it reports by itself
        return {"gateway": None, "set_aside": False}
    lines = (gateway.health or {}).get("lines") or []
    aside = any(device.code in (line.get("quarantined") or []) for line in lines)
    return {"gateway": gateway, "set_aside": aside}


def _curve(
    conn: Connection, central: Central, site: Site, device: DeviceView, profile: AnyProfile | None, day: date | None, wanted: str | None
) -> dict[str, Any]:
    """The curve of one local day, with the day before as a shadow."""
    today = local(central.clock(), site.zone).date()
    shown_day = max(_FIRST_DAY, min(day or today, today))
    choices = sorted((code for code in device.quantities if code in QUANTITIES), key=_order)
    code = choose_quantity(choices, wanted)
    context: dict[str, Any] = {"day": shown_day, "today": today, "choices": choices, "quantity": None, "points": [], "one_day": timedelta(days=1)}
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


def _table(points: list[Point], period: int) -> list[tuple[Point, bool]]:
    """Newest first, each with whether values are missing behind it."""
    return list(zip(points, gap_after(points, period), strict=True))[::-1]

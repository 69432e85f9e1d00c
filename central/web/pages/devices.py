"""The page of one device: what it is, what it says now, how its day went."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from central.context import Central
from central.db.pool import Connection
from central.identity.guard import Principal, require
from central.metering.device import get_device
from central.metering.model import DeviceView, Point
from central.metering.tree import ancestors
from central.metering.values import curve, latest_values
from central.web.curve import MAX_POINTS, choose_quantity, day_bounds, gap_after, line, marked, period_s, summarise
from central.web.display import local
from central.web.render import render
from central.web.site import Site, load_site
from protocol.profile import AnyProfile
from protocol.quantities import QUANTITIES, Medium

_DAY_MS = 86_400_000
_MEDIA = {medium: position for position, medium in enumerate(Medium)}
Reader = Annotated[Principal, Depends(require("metering.read"))]
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
                context |= _identity(conn, shown, profile)
        return render(request, "curve.html" if only_curve else "device.html", context)

    return routes


def _identity(conn: Connection, device: DeviceView, profile: AnyProfile | None) -> dict[str, Any]:
    """What stands above the curve."""
    values = [value for value in latest_values(conn, device.code) if value.quantity in QUANTITIES]
    values.sort(key=lambda value: _MEDIA[QUANTITIES[value.quantity].medium])
    live = [(QUANTITIES[value.quantity], value) for value in values]
    return {"way": ancestors(conn, device.place), "profile": profile, "values": live, "installation": device.installations[:1]}


def _curve(
    conn: Connection, central: Central, site: Site, device: DeviceView, profile: AnyProfile | None, day: date | None, wanted: str | None
) -> dict[str, Any]:
    """The curve of one local day, with the day before as a shadow."""
    today = local(central.clock(), site.zone).date()
    shown_day = min(day or today, today)
    choices = [code for code in device.quantities if code in QUANTITIES]
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
        "from_ms": from_ms,
        "to_ms": to_ms,
        "line": line(points, quantity, period),
        "points": marked(points, quantity),
        "before": line(before, quantity, period, _DAY_MS) if quantity.kind == "instantaneous" else [],
    }
    summary = summarise(points, quantity, period)
    return context | {"quantity": quantity, "period_s": period, "points": _table(points, period), "chart": chart, "summary": summary}


def _table(points: list[Point], period: int) -> list[tuple[Point, bool]]:
    """Newest first, each with whether values are missing behind it."""
    return list(zip(points, gap_after(points, period), strict=True))[::-1]

"""The page of one device: what it is, what it says, what it used, what happened to it, how it is heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from central.context import Central
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.metering.device import get_device
from central.metering.device_points import device_points
from central.metering.tree import ancestors
from central.web.device_curve import AskedCurve, curve_context
from central.web.display import local
from central.web.meter_page import TABS, Question, tabs_of
from central.web.render import language_of, render, text_of
from central.web.site import load_site
from central.web.view import View, asked_view, view_of
from protocol.profile import AnyProfile

_FIRST_TAB = "overview"
Reader = Annotated[Principal, Depends(require("metering.read", About.DEVICE))]
Code = Annotated[str, Path(max_length=64)]
Look = Literal["chart", "table"]


def asked_curve(day: date | None = None, quantity: Annotated[str | None, Query(max_length=64)] = None, view: Look = "chart") -> AskedCurve:
    """Dependency: what the address asks of the day curve."""
    return AskedCurve(day, quantity, view)


def router(central: Central, profiles: Mapping[str, AnyProfile]) -> APIRouter:
    """`/devices/{code}?tab=`; `?day=2025-11-22&quantity=power_active&view=table` say what the curve of the overview shows, `period=`, `at=` and
    `compare=` what the tabs about a period do, `point=` of which metering point where there are several.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/devices/{code}")
    def device(
        request: Request,
        principal: Reader,
        code: Code,
        asked: Annotated[Mapping[str, str], Depends(asked_view)],
        curve: Annotated[AskedCurve, Depends(asked_curve)],
        point: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        now = central.clock()
        with central.pool.connection() as conn:
            site, shown = load_site(conn), get_device(conn, code)
            context: dict[str, Any] = {"site": site, "device": shown, "place_code": shown.place}
            if request.headers.get("hx-target") == "curve":
                return render(request, "curve.html", context | curve_context(conn, now, site, shown, profiles.get(shown.profile), curve))
            points = device_points(conn, code, principal.scope)
            chosen = next((one for one in points if one.code == point), points[0] if points else None)
            tabs = tabs_of(shown)
            view = _view(asked, local(now, site.zone).date(), tabs)
            question = Question(conn, principal, site, shown, profiles, points, chosen, view, curve, now, language_of(request), text_of(request))
            context |= {"view": view, "tabs": tabs, "path": f"/devices/{quote(code)}", "points_of_device": points, "point": chosen}
            context |= {"way": ancestors(conn, shown.place, principal.scope)} | TABS[view.tab][1](question)
        return render(request, "device.html", context)

    return routes


def _view(asked: Mapping[str, str], today: date, tabs: Mapping[str, str]) -> View:
    """What the address asks for; an unknown tab is the first one. Which place is chosen is the device's to say."""
    view = view_of({**asked, "node": ""}, today)
    return view if view.tab in tabs else replace(view, tab=_FIRST_TAB)

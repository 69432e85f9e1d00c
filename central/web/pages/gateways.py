"""Gateways: the table of all, and one with its lines' counters."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from central.completeness.days import gateway_days
from central.context import Central
from central.fleet.gaps import gateway_sequence
from central.fleet.gateways import get_gateway, list_gateways
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.metering.tree import ancestors
from central.web.gateway_table import FILTERS, gateway_lines
from central.web.render import render
from central.web.site import load_site

ListReader = Annotated[Principal, Depends(require("fleet.read", About.OWN))]
Reader = Annotated[Principal, Depends(require("fleet.read", About.GATEWAY))]


def router(central: Central) -> APIRouter:
    """`/gateways?q=&state=`, `/gateways/{code}`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/gateways")
    def gateways(request: Request, principal: ListReader, q: str = "", state: str = "") -> Response:
        with central.pool.connection() as conn:
            known = list_gateways(conn, principal.scope)
        context = {"lines": gateway_lines(known, q[:80], state), "total": len(known), "q": q[:80], "state": state, "filters": FILTERS}
        return render(request, "gateway_table.html" if request.headers.get("hx-target") == "gateway-table" else "gateways.html", context)

    @routes.get("/gateways/{code}")
    def gateway(request: Request, principal: Reader, code: str) -> Response:
        with central.pool.connection() as conn:
            found = get_gateway(conn, code)
            context = {
                "site": load_site(conn),
                "gateway": found,
                "line": gateway_lines([found])[0],
                "way": ancestors(conn, found.place, principal.scope),
            }
            context |= {"days": gateway_days(conn, code, int(central.clock() * 1000)), "sequence": gateway_sequence(conn, code)}
        return render(request, "gateway.html", context)

    return routes

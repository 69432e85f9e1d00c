"""Gateways: state, version, backlog, and each line's counters."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from central.context import Central
from central.fleet.gateways import list_gateways
from central.identity.guard import Principal, require
from central.web.render import render
from central.web.site import load_site


def router(central: Central) -> APIRouter:
    """`/gateways`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/gateways")
    def gateways(request: Request, principal: Annotated[Principal, Depends(require("fleet.read"))]) -> Response:
        with central.pool.connection() as conn:
            return render(request, "gateways.html", {"site": load_site(conn), "gateways": list_gateways(conn)})

    return routes

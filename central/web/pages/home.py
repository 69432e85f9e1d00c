"""Overview: how healthy the site is, gateway by gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from central.context import Central
from central.db.statements import load_statements, rows
from central.fleet.gateways import list_gateways
from central.identity.guard import Principal, require
from central.metering.model import STALE_WITHIN_S
from central.metering.overview import site_overview
from central.metering.tree import children
from central.web.gateway_table import gateway_lines
from central.web.render import render
from central.web.site import load_site

_SQL = load_statements("central.web")


@dataclass(frozen=True, slots=True)
class SilentDevice:
    """The device that has been silent longest."""

    code: str
    name_zh: str
    name_en: str
    last_measured_at_ms: int


def router(central: Central) -> APIRouter:
    """`/`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    def home(request: Request, principal: Annotated[Principal, Depends(require("metering.read"))]) -> Response:
        with central.pool.connection() as conn:
            silent = rows(conn, _SQL["oldest_silent"], SilentDevice, stale_s=STALE_WITHIN_S)
            roots = children(conn, None)
            never = conn.execute(_SQL["never_heard"]).fetchone()
            context = {
                "site": load_site(conn),
                "overview": site_overview(conn),
                "silent": silent[0] if silent else None,
                "gateways": gateway_lines(list_gateways(conn)),
                "never": never[0] if never else 0,
                "places": children(conn, roots[0].code) if len(roots) == 1 else roots,
            }
        return render(request, "home.html", context)

    return routes

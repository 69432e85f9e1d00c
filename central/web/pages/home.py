"""Overview of a node: how healthy it is, what it uses, what is wrong. The same as JSON under /api/v1/home."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from central.consumption.load import site_zone
from central.context import Central
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.web.amounts import NAMES, amount, percent, rate
from central.web.charts import Heat
from central.web.display import local
from central.web.home import MAX_FINDINGS, Home, load_home
from central.web.home_figures import Use
from central.web.render import render, text_of
from central.web.site import Site, load_site
from central.web.translations import N_

Reader = Annotated[Principal, Depends(require("metering.read", About.OWN))]
Code = Annotated[str, Query(max_length=64)]


def router(central: Central) -> APIRouter:
    """`/?node=`, `/api/v1/home?node=`."""
    routes = APIRouter()

    @routes.get("/", include_in_schema=False)
    def page(request: Request, principal: Reader, node: Code = "") -> Response:
        with central.pool.connection() as conn:
            site = load_site(conn)
            home = load_home(conn, principal, node, site.zone.key, int(central.clock() * 1000))
        return render(request, "home.html", {**home_context(request, site, home), "heat": _heat(request, home.use)})

    @routes.get("/api/v1/home", tags=["home"])
    def facts(principal: Reader, node: Code = "") -> Home:
        """A node's health, use, buildings, alarms, rises and leaks as the home page shows them; without `node` all the asker may see."""
        with central.pool.connection() as conn:
            return load_home(conn, principal, node, site_zone(conn), int(central.clock() * 1000))

    return routes


def home_context(request: Request, site: Site, home: Home) -> dict[str, Any]:
    """What the templates of the home page and the wall are filled with."""
    full = local(home.use.full_ms / 1000, site.zone) if home.use and home.use.full_ms else None
    return {
        "site": site,
        "home": home,
        "node": home.node,
        "amount": amount,
        "rate": rate,
        "percent": percent,
        "media_names": NAMES,
        "full_time": f"{full:%H:%M}" if full else None,
        "most_findings": MAX_FINDINGS,
    }


def _heat(request: Request, use: Use | None) -> Heat | None:
    """Thirty days by the hour, newest day at the bottom; None where nothing is known."""
    if use is None or all(hour is None for row in use.heat for hour in row.hours):
        return None
    return Heat(
        title=text_of(request)(N_("Electricity by the hour, the last 30 days")),
        unit="kWh",
        rows=[f"{row.day}" for row in use.heat],
        columns=[f"{hour:02d}" for hour in range(24)],
        values=[[None if value is None else value / 1000 for value in row.hours] for row in use.heat],
    )

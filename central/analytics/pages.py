"""The pages of water meters' health, of leaks, and of what uses more than it should."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import RedirectResponse, Response

from central.analytics.charts import night_chart
from central.analytics.faults import data_faults
from central.analytics.health import LOOK_AHEAD_DAYS, NOT_REPORTING, water_fleet
from central.analytics.health_panel import health_panel
from central.analytics.known_use import accept_known_use
from central.analytics.leaks import get_leak, leak_evidence, leak_sums
from central.analytics.model import Medium
from central.analytics.rises import stopped_points, top_rises
from central.analytics.shapes import load_shapes
from central.analytics.tables import LEAK_STATES, REASONS, WATER_HEALTH, WATER_LEAKS
from central.consumption.load import site_zone
from central.consumption.tables import CODES as FINDING_WORDS
from central.context import Central
from central.db.pool import Connection
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.metering.tree import ancestors
from central.web.node import node_context
from central.web.render import language_of, render, text_of
from central.web.site import load_site
from central.web.table_page import asked_table, render_table, table_context
from central.web.tables import TableSpec
from protocol.errors import NotFound

Reader = Annotated[Principal, Depends(require("metering.read", about=About.OWN))]
DeviceReader = Annotated[Principal, Depends(require("metering.read", about=About.DEVICE))]
AlarmManager = Annotated[Principal, Depends(require("alarms.manage", about=About.OWN))]
Code = Annotated[str, Path(max_length=64)]
Number = Annotated[int, Path(ge=1, lt=1 << 63)]
_TOP = 15


def router(central: Central) -> APIRouter:
    """`/water/health`, `/water/leaks` with one page a meter and a leak, and `/waste`; all about the node of the address."""
    routes = APIRouter(include_in_schema=False)
    _health(routes, central)
    _leaks(routes, central)
    _waste(routes, central)
    return routes


def _health(routes: APIRouter, central: Central) -> None:
    @routes.get("/water/health")
    def health(request: Request, principal: Reader, node: str = "") -> Response:
        with central.pool.connection() as conn:
            context = _table(conn, request, principal, WATER_HEALTH, "/water/health", node)
            context["fleet"] = water_fleet(conn, context["node"].scope, None, central.clock())
        words = {"ahead_days": LOOK_AHEAD_DAYS, "not_reporting": NOT_REPORTING}
        return render_table(request, "water_health.html", context | words)

    @routes.get("/water/silent")
    def silent(principal: Reader, node: str = "") -> Response:
        query = f"?node={node}&" if node.isascii() and node.replace("-", "").replace("_", "").isalnum() else "?"
        return RedirectResponse(f"/water/health{query}f.state={NOT_REPORTING}", status_code=303)

    @routes.get("/water/health/{code}")
    def meter(request: Request, principal: DeviceReader, code: Code) -> Response:
        with central.pool.connection() as conn:
            panel = health_panel(conn, code, central.clock(), text_of(request))
            if panel is None:
                raise NotFound(f"there is no water meter {code!r} on the plan; search for it or start from the list of water meters")
            place = panel["health"].meter.place
            context = {"site": load_site(conn), "way": ancestors(conn, place, principal.scope), "place_code": place}
        return render(request, "water_meter.html", context | panel)


def _leaks(routes: APIRouter, central: Central) -> None:
    @routes.get("/water/leaks")
    def leaks(request: Request, principal: Reader, node: str = "") -> Response:
        with central.pool.connection() as conn:
            context = _table(conn, request, principal, WATER_LEAKS, "/water/leaks", node)
            context["sums"] = leak_sums(conn, context["node"].scope, None)
        return render_table(request, "water_leaks.html", context)

    @routes.get("/water/leaks/{number}")
    def leak(request: Request, principal: Reader, number: Number) -> Response:
        return _leak_page(request, central, principal, number)

    @routes.post("/water/leaks/{number}/known-use")
    def known_use(request: Request, principal: AlarmManager, number: Number, reason: Annotated[str, Form(max_length=500)] = "") -> Response:
        if len(reason.strip()) < 3:
            return _leak_page(request, central, principal, number, problem=True)
        with central.pool.connection() as conn:
            now_ms = int(central.clock() * 1000)
            accept_known_use(conn, site_zone(conn), principal.scope, number, reason.strip(), principal.name, now_ms)
        return RedirectResponse(f"/water/leaks/{number}", status_code=303)


def _leak_page(request: Request, central: Central, principal: Principal, number: int, problem: bool = False) -> Response:
    with central.pool.connection() as conn:
        leak = get_leak(conn, principal.scope, number)
        evidence = leak_evidence(conn, leak)
        context = {"site": load_site(conn), "way": ancestors(conn, leak.place, principal.scope), "place_code": leak.place}
    shown = {"leak": leak, "nights": evidence.nights, "chart_of_nights": night_chart(evidence.nights, text_of(request)), "problem": problem}
    return render(request, "water_leak.html", context | shown | {"leak_states": LEAK_STATES, "reasons": REASONS}, status=422 if problem else 200)


def _waste(routes: APIRouter, central: Central) -> None:
    @routes.get("/waste")
    def waste(request: Request, principal: Reader, node: str = "") -> Response:
        with central.pool.connection() as conn:
            here = node_context(conn, principal, node)
            media: tuple[Medium, ...] = ("electricity", "water")
            context: dict[str, Any] = {
                "site": load_site(conn),
                "node": here,
                "rises": {medium: top_rises(conn, here.scope, None, _TOP, medium) for medium in media},
                "habits": [row for medium in media for row in load_shapes(conn, here.scope, None, medium, 0, _TOP) if row.night_extra],
                "stopped": stopped_points(conn, here.scope, None, _TOP),
                "faults": data_faults(conn, here.scope, None, _TOP),
            }
        return render(request, "analytics_waste.html", context | {"finding_words": FINDING_WORDS})


def _table(conn: Connection, request: Request, principal: Principal, spec: TableSpec, path: str, node: str) -> dict[str, Any]:
    """A page that is a table about a node."""
    here = node_context(conn, principal, node)
    address = f"{path}?node={here.code}" if here.code else path
    asked = replace(asked_table(request, spec), node=here.code)
    return table_context(conn, principal, spec, asked, language_of(request), address) | {"site": load_site(conn), "node": here}

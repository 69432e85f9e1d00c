"""Gateways: the table of all, and one with its lines' counters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from central.completeness.days import gateway_days
from central.context import Central
from central.db.pool import Connection
from central.fleet.gaps import gateway_sequence
from central.fleet.gateways import get_gateway, list_gateways
from central.fleet.line_history import line_hours
from central.fleet.wellness import fleet_wellness
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.metering.tree import ancestors
from central.web.gateway_table import FILTERS, gateway_lines
from central.web.line_charts import line_charts
from central.web.node import node_context
from central.web.render import render, text_of
from central.web.site import load_site
from protocol.messages import DeviceHealth

ListReader = Annotated[Principal, Depends(require("fleet.read", About.OWN))]
Reader = Annotated[Principal, Depends(require("fleet.read", About.GATEWAY))]


def router(central: Central) -> APIRouter:
    """`/gateways?node=&q=&state=`, `/gateways/{code}`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/gateways")
    def gateways(request: Request, principal: ListReader, node: Annotated[str, Query(max_length=64)] = "", q: str = "", state: str = "") -> Response:
        with central.pool.connection() as conn:
            shown = node_context(conn, principal, node)
            known = list_gateways(conn, shown.scope if node else principal.scope)
        context = {"node": shown, "lines": gateway_lines(known, q[:80], state), "total": len(known), "q": q[:80], "state": state, "filters": FILTERS}
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
            context |= _wellness(conn, code, central.clock(), text_of(request))
        return render(request, "gateway.html", context)

    return routes


@dataclass(frozen=True, slots=True)
class _LineDevice:
    """A device its gateway told of, and what to think of it."""

    line: str
    device: DeviceHealth
    silent: bool
    suspect: bool


def _wellness(conn: Connection, code: str, now: float, translate: Callable[[str], str]) -> dict[str, Any]:
    """Score, a week of its lines by the hour, and the devices it told of."""
    [found] = fleet_wellness(conn, gateway=code)
    until = datetime.fromtimestamp(now, UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    since = until - timedelta(days=7)
    hours = line_hours(conn, code, since, until)
    since = max(since, min((hour.hour for hour in hours), default=since))  # a box of yesterday has no empty week before it
    suspects = {one.device for line in found.suspects.values() for one in line}
    told = [(line, device) for line in found.told for device in line.devices or ()]
    devices = [_LineDevice(line.id, device, device.id in line.quarantined, device.id in suspects) for line, device in told]
    return {"wellness": found, "line_charts": line_charts(hours, since, until, translate) if hours else [], "line_devices": devices}

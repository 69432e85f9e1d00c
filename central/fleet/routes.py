"""JSON API of the fleet: gateways and how they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query

from central.context import Central
from central.fleet.gateways import GatewayRow, get_gateway, list_gateways
from central.fleet.line_history import LineHour, line_hours
from central.fleet.replace_gateway import Accepted, BoxReplaced, BoxSwap, accept_old_box, replace_gateway
from central.fleet.wellness import Wellness, fleet_wellness
from central.identity.guard import Principal, require
from central.identity.scope import About

ListReader = Annotated[Principal, Depends(require("fleet.read", About.OWN))]
Reader = Annotated[Principal, Depends(require("fleet.read", About.GATEWAY))]
Manager = Annotated[Principal, Depends(require("fleet.manage", About.GATEWAY))]


def router(central: Central) -> APIRouter:
    """Routes below /api/v1/gateways."""
    api = APIRouter(prefix="/api/v1/gateways", tags=["fleet"])

    @api.get("")
    def gateways(who: ListReader) -> list[GatewayRow]:
        """Every gateway on the plan (of those that may be seen) with its state, document versions and last health message."""
        with central.pool.connection() as conn:
            return list_gateways(conn, who.scope)

    @api.get("/scores")
    def scores(who: ListReader) -> list[Wellness]:
        """The health score of every gateway that may be seen, worst first, with what each lacks and why."""
        with central.pool.connection() as conn:
            return fleet_wellness(conn, who.scope)

    @api.get("/{code}/score")
    def one_score(_: Reader, code: str) -> Wellness:
        """One gateway's score; 404 if the plan has none of this code."""
        with central.pool.connection() as conn:
            get_gateway(conn, code)
            return fleet_wellness(conn, gateway=code)[0]

    @api.get("/{code}/lines")
    def lines(_: Reader, code: str, days: Annotated[int, Query(ge=1, le=62)] = 7) -> list[LineHour]:
        """What its lines did hour by hour in the last days, by line and time."""
        until = datetime.fromtimestamp(central.clock(), UTC) + timedelta(hours=1)
        with central.pool.connection() as conn:
            get_gateway(conn, code)
            return line_hours(conn, code, until - timedelta(days=days), until)

    @api.get("/{code}")
    def gateway(_: Reader, code: str) -> GatewayRow:
        """One gateway; 404 if the plan has none of this code."""
        with central.pool.connection() as conn:
            return get_gateway(conn, code)

    @api.post("/{code}/replacement")
    def post_replacement(who: Manager, code: str, swap: BoxSwap, preview: bool = False) -> BoxReplaced:
        """Enrol the next box of a gateway: what the old one sends from now on is quarantined. The same key and request is answered again."""
        with central.pool.connection() as conn:
            return replace_gateway(conn, code, swap, who.name, int(central.clock() * 1000), preview)

    @api.post("/{code}/generations/{generation}/acceptance")
    def post_acceptance(
        who: Manager,
        code: str,
        generation: Annotated[int, Path(ge=1, lt=1 << 53)],
        reason: Annotated[str, Body(embed=True, min_length=3, max_length=1000)],
    ) -> Accepted:
        """Store what a replaced box has sent since; readings that are stored already stay as they are."""
        with central.pool.connection() as conn:
            return accept_old_box(conn, code, generation, reason, who.name, int(central.clock() * 1000))

    return api

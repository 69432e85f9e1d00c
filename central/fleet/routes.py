"""JSON API of the fleet: gateways and how they are."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from central.context import Central
from central.fleet.gateways import GatewayRow, get_gateway, list_gateways
from central.identity.guard import Principal, require

Reader = Annotated[Principal, Depends(require("fleet.read"))]


def router(central: Central) -> APIRouter:
    """Routes below /api/v1/gateways."""
    api = APIRouter(prefix="/api/v1/gateways", tags=["fleet"])

    @api.get("")
    def gateways(_: Reader) -> list[GatewayRow]:
        """Every gateway on the plan with its state, document versions and last health message."""
        with central.pool.connection() as conn:
            return list_gateways(conn)

    @api.get("/{code}")
    def gateway(_: Reader, code: str) -> GatewayRow:
        """One gateway; 404 if the plan has none of this code."""
        with central.pool.connection() as conn:
            return get_gateway(conn, code)

    return api

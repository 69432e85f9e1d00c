"""`/metrics` for Prometheus; asked with a bearer token that holds metrics.read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST

from central.context import Central
from central.identity.guard import Principal, require
from central.metrics.collect import exposition
from central.web.site import load_site

Reader = Annotated[Principal, Depends(require("metrics.read"))]


def router(central: Central) -> APIRouter:
    """One route, outside /api/v1 because Prometheus looks for it there."""
    api = APIRouter(tags=["metrics"])

    @api.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def metrics(_: Reader) -> Response:
        """Gauges and counters of site, gateways, lines and the platform, in Prometheus's text format."""
        with central.pool.connection() as conn:
            today = datetime.fromtimestamp(central.clock(), UTC).astimezone(load_site(conn).zone).date()
            return Response(exposition(conn, today), media_type=CONTENT_TYPE_LATEST)

    return api

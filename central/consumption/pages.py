"""The page of findings: what a computation could not settle by itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from central.consumption.tables import FINDINGS
from central.context import Central
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.web.render import language_of
from central.web.table_page import asked_table, render_table, table_context


def router(central: Central) -> APIRouter:
    """`/findings`, filtered to what the asker may see."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/findings")
    def findings(request: Request, principal: Annotated[Principal, Depends(require("metering.read", About.OWN))]) -> Response:
        with central.pool.connection() as conn:
            context = table_context(conn, principal, FINDINGS, asked_table(request, FINDINGS), language_of(request), "/findings")
        return render_table(request, "findings.html", context)

    return routes

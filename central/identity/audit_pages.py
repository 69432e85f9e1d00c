"""The audit trail as a page, for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from central.context import Central
from central.identity.guard import Principal, require
from central.identity.tables import AUDIT
from central.web.render import language_of
from central.web.table_page import asked_table, render_table, table_context


def router(central: Central) -> APIRouter:
    """`/audit`, the filters of its table in the address."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/audit")
    def audit_page(request: Request, principal: Annotated[Principal, Depends(require("audit.read"))]) -> Response:
        asked = asked_table(request, AUDIT)
        with central.pool.connection() as conn:
            context = table_context(conn, principal, AUDIT, asked, language_of(request), "/audit")
        return render_table(request, "audit.html", context)

    return routes

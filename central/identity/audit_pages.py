"""The audit trail as a page, for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from central.context import Central
from central.identity.audit import newest
from central.identity.guard import Principal, require
from central.web.render import render
from central.web.site import load_site

_PAGE_ROWS = 100


def router(central: Central) -> APIRouter:
    """`/audit?q=&before=`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/audit")
    def audit_page(
        request: Request, principal: Annotated[Principal, Depends(require("audit.read"))], q: str = "", before: int | None = None
    ) -> Response:
        with central.pool.connection() as conn:
            rows = newest(conn, _PAGE_ROWS, before, q.strip()[:80] or None)
            site = load_site(conn)
        older = rows[-1].id if len(rows) == _PAGE_ROWS else None
        return render(request, "audit.html", {"site": site, "rows": rows, "older": older, "q": q})

    return routes

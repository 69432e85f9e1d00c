"""Messages that could not be stored, and why."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from central.context import Central
from central.identity.guard import Principal, require
from central.ingest.quarantine import list_quarantined
from central.web.render import render
from central.web.site import load_site

_PAGE_ROWS = 50


def router(central: Central) -> APIRouter:
    """`/quarantine`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/quarantine")
    def quarantine(
        request: Request, principal: Annotated[Principal, Depends(require("quarantine.read"))], offset: int = Query(0, ge=0, le=1_000_000)
    ) -> Response:
        with central.pool.connection() as conn:
            entries, total = list_quarantined(conn, offset=offset, limit=_PAGE_ROWS)
            context = {"site": load_site(conn), "entries": entries, "total": total, "offset": offset, "page_rows": _PAGE_ROWS}
        return render(request, "quarantine.html", context)

    return routes

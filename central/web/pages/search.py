"""The list under the search box."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from central.context import Central
from central.identity.guard import Principal, require
from central.metering.search import search
from central.web.render import render

_MAX_HITS = 12


def router(central: Central) -> APIRouter:
    """`/search?q=`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/search")
    def hits(request: Request, principal: Annotated[Principal, Depends(require("metering.read"))], q: str = "") -> Response:
        with central.pool.connection() as conn:
            found = search(conn, q, _MAX_HITS)
        return render(request, "search.html", {"hits": found, "q": q.strip()})

    return routes

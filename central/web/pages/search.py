"""The list under the search box, in groups."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from central.context import Central
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.metering.search import search
from central.web.render import render

_MAX_HITS = 14


def router(central: Central) -> APIRouter:
    """`/search?q=`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/search")
    def hits(
        request: Request, principal: Annotated[Principal, Depends(require("metering.read", About.OWN))], q: Annotated[str, Query(max_length=200)] = ""
    ) -> Response:
        with central.pool.connection() as conn:
            found = search(conn, q, _MAX_HITS, principal.scope)
        kinds = dict.fromkeys(hit.kind for hit in found)  # in the order of their best hits
        groups = [(kind, [hit for hit in found if hit.kind == kind]) for kind in kinds]
        return render(request, "search.html", {"groups": groups, "q": q.strip()})

    return routes

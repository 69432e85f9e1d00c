"""The list under the search box."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from central.context import Central
from central.db.pool import Connection
from central.db.statements import load_statements
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.metering.search import search
from central.web.render import language_of, render
from central.web.translations import Language

_SQL = load_statements("central.web")
_MAX_HITS = 12


def router(central: Central) -> APIRouter:
    """`/search?q=`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/search")
    def hits(request: Request, principal: Annotated[Principal, Depends(require("metering.read", About.OWN))], q: str = "") -> Response:
        with central.pool.connection() as conn:
            found = search(conn, q, _MAX_HITS, principal.scope)
            paths = _paths(conn, [hit.code for hit in found if hit.kind == "place"], language_of(request) is Language.CHINESE)
        return render(request, "search.html", {"hits": found, "paths": paths, "q": q.strip()})

    return routes


def _paths(conn: Connection, codes: list[str], chinese: bool) -> dict[str, str]:
    """What stands above each place: every building has a room 101."""
    return {code: " › ".join(zh if chinese else en) for code, zh, en in conn.execute(_SQL["place_paths"], {"codes": codes})}

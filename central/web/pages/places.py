"""The place tree and the page of one place: what lies below it, and its devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from central.context import Central
from central.db.pool import Connection
from central.identity.guard import Principal, require
from central.identity.scope import About, Scope
from central.metering.model import PlaceNode
from central.metering.tree import ancestors, children
from central.web.device_table import PAGE_ROWS, SORTS, STATES, TableQuery, device_table
from central.web.render import language_of, render
from central.web.translations import Language
from protocol.errors import NotFound

_MAX_OFFSET = 1_000_000
Reader = Annotated[Principal, Depends(require("metering.read", About.OWN))]
PlaceReader = Annotated[Principal, Depends(require("metering.read", About.PLACE))]


@dataclass(frozen=True, slots=True)
class Branch:
    """A node of the drawn tree; `below` is None while it is closed and not fetched."""

    node: PlaceNode
    below: list[Branch] | None


def table_query(q: str = "", state: str = "", sort: str = "", descending: bool = False, offset: int = Query(0, ge=0, le=_MAX_OFFSET)) -> TableQuery:
    """Dependency: the table's part of the address."""
    return TableQuery(q[:80], state, sort, descending, offset)


def router(central: Central) -> APIRouter:
    """`/tree`, `/tree/{code}`, `/places/{code}`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/tree")
    def tree(request: Request, principal: Reader, at: str = "") -> Response:
        with central.pool.connection() as conn:
            way = [node.code for node in ancestors(conn, at, principal.scope)] if at else []
            branches = _branches(conn, None, way, principal.scope)
        return render(request, "tree.html", {"branches": branches, "place_code": at})

    @routes.get("/tree/{code}")
    def branch(request: Request, principal: PlaceReader, code: str) -> Response:
        with central.pool.connection() as conn:
            branches = [Branch(node, None) for node in children(conn, code)]
        return render(request, "tree.html", {"branches": branches, "place_code": ""})

    @routes.get("/places/{code}")
    def place(request: Request, principal: PlaceReader, code: str, asked: Annotated[TableQuery, Depends(table_query)]) -> Response:
        with central.pool.connection() as conn:
            way = ancestors(conn, code, principal.scope)
            if not way:
                raise NotFound(f"there is no place {code!r}; search for it or start from the overview")
            shown, total = device_table(conn, code, asked, language_of(request) is Language.CHINESE)
            below = children(conn, code)
        context = {"way": way, "place": way[-1], "place_code": code, "below": below, "rows": shown, "total": total, "asked": asked}
        limits = {"sorts": SORTS, "states": STATES, "page_rows": PAGE_ROWS}
        template = "device_table.html" if request.headers.get("hx-target") == "devices" else "place.html"
        return render(request, template, {**context, **limits})

    return routes


def _branches(conn: Connection, parent: str | None, way: list[str], scope: Scope) -> list[Branch]:
    """Nodes below `parent`, open along `way`; a campus with one root is opened without being asked."""
    nodes = children(conn, parent, scope)
    opened = {node.code for node in nodes if node.code in way or (parent is None and len(nodes) == 1)}
    return [Branch(node, _branches(conn, node.code, way, scope) if node.code in opened else None) for node in nodes]

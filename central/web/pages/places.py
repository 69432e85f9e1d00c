"""The place tree and the page of one place: what lies below it, and its devices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from central.context import Central
from central.db.pool import Connection
from central.identity.guard import Principal, require
from central.identity.scope import About, Scope
from central.metering.model import PlaceNode
from central.metering.tree import ancestors, children
from central.web.device_table import DEVICES
from central.web.node import node_context
from central.web.render import language_of, render
from central.web.table_page import asked_table, render_table, table_context

Reader = Annotated[Principal, Depends(require("metering.read", About.OWN))]
PlaceReader = Annotated[Principal, Depends(require("metering.read", About.PLACE))]


@dataclass(frozen=True, slots=True)
class Branch:
    """A node of the drawn tree; `below` is None while it is closed and not fetched."""

    node: PlaceNode
    below: list[Branch] | None


def router(central: Central) -> APIRouter:
    """`/tree`, `/tree/{code}`, `/places`, `/places/{code}`."""
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

    @routes.get("/places")
    def places(request: Request, principal: Reader) -> Response:
        with central.pool.connection() as conn:
            node = node_context(conn, principal, "")
        if node.code:
            return RedirectResponse(f"/places/{quote(node.code)}", status_code=303)
        return render(request, "places.html", {"node": node})

    @routes.get("/places/{code}")
    def place(request: Request, principal: PlaceReader, code: str) -> Response:
        with central.pool.connection() as conn:
            context: dict[str, Any] = {"node": node_context(conn, principal, code)}
            asked = replace(asked_table(request, DEVICES), node=code)
            context |= table_context(conn, principal, DEVICES, asked, language_of(request), f"/places/{quote(code)}")
        return render_table(request, "place.html", context)

    return routes


def _branches(conn: Connection, parent: str | None, way: list[str], scope: Scope) -> list[Branch]:
    """Nodes below `parent`, open along `way`; a campus with one root is opened without being asked."""
    nodes = children(conn, parent, scope)
    opened = {node.code for node in nodes if node.code in way or (parent is None and len(nodes) == 1)}
    return [Branch(node, _branches(conn, node.code, way, scope) if node.code in opened else None) for node in nodes]

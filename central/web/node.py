"""The chosen place: what a page shows, the way to it and what lies below it, within what the asker may see.

A page about a node takes `?node=`, guards its route with `About.OWN` and calls `node_context`, which is the check: outside the scope there is
nothing. Its `<main>` carries `data-place="{{ node.code }}"` and `data-node-page="/its-path"`, so that the tree and the sidebar keep the place.
"""

from __future__ import annotations

from dataclasses import dataclass

from central.db.pool import Connection
from central.identity.guard import Principal
from central.metering.model import PlaceNode
from central.metering.tree import ancestors, children, tops
from protocol.errors import NotFound


@dataclass(frozen=True, slots=True)
class Node:
    """A place, or everything the asker may see where that is several places: then `code`, `kind` and the names are empty.

    `way`: from the asker's topmost place down to this one, both included. `children`: directly below; the topmost places where `code` is empty.
    `places`: what it consists of, [code] or the topmost places; a figure of the node is the sum of theirs. `tops`: how many topmost places there are.
    `device_count`: in it and everywhere below.
    """

    code: str
    kind: str
    name_zh: str
    name_en: str
    device_count: int
    way: tuple[PlaceNode, ...]
    children: tuple[PlaceNode, ...]
    places: tuple[str, ...]
    tops: int

    @property
    def scope(self) -> list[str]:
        """As the SQL filter `in_scope(place, %(scope)s::text[])` takes it; nothing is in an empty one."""
        return list(self.places)


def node_context(conn: Connection, principal: Principal, code: str) -> Node:
    """The node an address asks for; empty: all the asker may see. Raises NotFound for what lies outside the asker's scope or does not exist."""
    topmost = tops(conn, principal.scope)
    if not code and len(topmost) != 1:
        below = tuple(children(conn, None, principal.scope))
        return Node("", "", "", "", sum(top.device_count for top in below), (), below, tuple(topmost), len(topmost))
    wanted = code or topmost[0]
    way = tuple(ancestors(conn, wanted, principal.scope))
    if not way:
        raise NotFound(f"there is no place {code!r} that this account may see; search for it or start from the overview")
    end = way[-1]
    return Node(end.code, end.kind, end.name_zh, end.name_en, end.device_count, way, tuple(children(conn, wanted)), (wanted,), len(topmost))

"""The place tree and the devices in it."""

from __future__ import annotations

from central.db.pool import Connection
from central.db.statements import load_statements, one, rows
from central.identity.scope import Scope
from central.metering.model import ONLINE_WITHIN_S, STALE_WITHIN_S, DeviceRow, Page, PlaceNode
from central.metering.search import contains
from central.metering.values import Count

_SQL = load_statements("central.metering")
MAX_PAGE = 1000


def children(conn: Connection, place: str | None, scope: Scope = None) -> list[PlaceNode]:
    """Places directly below a place, in the plan's order; for None the roots of what may be seen: the site's, or the places of the scope."""
    return rows(conn, _SQL["children"], PlaceNode, place=place, scope=scope)


def tops(conn: Connection, scope: Scope = None) -> list[str]:
    """Codes of the topmost places of what may be seen, in the plan's order."""
    return [row[0] for row in conn.execute(_SQL["tops"], {"scope": scope})]


def ancestors(conn: Connection, place: str, scope: Scope = None) -> list[PlaceNode]:
    """The way from the root of what may be seen to the place, both included; empty if there is no such place or it may not be seen."""
    return rows(conn, _SQL["ancestors"], PlaceNode, place=place, scope=scope)


def devices_in(
    conn: Connection, place: str | None, recursive: bool, offset: int, limit: int, q: str | None = None, scope: Scope = None
) -> Page[DeviceRow]:
    """Devices of a place (None: of all that may be seen), of everything below it if `recursive`; `q` filters by code, address and names."""
    limit = min(limit, MAX_PAGE)
    asked = {"place": place, "recursive": recursive, "pattern": contains(q) if q and q.strip() else None, "scope": scope}
    total = one(conn, _SQL["count_device_rows"], Count, "no count", **asked).total
    bounds = {"offset": offset, "limit": limit, "online_s": ONLINE_WITHIN_S, "stale_s": STALE_WITHIN_S}
    return Page(tuple(rows(conn, _SQL["device_rows"], DeviceRow, **asked, **bounds)), total, offset, limit)


def place_exists(conn: Connection, place: str) -> bool:
    """Whether the plan has such a place."""
    return conn.execute(_SQL["place_known"], {"place": place}).fetchone() is not None

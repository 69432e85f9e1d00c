"""The place tree and the devices in it."""

from __future__ import annotations

from central.db.pool import Connection
from central.db.statements import load_statements, one, rows
from central.metering.model import ONLINE_WITHIN_S, STALE_WITHIN_S, DeviceRow, Page, PlaceNode
from central.metering.search import contains
from central.metering.values import Count

_SQL = load_statements("central.metering")
MAX_PAGE = 1000


def children(conn: Connection, place: str | None) -> list[PlaceNode]:
    """Places directly below a place, or the roots for None, in the plan's order."""
    return rows(conn, _SQL["children"], PlaceNode, place=place)


def ancestors(conn: Connection, place: str) -> list[PlaceNode]:
    """The way from the root to the place, both included; empty if there is no such place."""
    return rows(conn, _SQL["ancestors"], PlaceNode, place=place)


def devices_in(conn: Connection, place: str | None, recursive: bool, offset: int, limit: int, q: str | None = None) -> Page[DeviceRow]:
    """Devices of a place (None: of the site), of everything below it if `recursive`; `q` filters by code, address and names."""
    limit = min(limit, MAX_PAGE)
    asked = {"place": place, "recursive": recursive, "pattern": contains(q) if q and q.strip() else None}
    total = one(conn, _SQL["count_device_rows"], Count, "no count", **asked).total
    bounds = {"offset": offset, "limit": limit, "online_s": ONLINE_WITHIN_S, "stale_s": STALE_WITHIN_S}
    return Page(tuple(rows(conn, _SQL["device_rows"], DeviceRow, **asked, **bounds)), total, offset, limit)

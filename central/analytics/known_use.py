"""Saying that what flows at night flows by right: the leak is closed, and from the next night on only what is above it counts."""

from __future__ import annotations

from central.analytics.leak_watch import About, follow_nights
from central.analytics.leaks import get_leak
from central.analytics.model import LeakRow
from central.consumption.days import day_of
from central.db.pool import Connection
from central.db.statements import load_statements, run
from central.identity import audit
from central.identity.scope import Scope
from protocol.errors import Conflict

_SQL = load_statements("central.analytics")


def accept_known_use(
    conn: Connection, zone: str, scope: Scope, number: int, reason: str, actor: str, now_ms: int, floor_l_day: int | None = None
) -> LeakRow:
    """Accept a leak's flow (or `floor_l_day`) as known use, in the caller's transaction. Raises NotFound, and Conflict for one that is over or for
    less than flows.
    """
    leak = get_leak(conn, scope, number)
    if not leak.is_open:
        raise Conflict(f"leak {number} is over since {leak.cleared_on}; only what flows now can be accepted as known use")
    floor = leak.floor_l_day if floor_l_day is None else floor_l_day
    if floor < leak.floor_l_day:
        raise Conflict(f"{floor} L a day is less than the {leak.floor_l_day} that flow; the leak would stay open: accept at least what flows")
    about: About = "point" if leak.point else "place"
    today = day_of(now_ms, zone)
    subject = {"point": leak.point, "place": None if leak.point else leak.place}
    run(conn, _SQL["add_known_use"], **subject, after=max(today, leak.opened_on), floor=floor, reason=reason, actor=actor, now_ms=now_ms)
    code = leak.point or leak.place
    row = conn.execute(_SQL["serves_room"], {"point": code}).fetchone() if leak.point else None
    follow_nights(conn, zone, about, {code: bool(row and row[0])}, today)
    audit.record(conn, actor, "leak.known_use", code, {"leak": number, "floor_l_day": floor, "reason": reason})
    return get_leak(conn, scope, number)

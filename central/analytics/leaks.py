"""Leaks as people see them: open and past ones with what they lose, and the nights that speak for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from central.analytics.leak_rule import Watch, follow
from central.analytics.leak_watch import load_uses
from central.analytics.model import Basis, Judged, LeakRow, LeakState, Night
from central.analytics.water_price import water_price
from central.db.pool import Connection
from central.db.statements import load_statements, one, rows
from central.identity.scope import Scope
from central.metering.model import Page

_SQL = load_statements("central.analytics")
MAX_ROWS = 500
EVIDENCE_NIGHTS = 30


@dataclass(frozen=True, slots=True)
class LeakSums:
    """Open leaks counted. `lost_l_day`: of the points; what a building loses is in its points already. Money None without a tariff of water."""

    points: int
    buildings: int
    lost_l_day: int
    cost_fen_year: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A leak with the nights around its opening, up to the newest: `nights` as they were judged."""

    leak: LeakRow
    nights: tuple[Judged, ...]


def open_leaks(conn: Connection, scope: Scope, node: str | None, limit: int) -> list[LeakRow]:
    """Leaks that flow now, the largest loss first. `node`: a place with everything below it, None or empty for all the asker may see."""
    return list(list_leaks(conn, scope, node, "open", 0, limit).items)


def list_leaks(conn: Connection, scope: Scope, node: str | None, state: LeakState = "open", offset: int = 0, limit: int = 100) -> Page[LeakRow]:
    """Leaks: open ones by their loss, then past ones, the newest first."""
    found = _rows(conn, scope=scope, node=node or None, state=state, offset=offset, limit=min(limit, MAX_ROWS))
    return Page(tuple(found), found[0].total if found else 0, offset, limit)


def get_leak(conn: Connection, scope: Scope, number: int) -> LeakRow:
    """One leak; raises NotFound for one that lies outside the scope or does not exist."""
    asked = {"scope": scope, "node": None, "state": "all", "offset": 0, "limit": 1}
    missing = f"there is no leak {number} that this account may see; later readings may have spoken against it"
    return one(conn, _SQL["leaks"], _Row, missing, id=number, price=water_price(conn), **asked)


def leak_sums(conn: Connection, scope: Scope, node: str | None) -> LeakSums:
    """How many leaks are open and what they lose together."""
    found = one(conn, _SQL["leak_sums"], _Sums, "no sums", scope=scope, node=node or None)
    price = water_price(conn)
    cost = None if price is None else found.lost_l_day * 365 * price // 100_000
    return LeakSums(found.points, found.buildings, found.lost_l_day, cost)


def leak_evidence(conn: Connection, leak: LeakRow) -> Evidence:
    """The nights that speak for a leak: from thirty before it was opened (or the last thirty) to the newest, each as it is judged."""
    about, code = ("point", leak.point) if leak.point else ("place", leak.place)
    until = leak.cleared_on or date.max
    since = min(leak.began_on, leak.last_on - timedelta(days=EVIDENCE_NIGHTS)) - timedelta(days=EVIDENCE_NIGHTS)
    return Evidence(leak, judged_nights(conn, about, code, since, until)[-2 * EVIDENCE_NIGHTS :])


def judged_nights(conn: Connection, about: str, code: str, since: date, until: date) -> tuple[Judged, ...]:
    """A point's (or building's) nights between two days with what was said of each."""
    early = since - timedelta(days=2 * EVIDENCE_NIGHTS)  # enough to have learned again what was usual
    found = rows(conn, _SQL["evidence"], _NightRow, about=about, code=code, since=early, until=until)
    nights = [Night(row.day, row.basis, row.floor_l_day, row.whole) for row in found]
    room = conn.execute(_SQL["serves_room"], {"point": code}).fetchone() if about == "point" else None
    followed = follow(Watch(), nights, load_uses(conn, about, code), bool(room and room[0]))
    return tuple(one for one in followed.judged if one.night.day >= since)


@dataclass(frozen=True, slots=True)
class _Row(LeakRow):
    total: int = 0


@dataclass(frozen=True, slots=True)
class _NightRow:
    day: date
    basis: Basis
    floor_l_day: int | None
    whole: bool


@dataclass(frozen=True, slots=True)
class _Sums:
    points: int
    buildings: int
    lost_l_day: int


def _rows(conn: Connection, **asked: object) -> list[_Row]:
    return rows(conn, _SQL["leaks"], _Row, id=None, price=water_price(conn), **asked)

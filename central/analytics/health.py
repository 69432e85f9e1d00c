"""How the water meters are: heard or silent, battery, signal, valve, and what their status says; the whole node and one by one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from central.analytics.batteries import judged, voltages
from central.analytics.model import Fleet, HealthRow, MeterHealth, StatusFlag
from central.analytics.signals import signal_word
from central.consumption.days import day_of
from central.consumption.load import site_zone
from central.db.pool import Connection
from central.db.statements import load_statements, one, rows
from central.identity.scope import Scope
from central.iot.meters import LOW_BATTERY_MV, WEAK_RSRP_DBM
from central.iot.windows import SILENT_AFTER_REPORTS
from central.metering.model import ONLINE_WITHIN_S, STALE_WITHIN_S, Page
from central.metering.search import contains
from protocol.status_words import flags_188

_SQL = load_statements("central.analytics")
MAX_ROWS = 5000
LOOK_AHEAD_DAYS = 90  # batteries are bought by the quarter
SORTS = ("number", "name", "place", "profile", "state", "last_at_ms", "due_at_ms", "battery_v", "battery_day", "rsrp_dbm", "valve")
NOT_REPORTING = "late,silent,never"  # as a state: everything that is not heard as it should be


@dataclass(frozen=True, slots=True)
class HealthAsked:
    """What a list is asked for; empty means everything. `state`: one, or NOT_REPORTING. `flag`: only meters with it."""

    node: str = ""
    state: str = ""
    maker: str = ""
    flag: str = ""
    text: str = ""
    sort: str = ""
    descending: bool = False
    chinese: bool = True


def water_health(conn: Connection, scope: Scope, asked: HealthAsked, now_s: float, offset: int = 0, limit: int = 100) -> Page[HealthRow]:
    """Water meters of a node, those not heard first unless sorted otherwise."""
    found = _rows(conn, scope, asked, now_s, None, offset, min(limit, MAX_ROWS))
    first = found or (_rows(conn, scope, asked, now_s, None, 0, 1) if offset else found)
    return Page(tuple(found), first[0].total if first else 0, offset, limit)


def water_fleet(conn: Connection, scope: Scope, node: str | None, now_s: float) -> Fleet:
    """The same meters counted."""
    return one(conn, _SQL["fleet"], Fleet, "no count", scope=scope, node=node or None, **_judged(conn, now_s))


def meter_health(conn: Connection, code: str, now: float) -> MeterHealth | None:
    """One water meter with its battery's course; None for a device that is none (or no longer on the plan). `now`: Unix seconds."""
    found = _rows(conn, None, HealthAsked(), now, code, 0, 1)
    if not found:
        return None
    today = day_of(int(now * 1000), site_zone(conn))
    days = voltages(conn, [code], today).get(code, [])
    row = found[0]
    word = row.values.get("status_word_188")
    status = () if word is None else tuple(StatusFlag(flag.code, flag.zh, flag.en, flag.severity) for flag in flags_188(word))
    return MeterHealth(row, judged(days, today), tuple(days), signal_word(row.rsrp_dbm, row.csq), status)


def makers(conn: Connection) -> list[str]:
    """Makers of the water meters on the plan, as profiles name them."""
    return [row[0] for row in conn.execute(_SQL["makers"])]


def row_facts(row: HealthRow) -> dict[str, Any]:
    """A row as tables take it: its fields by name, and the word for its signal."""
    return asdict(row) | {"signal": signal_word(row.rsrp_dbm, row.csq)}


@dataclass(frozen=True, slots=True)
class _Row(HealthRow):
    total: int = 0


def _rows(conn: Connection, scope: Scope, asked: HealthAsked, now_s: float, device: str | None, offset: int, limit: int) -> list[_Row]:
    chosen = {
        "node": asked.node or None,
        "state": asked.state or None,
        "maker": asked.maker or None,
        "flag": asked.flag or None,
        "pattern": contains(asked.text) if asked.text.strip() else None,
        "sort": asked.sort if asked.sort in SORTS else "",
        "descending": asked.descending,
        "chinese": asked.chinese,
    }
    page = {"scope": scope, "device": device, "offset": offset, "limit": limit}
    return rows(conn, _SQL["health"], _Row, **chosen, **page, **_judged(conn, now_s), rsrp_dbm=WEAK_RSRP_DBM)


def _judged(conn: Connection, now_s: float) -> dict[str, int | date]:
    """By what meters are judged."""
    heard = {"online_s": ONLINE_WITHIN_S, "stale_s": STALE_WITHIN_S, "silent_reports": SILENT_AFTER_REPORTS}
    today = day_of(int(now_s * 1000), site_zone(conn))
    return {"now_ms": int(now_s * 1000), "today": today, "ahead": LOOK_AHEAD_DAYS, "battery_mv": LOW_BATTERY_MV, **heard}

"""The table of devices below a place: filtered, sorted and paged by the server."""

from __future__ import annotations

from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, rows
from central.metering.model import ONLINE_WITHIN_S, STALE_WITHIN_S
from central.metering.search import contains

_SQL = load_statements("central.web")
PAGE_ROWS = 50
SORTS = ("name", "address", "place", "seen", "state")
STATES = ("online", "stale", "silent", "never")
_MAIN_QUANTITIES = ["energy_active_total", "energy_active_forward", "water_volume", "temperature", "power_active", "occupancy_count"]


@dataclass(frozen=True, slots=True)
class TableQuery:
    """What a person asked for; unknown sort or state words mean the plan's order and everything."""

    q: str = ""
    state: str = ""
    sort: str = ""
    descending: bool = False
    offset: int = 0


@dataclass(frozen=True, slots=True)
class TableRow:
    """One line. `main_value`: newest register (or what the device is about) in base units."""

    code: str
    name_zh: str
    name_en: str
    profile: str
    kind: str
    address: str
    gateway: str | None
    line: str | None
    place: str
    place_zh: str
    place_en: str
    last_measured_at_ms: int | None
    state: str
    total: int
    main_quantity: str | None
    main_value: int | None


def device_table(conn: Connection, place: str, asked: TableQuery, chinese: bool) -> tuple[list[TableRow], int]:
    """One page of rows and how many there are in all. States here lag the readings by some seconds."""
    found = rows(
        conn,
        _SQL["device_table"],
        TableRow,
        place=place,
        pattern=contains(asked.q) if asked.q.strip() else None,
        state=asked.state if asked.state in STATES else None,
        sort=asked.sort if asked.sort in SORTS else "",
        descending=asked.descending,
        chinese=chinese,
        offset=asked.offset,
        limit=PAGE_ROWS,
        main=_MAIN_QUANTITIES,
        online_s=ONLINE_WITHIN_S,
        stale_s=STALE_WITHIN_S,
    )
    return found, found[0].total if found else 0

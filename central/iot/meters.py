"""Meters that report by themselves, as lists and one by one: when they were heard, how they are, what somebody should look at."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, one, rows
from central.identity.scope import Scope
from central.iot.commands import list_commands
from central.iot.model import KeptReport, MeterRow, MeterState, MeterView
from central.iot.windows import SILENT_AFTER_REPORTS
from central.metering.model import Page

_SQL = load_statements("central.iot")
MAX_ROWS = 500
LOW_BATTERY_MV = 3200  # lithium cells of 3.6 V hold 3.6 until they are nearly empty
WEAK_RSRP_DBM = -115
_KEPT, _COMMANDS = 20, 20


def list_meters(
    conn: Connection,
    now_ms: int,
    states: Collection[MeterState] | None = None,
    needs: str | None = None,
    offset: int = 0,
    limit: int = 100,
    overdue_first: bool = False,
    scope: Scope = None,
) -> Page[MeterRow]:
    """Meters in the plan's order, or those longest overdue first. `states`: only these; `needs`: only with this in `attention`."""
    chosen = {"states": None if states is None else list(states), "needs": needs, "overdue_first": overdue_first, "scope": scope}
    found = _rows(conn, now_ms, offset=offset, limit=min(limit, MAX_ROWS), **chosen)
    first = found or (_rows(conn, now_ms, limit=1, **chosen) if offset else found)
    return Page(tuple(found), first[0].total if first else 0, offset, limit)


def get_meter(conn: Connection, device: str, now_ms: int) -> MeterView:
    """One meter with its newest reports and commands; raises NotFound."""
    row = one(conn, _SQL["meters"], _Row, f"no meter {device!r} reports by itself", **(_ALL | _judged(now_ms) | {"device": device, "limit": 1}))
    kept = rows(conn, _SQL["kept_reports"], KeptReport, device=device, limit=_KEPT)
    return MeterView(row, tuple(kept), tuple(list_commands(conn, device, None, None, _COMMANDS)))


@dataclass(frozen=True, slots=True)
class _Row(MeterRow):
    total: int = 0


_ALL: dict[str, object] = {"device": None, "states": None, "needs": None, "overdue_first": False, "offset": 0, "scope": None}


def _judged(now_ms: int) -> dict[str, object]:
    return {"now_ms": now_ms, "silent_after": SILENT_AFTER_REPORTS, "battery_mv": LOW_BATTERY_MV, "rsrp_dbm": WEAK_RSRP_DBM}


def _rows(conn: Connection, now_ms: int, **chosen: object) -> list[_Row]:
    return rows(conn, _SQL["meters"], _Row, **(_ALL | _judged(now_ms) | chosen))

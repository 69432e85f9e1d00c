"""What `central iot status` tells: how many meters report, how many are late or silent, what waits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from central.db.pool import Connection
from central.db.statements import load_statements, one, rows
from central.iot.windows import SILENT_AFTER_REPORTS

_SQL = load_statements("central.iot")


@dataclass(frozen=True, slots=True)
class _Tally:
    state: str
    meters: int


@dataclass(frozen=True, slots=True)
class _Counts:
    reports_last_day: int
    open_commands: int
    set_aside: int


def iot_status(conn: Connection, now_ms: int) -> dict[str, Any]:
    """Facts as plain data. `set_aside`: reports in quarantine that no meter on the plan has claimed."""
    found = {row.state: row.meters for row in rows(conn, _SQL["tally"], _Tally, now_ms=now_ms, silent_after=SILENT_AFTER_REPORTS)}
    states = {state: found.get(state, 0) for state in ("reporting", "late", "silent", "never")}
    return {"meters": sum(states.values()), **states, **asdict(one(conn, _SQL["counts"], _Counts, "no counts", now_ms=now_ms))}

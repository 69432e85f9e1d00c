"""The horizon: readings before it are packed or compressed, and those that still arrive are checked one by one. It only rises, a week at a time."""

from __future__ import annotations

from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, one, run
from central.storage.block import WEEK_MS, instant

_SQL = load_statements("central.storage")
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class State:
    """Table storage_state; None: never. `packed_readings`: readings in blocks."""

    packed_before_ms: int | None
    kept_from_ms: int | None
    packed_at_ms: int | None
    packed_readings: int


def storage_state(conn: Connection) -> State:
    """Where storage stands."""
    with conn.transaction():
        return one(conn, _SQL["state"], State, "table storage_state has no row; run: central migrate")


def raise_horizon(conn: Connection, now_ms: int, hot_days: int) -> int:
    """Move the horizon to the last week that ended `hot_days` ago; returns where it stands, Unix milliseconds.

    Waits for transactions that are inserting: what they insert below the new horizon is there before anything of it is packed.
    """
    wanted_ms = (now_ms - hot_days * _DAY_MS) // WEEK_MS * WEEK_MS
    known_ms = storage_state(conn).packed_before_ms
    if known_ms is not None and known_ms >= wanted_ms:
        return known_ms
    with conn.transaction():
        run(conn, _SQL["stop_writers"])
        run(conn, _SQL["raise_horizon"], before_at=instant(wanted_ms))
    return wanted_ms

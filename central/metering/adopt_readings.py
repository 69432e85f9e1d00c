"""Readings a new meter sent under the old one's name, because it answers at the same address: copied to its own series. The originals stay."""

from __future__ import annotations

import numpy as np

from central.db.pool import Connection
from central.db.statements import load_statements, number, run
from central.ingest.pack import Rows, pack
from central.ingest.store import insert_new
from protocol.errors import Conflict

_SQL = load_statements("central.metering")
MAX_ADOPTED = 1_000_000


def adopt_readings(conn: Connection, old: str, new: str, since_ms: int) -> int:
    """Copy everything read from `old` since an instant to `new`; returns how many readings. Raises Conflict beyond MAX_ADOPTED."""
    total = number(conn, _SQL["readings_since"], device=old, at_ms=since_ms)
    if total > MAX_ADOPTED:
        raise Conflict(f"{total} readings since then, at most {MAX_ADOPTED} can go over; without readings_are_new the sums are right too")
    if not total:
        return 0
    run(conn, _SQL["create_series_of"], old=old, new=new, at_ms=since_ms)
    columns = np.array(conn.execute(_SQL["readings_to_adopt"], {"old": old, "new": new, "at_ms": since_ms}).fetchall(), np.int64).T
    insert_new(conn, pack(Rows(*columns)))
    run(conn, _SQL["touch_adopted"], old=old, new=new)
    return total

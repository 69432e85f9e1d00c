"""What storage takes and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from central.db.editions import Edition, detect
from central.db.pool import Connection
from central.db.statements import load_statements, one
from central.storage.horizon import storage_state

_SQL = load_statements("central.storage")


@dataclass(frozen=True, slots=True)
class _Sizes:
    hot_bytes: int
    packed_bytes: int
    hot_readings: int


def storage_status(conn: Connection) -> dict[str, Any]:
    """Facts as plain data. `hot_readings` is the server's estimate, `packed_readings` exact; bytes are with indexes; instants are Unix ms."""
    edition = detect(conn)
    state = storage_state(conn)
    sizes = one(conn, _SQL["plain_sizes" if edition is Edition.PLAIN else "hypertable_sizes"], _Sizes, "table reading is missing")
    return {
        "edition": edition.value,
        "hot_bytes": sizes.hot_bytes,
        "hot_readings": sizes.hot_readings,
        "packed_bytes": sizes.packed_bytes,
        "packed_readings": state.packed_readings,
        "packed_bytes_per_reading": round(sizes.packed_bytes / state.packed_readings, 2) if state.packed_readings else None,
        "horizon_ms": state.packed_before_ms,
        "kept_from_ms": state.kept_from_ms,
        "packed_at_ms": state.packed_at_ms,
    }

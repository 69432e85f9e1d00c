"""One device with its installations."""

from __future__ import annotations

from dataclasses import dataclass, replace

from central.db.pool import Connection
from central.db.statements import load_statements, one, rows
from central.metering.model import ONLINE_WITHIN_S, STALE_WITHIN_S, DeviceView, Installation

_SQL = load_statements("central.metering")


@dataclass(frozen=True, slots=True)
class _Code:
    code: str


def get_device(conn: Connection, code: str) -> DeviceView:
    """A device, removed ones included; raises NotFound."""
    missing = f"there is no device {code!r}; search for its address or place"
    view = one(conn, _SQL["device"], DeviceView, missing, device=code, online_s=ONLINE_WITHIN_S, stale_s=STALE_WITHIN_S)
    quantities = tuple(row.code for row in rows(conn, _SQL["quantities"], _Code, device=code))
    return replace(view, quantities=quantities, installations=tuple(rows(conn, _SQL["installations"], Installation, device=code)))

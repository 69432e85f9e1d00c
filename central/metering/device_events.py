"""Events of one device: what it logged itself, what its gateway and central noticed about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, rows

_SQL = load_statements("central.metering")
MAX_EVENTS = 500


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """One event. `gateway` None: central noticed it itself. `message`: English, for logs; pages have words for codes they know."""

    id: int
    code: str
    at_ms: int
    received_at_ms: int
    severity: str
    gateway: str | None
    line: str | None
    message: str
    data: Mapping[str, object]


def device_events(conn: Connection, device: str, limit: int = 50) -> list[DeviceEvent]:
    """Newest first."""
    return rows(conn, _SQL["events_of_device"], DeviceEvent, device=device, limit=min(limit, MAX_EVENTS))

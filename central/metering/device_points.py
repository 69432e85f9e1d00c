"""The metering points a device counts or counted for, as far as the asker may see them."""

from __future__ import annotations

from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, rows
from central.identity.scope import Scope

_SQL = load_statements("central.metering")


@dataclass(frozen=True, slots=True)
class DevicePoint:
    """A point. `present`: the device stands there now."""

    code: str
    medium: str
    name_zh: str
    name_en: str
    present: bool


def device_points(conn: Connection, device: str, scope: Scope) -> list[DevicePoint]:
    """Where it stands first, then where it stood last; of relays and sensors, which count nothing, none.

    A device may be in the asker's scope and a point it stood at before outside.
    """
    return rows(conn, _SQL["points_of_device"], DevicePoint, device=device, scope=scope)

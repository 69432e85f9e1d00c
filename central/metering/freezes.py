"""Registers that meters froze by themselves at the end of days and months: the newest of each kind a device has sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements, rows
from central.metering.model import Point
from protocol.quantities import QUANTITIES

_SQL = load_statements("central.metering")
_ENDINGS = ("_daily", "_monthly", "_settlement")
FREEZES = tuple(code for code in QUANTITIES if code.endswith(_ENDINGS))
MAX_EACH = 62


@dataclass(frozen=True, slots=True)
class Frozen:
    """One kind of freeze with its values, newest first. A freeze taken at midnight closes the day before."""

    quantity: str
    values: Sequence[Point]


def freezes(conn: Connection, device: str, each: int = 12) -> list[Frozen]:
    """The newest `each` of every freeze quantity; what the device never sent is left out."""
    found: dict[str, list[Point]] = {}
    for row in rows(conn, _SQL["freezes"], _Row, device=device, quantities=list(FREEZES), each=min(each, MAX_EACH)):
        found.setdefault(row.quantity, []).append(Point(row.at_ms, row.value, row.quality))
    return [Frozen(code, found[code]) for code in FREEZES if code in found]


@dataclass(frozen=True, slots=True)
class _Row:
    quantity: str
    at_ms: int
    value: int
    quality: int

"""Data that cannot be right, as the consumption found it: evenly filled rows, jumps over what can pass a meter, registers that fell."""

from __future__ import annotations

from central.analytics.model import FaultRow
from central.consumption.findings import FILLED, NEGATIVE, REGISTER, SETTLED
from central.db.pool import Connection
from central.db.statements import load_statements, rows
from central.identity.scope import Scope

_SQL = load_statements("central.analytics")
MAX_ROWS = 500
CODES = (FILLED, NEGATIVE, *(code for code in REGISTER if code not in SETTLED), "register.freeze")


def data_faults(conn: Connection, scope: Scope, node: str | None, limit: int) -> list[FaultRow]:
    """Open findings that speak against the data, the newest first; they are settled where findings are."""
    return rows(conn, _SQL["faults"], FaultRow, codes=list(CODES), scope=scope, node=node or None, limit=min(limit, MAX_ROWS))

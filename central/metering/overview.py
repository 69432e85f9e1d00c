"""The site in a dozen numbers."""

from __future__ import annotations

from central.db.pool import Connection
from central.db.statements import load_statements, one
from central.metering.model import ONLINE_WITHIN_S, STALE_WITHIN_S, Overview

_SQL = load_statements("central.metering")


def site_overview(conn: Connection) -> Overview:
    """Counts of places, devices and gateways, and what came in during the last hour."""
    return one(conn, _SQL["overview"], Overview, "no overview", online_s=ONLINE_WITHIN_S, stale_s=STALE_WITHIN_S)

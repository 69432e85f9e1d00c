"""In which time zone the site's days begin and end."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from central.db.pool import Connection
from central.db.statements import load_statements
from protocol.site_plan import Site

_SQL = load_statements("central.metering")
_DEFAULT = str(Site.model_fields["timezone"].default)


def site_zone(conn: Connection) -> str:
    """The time zone of the newest plan."""
    return known_zone(str(conn.execute(_SQL["site_zone"], {"default": _DEFAULT}).fetchone()[0]))  # type: ignore[index]  # one row by nature


def known_zone(name: str) -> str:
    """The name, or the default zone for one this machine does not know, as pages read it too."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return _DEFAULT
    return name

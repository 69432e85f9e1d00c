"""Whose site it is, and its time zone: days, months and clock times on every page follow it."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from central.db.pool import Connection
from central.db.statements import load_statements
from protocol.site_plan import Site as PlannedSite

_SQL = load_statements("central.web")
_ZONE = str(PlannedSite.model_fields["timezone"].default)


@dataclass(frozen=True, slots=True)
class Site:
    """Names are empty until a plan is imported."""

    name_zh: str
    name_en: str
    zone: ZoneInfo


def load_site(conn: Connection) -> Site:
    """The site of the newest plan. A time zone this machine does not know reads as the default one."""
    row = conn.execute(_SQL["site"]).fetchone()
    site = (row[0] if row else None) or {}
    name = site.get("name") or {}
    return Site(name.get("zh", ""), name.get("en", ""), _zone(site.get("timezone", _ZONE)))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(_ZONE)

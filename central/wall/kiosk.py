"""Tokens of wall screens: made by an administrator for one place and some time, kept as digests, ended at once when revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from central.identity import audit
from central.identity.principal import Principal
from central.identity.scope import About, check_in_scope
from central.identity.secret import digest, new_secret
from protocol.errors import Conflict, NotFound, Refused

_SQL = load_statements("central.wall")
MAX_DAYS = 1100
_MAX_NAME = 60
PERMISSIONS = frozenset({"metering.read", "reports.read", "alarms.read"})


@dataclass(frozen=True, slots=True)
class Kiosk:
    """A live screen without its secret, which nobody can show again. `place` None: the whole site. `last_seen_at` is at most a minute behind."""

    id: int
    name: str
    place: str | None
    place_zh: str | None
    place_en: str | None
    created_by: str
    created_at: datetime
    expires_at: datetime
    last_seen_at: datetime | None

    @property
    def principal(self) -> Principal:
        """Who looks: nobody with an account, and at this place only."""
        return Principal(f"kiosk:{self.name}", PERMISSIONS, None if self.place is None else [self.place])


@dataclass(frozen=True, slots=True)
class Showable:
    """A place a screen may show."""

    code: str
    name_zh: str
    name_en: str
    depth: int


def create_kiosk(conn: Connection, name: str, place: str | None, days: int, now: float, actor: Principal) -> str:
    """Return the secret of a new screen, shown once. Raise Refused (name, days), NotFound (place), Conflict (a live screen has the name)."""
    name = name.strip()
    if not 1 <= len(name) <= _MAX_NAME or not name.isprintable():
        raise Refused(f"a screen needs a name of 1 to {_MAX_NAME} characters", problem="bad_name")
    if not 1 <= days <= MAX_DAYS:
        raise Refused(f"a screen's access lasts 1 to {MAX_DAYS} days, got {days}; choose fewer and renew it later", problem="bad_days")
    check_in_scope(conn, actor.scope, About.PLACE, place or "")
    if place is not None and place not in {one.code for one in showable(conn)}:
        raise NotFound(f"there is no campus, zone or building {place!r} a screen could show", place=place)
    secret = new_secret()
    row = {"name": name, "digest": digest(secret), "place": place, "actor": actor.name, "now": now, "days": days}
    run(conn, _SQL["free_name"], name=name, now=now)
    if conn.execute(_SQL["add_kiosk"], row).fetchone() is None:
        raise Conflict(f"a live screen is named {name!r}; revoke it first or choose another name", problem="name_taken")
    audit.record(conn, actor.name, "kiosk.created", name, {"place": place, "days": days})
    return secret


def find_kiosk(conn: Connection, secret: str, now: float) -> Kiosk | None:
    """The live screen with this secret; that it looked is noted."""
    found = rows(conn, _SQL["live_kiosk"], Kiosk, digest=digest(secret), now=now)
    if not found:
        return None
    run(conn, _SQL["touch_kiosk"], id=found[0].id, now=now)
    return found[0]


def list_kiosks(conn: Connection, now: float) -> list[Kiosk]:
    """Live screens by name."""
    return rows(conn, _SQL["live_kiosk"], Kiosk, digest=None, now=now)


def revoke_kiosk(conn: Connection, number: int, actor: str, now: float) -> None:
    """End a screen's access: its next refresh shows nothing any more. Raise NotFound."""
    row = conn.execute(_SQL["revoke_kiosk"], {"id": number, "now": now}).fetchone()
    if row is None:
        raise NotFound(f"no live screen has the number {number}", kiosk=number)
    audit.record(conn, actor, "kiosk.revoked", row[0])


def showable(conn: Connection) -> list[Showable]:
    """Places a screen may be made for, in the plan's order."""
    return rows(conn, _SQL["showable"], Showable)

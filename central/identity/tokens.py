"""API tokens: programs (the provisioning tool, other campus systems) that call the JSON API with a fixed set of permissions over fixed places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from central.db.pool import Connection
from central.db.statements import load_statements
from central.identity import audit
from central.identity.accounts import known_places
from central.identity.permissions import PERMISSIONS, unknown
from central.identity.principal import CONSOLE, Principal, check_giving
from central.identity.scope import Scope
from central.identity.secret import digest, new_secret
from protocol.errors import Conflict, NotFound, Refused

_SQL = load_statements("central.identity")
_MAX_NAME = 60
MAX_DAYS = 3650
_TOUCH_S = 60.0


@dataclass(frozen=True, slots=True)
class Token:
    """A live token, without its secret, which nobody can show again. `last_used_at` is at most a minute behind."""

    name: str
    permissions: frozenset[str]
    created_at: datetime
    scope: Scope = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    created_by: str = ""


def create_token(
    conn: Connection,
    name: str,
    permissions: Iterable[str],
    now: float,
    actor: Principal = CONSOLE,
    places: Sequence[str] | None = None,
    days: int | None = None,
) -> str:
    """Return a new token's secret, shown once. `now`: Unix seconds; `days`: how long it lives, None until revoked.

    Raise Refused (unknown permission, bad name, more than the maker has, a program making it) or Conflict (name in use).
    """
    wanted = frozenset(permissions)
    if wrong := unknown(wanted):
        raise Refused(f"unknown permission {', '.join(wrong)}; known are {', '.join(sorted(PERMISSIONS))}", problem="unknown_permission")
    if not wanted or not 1 <= len(name.strip()) <= _MAX_NAME or not name.isprintable():
        raise Refused(f"a token needs a name of 1 to {_MAX_NAME} characters and at least one permission", problem="bad_token")
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise Refused(f"a token lives 1 to {MAX_DAYS} days, got {days}", problem="bad_days")
    if actor is not CONSOLE and actor.account_id is None:
        raise Refused("a token is made by a person who showed a second factor, not by a program", problem="person_needed")
    scope = known_places(conn, places)
    check_giving(actor, wanted, scope)
    secret = new_secret()
    row = {"name": name.strip(), "token_digest": digest(secret), "permissions": sorted(wanted), "now": now, "places": scope, "days": days}
    conn.execute(_SQL["free_token_name"], row)
    if conn.execute(_SQL["add_token"], {**row, "created_by": actor.name}).fetchone() is None:
        raise Conflict(f"a live token named {name!r} exists; revoke it first or choose another name", problem="name_taken")
    audit.record(conn, actor.name, "token.created", name.strip(), {"permissions": sorted(wanted), "places": scope, "days": days})
    return secret


def find_token(conn: Connection, secret: str, now: float) -> Token | None:
    """The live token with this secret; its use is noted."""
    key = {"token_digest": digest(secret), "now": now}
    row = conn.execute(_SQL["live_token"], key).fetchone()
    if row is None:
        return None
    token = _token(row)
    if token.last_used_at is None or token.last_used_at.timestamp() < now - _TOUCH_S:
        conn.execute(_SQL["touch_token"], {**key, "touch_s": _TOUCH_S})
    return token


def list_tokens(conn: Connection, now: float) -> list[Token]:
    """Live tokens by name."""
    return [_token(row) for row in conn.execute(_SQL["live_tokens"], {"now": now})]


def revoke_token(conn: Connection, name: str, actor: str, now: float) -> None:
    """End a token at once; raise NotFound."""
    if conn.execute(_SQL["revoke_token"], {"name": name, "now": now}).fetchone() is None:
        raise NotFound(f"no live token is named {name!r}", token=name)
    audit.record(conn, actor, "token.revoked", name)


def _token(row: Sequence[Any]) -> Token:
    name, permissions, *rest = row
    return Token(name, frozenset(permissions), *rest)

"""API tokens: programs (the provisioning tool, other campus systems) that call the JSON API with a fixed set of permissions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from central.db.pool import Connection
from central.db.statements import load_statements
from central.identity import audit
from central.identity.permissions import PERMISSIONS, unknown
from central.identity.scope import Scope
from central.identity.secret import digest, new_secret
from protocol.errors import Conflict, NotFound, Refused

_SQL = load_statements("central.identity")
_MAX_NAME = 60


@dataclass(frozen=True, slots=True)
class Token:
    """A live token, without its secret, which nobody can show again."""

    name: str
    permissions: frozenset[str]
    created_at: datetime
    scope: Scope = None


def create_token(conn: Connection, name: str, permissions: Iterable[str], now: float, actor: str = "console", places: Scope = None) -> str:
    """Return a new token's secret, shown once. `now`: Unix seconds. Raise Refused (unknown permission, bad name) or Conflict (name in use)."""
    wanted = frozenset(permissions)
    if wrong := unknown(wanted):
        raise Refused(f"unknown permission {', '.join(wrong)}; known are {', '.join(sorted(PERMISSIONS))}", problem="unknown_permission")
    if not wanted or not 1 <= len(name.strip()) <= _MAX_NAME:
        raise Refused(f"a token needs a name of 1 to {_MAX_NAME} characters and at least one permission", problem="bad_token")
    secret = new_secret()
    row = {"name": name.strip(), "token_digest": digest(secret), "permissions": sorted(wanted), "now": now, "places": places}
    if conn.execute(_SQL["add_token"], row).fetchone() is None:
        raise Conflict(f"a live token named {name!r} exists; revoke it first or choose another name", problem="name_taken")
    audit.record(conn, actor, "token.created", name.strip(), {"permissions": sorted(wanted), "places": places})
    return secret


def find_token(conn: Connection, secret: str) -> Token | None:
    """The live token with this secret."""
    row = conn.execute(_SQL["live_token"], {"token_digest": digest(secret)}).fetchone()
    return _token(row) if row else None


def list_tokens(conn: Connection) -> list[Token]:
    """Live tokens by name."""
    return [_token(row) for row in conn.execute(_SQL["live_tokens"])]


def revoke_token(conn: Connection, name: str, actor: str, now: float) -> None:
    """End a token at once; raise NotFound."""
    if conn.execute(_SQL["revoke_token"], {"name": name, "now": now}).fetchone() is None:
        raise NotFound(f"no live token is named {name!r}", token=name)
    audit.record(conn, actor, "token.revoked", name)


def _token(row: Sequence[Any]) -> Token:
    name, permissions, created_at, places = row
    return Token(name, frozenset(permissions), created_at, places)

"""Sessions of signed-in browsers: kept in a table under a digest, ended by time, logout or the account's end."""

from __future__ import annotations

from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements
from central.identity.permissions import Role
from central.identity.scope import Scope
from central.identity.secret import digest, new_secret

_SQL = load_statements("central.identity")
IDLE_S = 2 * 3600.0
ABSOLUTE_S = 12 * 3600.0
KEEP_PER_ACCOUNT = 10  # the oldest ends when one more begins
_TOUCH_S = 60.0  # writing "last seen" at every request would make every page a write


@dataclass(frozen=True, slots=True)
class Session:
    """Whose live session it is, and what they may see."""

    account_id: int
    name: str
    role: Role
    scope: Scope


def open_session(conn: Connection, account_id: int, now: float, replaces: str | None = None) -> str:
    """Begin a session and return its secret, always a new one; the one the browser came with (`replaces`) ends."""
    if replaces:
        end_session(conn, replaces)
    secret = new_secret()
    conn.execute(_SQL["end_surplus_sessions"], {"account_id": account_id, "now": now, "idle_s": IDLE_S, "keep": KEEP_PER_ACCOUNT - 1})
    conn.execute(_SQL["add_session"], {"token_digest": digest(secret), "account_id": account_id, "now": now, "absolute_s": ABSOLUTE_S})
    return secret


def find_session(conn: Connection, secret: str, now: float, touch: bool = True) -> Session | None:
    """The live session, or None when it is unknown, idle for too long, too old, or its account is disabled.

    `touch=False` looks without counting as activity (a live stream in a forgotten tab must not keep a session alive).
    """
    key = {"token_digest": digest(secret), "now": now}
    row = conn.execute(_SQL["live_session"], {**key, "idle_s": IDLE_S, "touch_s": _TOUCH_S}).fetchone()
    if row is None:
        return None
    account_id, name, role, scope, stale = row
    if touch and stale:
        conn.execute(_SQL["touch_session"], key)
    return Session(account_id, name, Role(role), scope)


def end_session(conn: Connection, secret: str) -> None:
    """Revoke; a second time is harmless."""
    conn.execute(_SQL["end_session"], {"token_digest": digest(secret)})

"""Sessions of signed-in browsers: kept in a table under a digest, ended by time, logout, their owner, an administrator or the account's end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from central.identity.permissions import Role
from central.identity.scope import Scope
from central.identity.secret import digest, new_secret
from protocol.errors import NotFound

_SQL = load_statements("central.identity")
IDLE_S = 2 * 3600.0
ABSOLUTE_S = 12 * 3600.0
KEEP_PER_ACCOUNT = 10  # the oldest ends when one more begins
_TOUCH_S = 60.0  # writing "last seen" at every request would make every page a write
_MAX_DEVICE = 300


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a sign-in comes from. `device`: the browser's own description of itself."""

    address: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """Whose live session it is, what they may see, and whether a second factor was shown in it."""

    account_id: int
    name: str
    role: Role
    scope: Scope
    session_id: int
    factor: bool
    method: str


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session as its owner sees it in a list. `method`: password, link, oidc or cas."""

    session_id: int
    created_at: datetime
    last_seen_at: datetime
    factor: bool
    method: str
    address: str
    device: str


def open_session(
    conn: Connection,
    account_id: int,
    now: float,
    replaces: str | None = None,
    *,
    visitor: Visitor | None = None,
    factor: bool = False,
    method: str = "password",
) -> str:
    """Begin a session and return its secret, always a new one; the one the browser came with (`replaces`) ends."""
    if replaces:
        end_session(conn, replaces)
    secret, seen = new_secret(), visitor or Visitor()
    conn.execute(_SQL["end_surplus_sessions"], {"account_id": account_id, "now": now, "idle_s": IDLE_S, "keep": KEEP_PER_ACCOUNT - 1})
    row = {"account_id": account_id, "now": now, "absolute_s": ABSOLUTE_S, "factor": factor, "method": method}
    device = "".join(letter for letter in seen.device if letter.isprintable())[:_MAX_DEVICE]
    conn.execute(_SQL["add_session"], {**row, "token_digest": digest(secret), "address": seen.address[:100], "device": device})
    return secret


def find_session(conn: Connection, secret: str, now: float, touch: bool = True) -> Session | None:
    """The live session, or None when it is unknown, idle for too long, too old, or its account is disabled.

    `touch=False` looks without counting as activity (a live stream in a forgotten tab must not keep a session alive).
    """
    key = {"token_digest": digest(secret), "now": now}
    row = conn.execute(_SQL["live_session"], {**key, "idle_s": IDLE_S, "touch_s": _TOUCH_S}).fetchone()
    if row is None:
        return None
    account_id, name, role, scope, session_id, factor, method, stale = row
    if touch and stale:
        conn.execute(_SQL["touch_session"], key)
    return Session(account_id, name, Role(role), scope, session_id, factor, method)


def list_sessions(conn: Connection, account_id: int, now: float) -> list[LiveSession]:
    """The account's live sessions, the one used last first."""
    return rows(conn, _SQL["sessions_of"], LiveSession, account_id=account_id, now=now, idle_s=IDLE_S)


def end_session(conn: Connection, secret: str) -> None:
    """Revoke; a second time is harmless."""
    conn.execute(_SQL["end_session"], {"token_digest": digest(secret)})


def end_session_of(conn: Connection, account_id: int, session_id: int) -> None:
    """End one session of an account; raise NotFound when it has no such session."""
    if not run(conn, _SQL["end_session_of"], account_id=account_id, session_id=session_id):
        raise NotFound(f"session {session_id} does not exist or has ended", session=session_id)


def end_sessions_of(conn: Connection, account_id: int, but: int | None = None) -> int:
    """End an account's sessions, all or all but one; return how many there were."""
    return run(conn, _SQL["end_sessions_but"], account_id=account_id, session_id=but)

"""Sessions of others, ended by an administrator."""

from __future__ import annotations

from central.db.pool import Connection
from central.identity import audit
from central.identity.accounts import managed_account
from central.identity.principal import Principal
from central.identity.sessions import end_session_of, end_sessions_of


def end_sessions(conn: Connection, account_id: int, session_id: int | None, actor: Principal) -> None:
    """End one session of an account, or all; raise Refused or NotFound."""
    account = managed_account(conn, account_id, actor)
    if session_id is None:
        end_sessions_of(conn, account_id)
    else:
        end_session_of(conn, account_id, session_id)
    audit.record(conn, actor.name, "session.ended", account.name, {"session": session_id or "all"})

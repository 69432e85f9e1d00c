"""Signing in with name and password: throttled, the same answer in the same time whether or not the name exists."""

from __future__ import annotations

from central.context import Central
from central.db.statements import load_statements
from central.identity import audit, throttle
from central.identity.accounts import fold_name
from central.identity.passwords import verify_password
from central.identity.sessions import Visitor
from central.identity.signing import Begun, begin
from protocol.errors import NotSignedIn, TooManyTries

_SQL = load_statements("central.identity")


def login(central: Central, name: str, password: str, visitor: Visitor, replaces: str | None) -> Begun:
    """Return a new session, or the step to the code page; raise NotSignedIn (wrong name or password) or TooManyTries (`wait_s` in details).

    The count of tries is committed before the password is looked at, and no connection is held while it is hashed.
    """
    now, folded = central.clock(), fold_name(name)
    tried = throttle.keys(folded, visitor.address)
    with central.pool.connection() as conn:
        wait_s = throttle.count_try(conn, tried, now)
        account = conn.execute(_SQL["account_by_name"], {"name": folded}).fetchone()
    if wait_s:
        raise TooManyTries("too many tries; wait before the next one", wait_s=round(wait_s))
    account_id, known_name, _, stored, disabled = account or (0, "", "", None, False)
    right = verify_password(stored, password) and not disabled
    with central.pool.connection() as conn:
        if right:
            throttle.clear(conn, tried, now)
            begun = begin(conn, account_id, now, visitor, replaces)
            facts = {"address": visitor.address, "method": "password"}
            audit.record(conn, known_name, "login.password" if begun.waits_for_code else "login", known_name, facts)
            return begun
        audit.record(conn, known_name or "unknown", "login.failed", known_name, {"address": visitor.address})
    raise NotSignedIn("user name or password is wrong", problem="wrong_login")

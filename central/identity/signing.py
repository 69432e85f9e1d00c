"""From a proven identity to a session: at once, or by way of the code page where a second factor is enrolled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from central.context import Central
from central.db.pool import Connection
from central.db.statements import load_statements
from central.identity import audit, throttle
from central.identity.factor import check_code, find_factor
from central.identity.sealed import key_path
from central.identity.secret import digest, new_secret
from central.identity.sessions import Visitor, open_session
from protocol.errors import NotSignedIn, TooManyTries

_SQL = load_statements("central.identity")
STEP_S = 300.0


@dataclass(frozen=True, slots=True)
class Begun:
    """A session's secret, or, when `waits_for_code`, the secret of a step that opens nothing but the code page."""

    secret: str
    waits_for_code: bool = False


@dataclass(frozen=True, slots=True)
class _Step:
    account_id: int
    name: str
    method: str


def begin(
    conn: Connection, account_id: int, now: float, visitor: Visitor, replaces: str | None, method: str = "password", factor: bool = False
) -> Begun:
    """Sign in an account that proved itself once. `factor`: the identity provider asked for a second factor already."""
    if factor or find_factor(conn, account_id) is None:
        return Begun(open_session(conn, account_id, now, replaces, visitor=visitor, factor=factor, method=method))
    secret = new_secret()
    conn.execute(_SQL["forget_steps"], {"now": now})
    conn.execute(_SQL["add_step"], {"token_digest": digest(secret), "account_id": account_id, "method": method, "now": now, "lasts_s": STEP_S})
    return Begun(secret, waits_for_code=True)


def step_is_open(conn: Connection, secret: str | None, now: float) -> bool:
    """Whether a code is awaited from the browser that has this step."""
    return bool(secret) and _find_step(conn, secret or "", now) is not None


def finish(central: Central, secret: str, code: str, visitor: Visitor, replaces: str | None) -> str:
    """The code of a step: return a session's secret; raise NotSignedIn (`no_step`: too late; `wrong_code`) or TooManyTries."""
    now = central.clock()
    with central.pool.connection() as conn:
        step = _find_step(conn, secret, now)
        tried = _count(conn, step.account_id, visitor, now) if step else None
    if step is None or tried is None:
        raise NotSignedIn("the password was entered too long ago; sign in again", problem="no_step")
    with central.pool.connection() as conn:
        if check_code(conn, key_path(central.settings), step.account_id, code, now):
            throttle.clear(conn, tried, now)
            conn.execute(_SQL["end_step"], {"token_digest": digest(secret)})
            audit.record(conn, step.name, "login", step.name, {"address": visitor.address, "method": step.method, "factor": True})
            return open_session(conn, step.account_id, now, replaces, visitor=visitor, factor=True, method=step.method)
        audit.record(conn, step.name, "login.code_failed", step.name, {"address": visitor.address})
    raise NotSignedIn("the code is wrong, or was used before", problem="wrong_code")


def prove_code(central: Central, key: Path, account_id: int, code: str, visitor: Visitor) -> None:
    """A signed-in person shows a code again (to renew recovery codes, to step up); raise NotSignedIn or TooManyTries, as counted as at sign-in."""
    now = central.clock()
    with central.pool.connection() as conn:
        tried = _count(conn, account_id, visitor, now)
    with central.pool.connection() as conn:
        if check_code(conn, key, account_id, code, now):
            throttle.clear(conn, tried, now)
            return
    raise NotSignedIn("the code is wrong, or was used before", problem="wrong_code")


def _count(conn: Connection, account_id: int, visitor: Visitor, now: float) -> throttle.Keys:
    """Count a try for a code before it is looked at. The count must stand whatever happens next, so a lock is raised after the commit."""
    tried = throttle.keys(f"code of {account_id}", visitor.address)
    if wait_s := throttle.count_try(conn, tried, now):
        conn.commit()
        raise TooManyTries("too many tries; wait before the next one", wait_s=round(wait_s))
    return tried


def _find_step(conn: Connection, secret: str, now: float) -> _Step | None:
    row = conn.execute(_SQL["open_step"], {"token_digest": digest(secret), "now": now}).fetchone()
    return _Step(*row) if row else None

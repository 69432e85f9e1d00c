"""An account's second factor: enrolment with a confirming code, checking, recovery codes, reset by another administrator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from central.db.pool import Connection
from central.db.statements import load_statements, run
from central.identity import audit
from central.identity.accounts import find_account, held_by
from central.identity.principal import Principal, check_giving
from central.identity.sealed import seal, unseal
from central.identity.secret import digest
from central.identity.totp import folded_code, matching_counter, new_recovery_codes, new_totp_secret
from protocol.errors import Conflict, Refused

_SQL = load_statements("central.identity")
CANDIDATE_S = 900  # between showing the QR code and the confirming code
MIN_REASON, MAX_REASON = 3, 300


@dataclass(frozen=True, slots=True)
class Factor:
    """An enrolled second factor. `codes_left`: recovery codes not used yet."""

    enrolled_at: datetime
    codes_left: int


def find_factor(conn: Connection, account_id: int) -> Factor | None:
    """The account's second factor, None before enrolment."""
    row = conn.execute(_SQL["factor"], {"account_id": account_id}).fetchone()
    return Factor(*row) if row else None


def new_candidate(key: Path, account_id: int, now: float) -> tuple[str, str]:
    """A new secret for the authenticator app, and the same sealed for the form that confirms it; nothing is stored until then."""
    secret = new_totp_secret()
    return secret, seal(key, f"candidate:{account_id}:{secret}", now).decode()


def opened_candidate(key: Path, account_id: int, sealed: str, now: float) -> str:
    """The secret of a form this account was shown less than CANDIDATE_S ago; raise Refused."""
    kind, _, rest = unseal(key, sealed.encode(), now, CANDIDATE_S).partition(":")
    owner, _, secret = rest.partition(":")
    if (kind, owner) != ("candidate", str(account_id)):
        raise Refused("this form belongs to another account; start the enrolment again", problem="unsealed")
    return secret


def enrol(conn: Connection, key: Path, account_id: int, sealed: str, code: str, now: float) -> list[str]:
    """Confirm a candidate with its first code and return the recovery codes, which nobody can show again.

    Every session of the account ends: they showed no second factor. Raise Refused for a wrong code, Conflict where a factor is enrolled already.
    """
    secret = opened_candidate(key, account_id, sealed, now)
    counter = matching_counter(secret, folded_code(code), now, after=0)
    if counter is None:
        raise Refused("the code is not the one the authenticator app shows now; check the phone's clock", problem="wrong_code")
    account = find_account(conn, account_id)
    stored = seal(key, f"factor:{account_id}:{secret}", now)
    row = {"account_id": account_id, "secret": stored, "counter": counter, "now": now}
    if not run(conn, _SQL["add_factor"], **row):
        raise Conflict(f"{account.name!r} has a second factor; have it reset first", problem="factor_exists")
    conn.execute(_SQL["end_account_sessions"], {"account_id": account_id})
    audit.record(conn, account.name, "factor.enrolled", account.name)
    return _write_codes(conn, account_id)


def check_code(conn: Connection, key: Path, account_id: int, typed: str, now: float) -> bool:
    """Whether it is a code of the app not taken before, or an unused recovery code; either is used up."""
    code = folded_code(typed)
    if not (code.isascii() and code.isdigit()):
        return bool(run(conn, _SQL["use_recovery_code"], account_id=account_id, code_digest=digest(code), now=now))
    row = conn.execute(_SQL["factor_secret"], {"account_id": account_id}).fetchone()
    if row is None:
        return False
    owner, _, secret = unseal(key, bytes(row[0]), now).removeprefix("factor:").partition(":")
    counter = matching_counter(secret, code, now, after=row[1]) if owner == str(account_id) else None
    return counter is not None and bool(run(conn, _SQL["use_counter"], account_id=account_id, counter=counter))


def renew_codes(conn: Connection, account_id: int, actor: str) -> list[str]:
    """Ten new recovery codes; the old ones are dead."""
    audit.record(conn, actor, "factor.codes_renewed", actor)
    return _write_codes(conn, account_id)


def reset_factor(conn: Connection, account_id: int, reason: str, actor: Principal) -> None:
    """Take a lost second factor away; the person enrols anew. Not one's own: who took over a session must not get rid of the factor with it."""
    account = find_account(conn, account_id)
    check_giving(actor, held_by(account), account.places)
    if account_id == actor.account_id:
        raise Refused("nobody resets their own second factor; ask another administrator, or use a recovery code", problem="own_factor")
    if not MIN_REASON <= len(reason.strip()) <= MAX_REASON:
        raise Refused(f"a reason of {MIN_REASON} to {MAX_REASON} characters is needed: how was the person recognised?", problem="no_reason")
    conn.execute(_SQL["drop_codes"], {"account_id": account_id})
    conn.execute(_SQL["drop_factor"], {"account_id": account_id})
    conn.execute(_SQL["end_account_sessions"], {"account_id": account_id})
    audit.record(conn, actor.name, "factor.reset", account.name, {"reason": reason.strip()})


def _write_codes(conn: Connection, account_id: int) -> list[str]:
    codes = new_recovery_codes()
    conn.execute(_SQL["drop_codes"], {"account_id": account_id})
    conn.execute(_SQL["add_codes"], {"account_id": account_id, "digests": [digest(folded_code(code)) for code in codes]})
    return codes

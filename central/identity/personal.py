"""A person's own data: shown whole, corrected, deleted (PIPL articles 45 to 47).

Deleting replaces the name by a pseudonym and forgets everything else the account held. Audit rows stay as they were written, names included: they
are the evidence the law asks for, and nothing may change them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from central.db.pool import Connection, UniqueViolation
from central.db.statements import load_statements, rows
from central.identity import audit
from central.identity.accounts import Account, find_account, fold_name, keep_one_admin, managed_account, name_problem
from central.identity.audit import AuditRow
from central.identity.factor import Factor, find_factor
from central.identity.principal import Principal
from central.identity.sessions import LiveSession, list_sessions
from protocol.errors import Conflict, Refused

_SQL = load_statements("central.identity")
MAX_AUDIT_ROWS = 5000
_MIN_REASON = 3


@dataclass(frozen=True, slots=True)
class External:
    """A name at the identity provider that is this account's."""

    provider: str
    subject: str
    name: str
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class PersonalData:
    """All that is kept about one person. `audit`: newest first, at most MAX_AUDIT_ROWS."""

    account: Account
    factor: Factor | None
    sessions: Sequence[LiveSession]
    externals: Sequence[External]
    audit: Sequence[AuditRow]


def personal_data(conn: Connection, account_id: int, now: float) -> PersonalData:
    """Everything about the account; raise NotFound."""
    account = find_account(conn, account_id)
    trail = [AuditRow(*row) for row in conn.execute(_SQL["audit_about"], {"name": account.name, "limit": MAX_AUDIT_ROWS})]
    return PersonalData(account, find_factor(conn, account_id), list_sessions(conn, account_id, now), list_externals(conn, account_id), trail)


def list_externals(conn: Connection, account_id: int) -> list[External]:
    """The account's names at the identity provider."""
    return rows(conn, _SQL["externals_of"], External, account_id=account_id)


def rename(conn: Connection, account_id: int, name: str, actor: Principal) -> None:
    """Correct a name; raise Refused, Conflict or NotFound."""
    account, folded = managed_account(conn, account_id, actor), fold_name(name)
    if account.erased or name_problem(folded):
        raise Refused("a user name has 2 to 40 letters, digits, dots, dashes, underscores or @", problem="erased" if account.erased else "bad_name")
    try:
        with conn.transaction():
            conn.execute(_SQL["set_name"], {"account_id": account_id, "name": folded})
    except UniqueViolation as error:
        raise Conflict(f"the name {folded!r} is taken; choose another", problem="name_taken") from error
    audit.record(conn, actor.name, "account.renamed", folded, {"from": account.name, "account": account_id})


def erase(conn: Connection, account_id: int, reason: str, actor: Principal, now: float) -> str:
    """Delete a person's data for good and return the pseudonym that is left; raise Refused (the last administrator, oneself, no reason)."""
    conn.execute(_SQL["lock_accounts"])
    account = managed_account(conn, account_id, actor)
    if account_id == actor.account_id:
        raise Refused("nobody deletes the account they are signed in with; ask another administrator", problem="own_account")
    if len(reason.strip()) < _MIN_REASON:
        raise Refused("a reason is needed: who asked for it?", problem="no_reason")
    keep_one_admin(conn, account)
    pseudonym = f"deleted-{account_id}"
    for statement in ("end_account_sessions", "drop_codes", "drop_factor", "erase_links", "erase_externals", "drop_steps"):
        conn.execute(_SQL[statement], {"account_id": account_id})
    conn.execute(_SQL["erase_account"], {"account_id": account_id, "name": pseudonym, "now": now})
    audit.record(conn, actor.name, "account.erased", pseudonym, {"reason": reason.strip()[:300]})
    return pseudonym

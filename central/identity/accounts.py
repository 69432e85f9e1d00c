"""Accounts: people who may sign in, what they are and where, whether they still may."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from central.db.pool import Connection
from central.db.statements import load_statements
from central.identity import audit
from central.identity.passwords import hash_password, policy_problem, verify_password
from central.identity.permissions import ROLES, Role
from central.identity.principal import Principal, check_giving
from central.identity.scope import Scope
from protocol.errors import Conflict, NotFound, Refused

_SQL = load_statements("central.identity")
_NAME = re.compile(r"[\w.\-@]{2,40}")
MAX_PLACES = 200


@dataclass(frozen=True, slots=True)
class Account:
    """One person. `places`: what they may see with everything below, None for the whole site. `seen_at`: newest request of a live session."""

    id: int
    name: str
    role: Role
    places: Scope
    disabled: bool
    created_at: datetime
    seen_at: datetime | None
    factor: bool
    password: bool
    erased: bool


def fold_name(name: str) -> str:
    """The one spelling an account is stored and looked up under."""
    return name.strip().lower()


def name_problem(name: str) -> str | None:
    """`bad_name` unless the folded name is 2 to 40 letters, digits, dots, dashes, underscores or @."""
    return None if _NAME.fullmatch(name) else "bad_name"


def held_by(account: Account) -> frozenset[str]:
    """The permissions the account's role holds."""
    return ROLES[account.role]


def list_accounts(conn: Connection) -> list[Account]:
    """Every account by name. A university has dozens of staff accounts, so no paging."""
    return [_account(row) for row in conn.execute(_SQL["accounts"])]


def any_account(conn: Connection) -> bool:
    """Whether the first administrator exists."""
    row = conn.execute(_SQL["any_account"]).fetchone()
    return bool(row and row[0])


def add_account(conn: Connection, name: str, password: str, role: Role, now: float, places: Scope = None) -> int:
    """Store a new account; raise Refused (name or password breaks a rule, `problem` says which) or Conflict (name taken)."""
    folded = fold_name(name)
    problem = name_problem(folded) or policy_problem(password, folded)
    if problem:
        raise Refused(f"the account was not created: {problem}; choose another name or password", problem=problem)
    return insert_account(conn, folded, hash_password(password), role, places, folded, now)


def insert_account(conn: Connection, folded: str, password_hash: str | None, role: Role, places: Scope, actor: str, now: float) -> int:
    """Store an account whose name was checked; without a password it signs in by the identity provider only. Raise Conflict (name taken)."""
    values = {"name": folded, "role": role, "password_hash": password_hash, "places": places, "now": now}
    row = conn.execute(_SQL["add_account"], values).fetchone()
    if row is None:
        raise Conflict(f"the name {folded!r} is taken; choose another", problem="name_taken")
    audit.record(conn, actor, "account.created", folded, {"role": role, "places": places})
    return int(row[0])


def change_password(conn: Connection, account_id: int, password: str, actor: str) -> None:
    """Store a new password and end every session of the account; raise Refused when it breaks the policy."""
    account = find_account(conn, account_id)
    problem = policy_problem(password, account.name)
    if problem:
        raise Refused(f"the password was not changed: {problem}; choose another", problem=problem)
    conn.execute(_SQL["set_password"], {"account_id": account_id, "password_hash": hash_password(password)})
    conn.execute(_SQL["end_account_sessions"], {"account_id": account_id})
    audit.record(conn, actor, "account.password_changed", account.name)


def is_password(conn: Connection, account_id: int, password: str) -> bool:
    """Whether it is the account's password."""
    row = conn.execute(_SQL["password_of"], {"account_id": account_id}).fetchone()
    return verify_password(row[0] if row else None, password)


def change_access(conn: Connection, account_id: int, role: Role, places: Sequence[str] | None, actor: Principal) -> None:
    """Give the account another role and other places from its next request on; the last administrator stays one. Raise Refused or NotFound."""
    conn.execute(_SQL["lock_accounts"])
    account = managed_account(conn, account_id, actor)
    wanted = known_places(conn, places)
    check_giving(actor, ROLES[role], wanted)
    if role is not Role.ADMIN:
        keep_one_admin(conn, account)
    conn.execute(_SQL["set_access"], {"account_id": account_id, "role": role, "places": wanted})
    facts = {"from": account.role, "to": role, "places_from": account.places, "places_to": wanted}
    audit.record(conn, actor.name, "account.access_changed", account.name, facts)


def set_disabled(conn: Connection, account_id: int, disabled: bool, actor: Principal, now: float) -> None:
    """Shut an account out (its sessions end at once) or let it in again; the last administrator stays in."""
    conn.execute(_SQL["lock_accounts"])
    account = managed_account(conn, account_id, actor)
    if account.erased:
        raise Refused(f"{account.name!r} was deleted; invite the person anew", problem="erased")
    if disabled:
        keep_one_admin(conn, account)
        conn.execute(_SQL["end_account_sessions"], {"account_id": account_id})
    conn.execute(_SQL["set_disabled"], {"account_id": account_id, "disabled": disabled, "now": now})
    audit.record(conn, actor.name, "account.disabled" if disabled else "account.enabled", account.name)


def managed_account(conn: Connection, account_id: int, actor: Principal) -> Account:
    """The account, its row locked, after checking that `actor` holds at least what it holds; raise NotFound or Refused."""
    account = find_account(conn, account_id)
    check_giving(actor, held_by(account), account.places)
    return account


def find_account(conn: Connection, account_id: int) -> Account:
    """The account, its row locked for the caller's transaction; raise NotFound."""
    row = conn.execute(_SQL["account_by_id"], {"account_id": account_id}).fetchone()
    if row is None:
        raise NotFound(f"account {account_id} does not exist", account=account_id)
    return _account(row)


def known_places(conn: Connection, places: Sequence[str] | None) -> Scope:
    """The places, sorted and once each; None for the whole site. Raise Refused where one does not exist, none is left, or there are too many."""
    if places is None:
        return None
    wanted = sorted(set(places))
    known = {row[0] for row in conn.execute(_SQL["known_places"], {"codes": wanted})}
    if unknown := [code for code in wanted if code not in known]:
        raise Refused(f"there is no place {unknown[0]!r}; search for it", problem="unknown_place", places=unknown)
    if not 1 <= len(wanted) <= MAX_PLACES:
        raise Refused(f"choose 1 to {MAX_PLACES} places, or the whole site; got {len(wanted)}", problem="places_count")
    return wanted


def keep_one_admin(conn: Connection, account: Account) -> None:
    """Raise Refused where `account` is the last administrator who can sign in. The caller holds the lock on accounts."""
    row = conn.execute(_SQL["live_admins"]).fetchone()
    if account.role is Role.ADMIN and not account.disabled and row and row[0] <= 1:
        raise Refused(f"{account.name!r} is the last administrator; make another one first", problem="last_admin")


def _account(row: tuple[object, ...]) -> Account:
    number, name, role, *rest = row
    return Account(number, name, Role(role), *rest)  # type: ignore[arg-type]  # columns as the statement selects them

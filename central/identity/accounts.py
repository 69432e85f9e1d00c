"""Accounts: people who may sign in, what they are, whether they still may."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from central.db.pool import Connection
from central.db.statements import load_statements
from central.identity import audit
from central.identity.passwords import hash_password, policy_problem
from central.identity.permissions import Role
from protocol.errors import Conflict, NotFound, Refused

_SQL = load_statements("central.identity")
_NAME = re.compile(r"[\w.\-@]{2,40}")


@dataclass(frozen=True, slots=True)
class Account:
    """One person. `seen_at`: newest request of a live session, if any."""

    id: int
    name: str
    role: Role
    disabled: bool
    created_at: datetime
    seen_at: datetime | None


def fold_name(name: str) -> str:
    """The one spelling an account is stored and looked up under."""
    return name.strip().lower()


def name_problem(name: str) -> str | None:
    """`bad_name` unless the folded name is 2 to 40 letters, digits, dots, dashes, underscores or @."""
    return None if _NAME.fullmatch(name) else "bad_name"


def list_accounts(conn: Connection) -> list[Account]:
    """Every account by name. A university has dozens of staff accounts, so no paging."""
    return [_account(row) for row in conn.execute(_SQL["accounts"])]


def any_account(conn: Connection) -> bool:
    """Whether the first administrator exists."""
    row = conn.execute(_SQL["any_account"]).fetchone()
    return bool(row and row[0])


def add_account(conn: Connection, name: str, password: str, role: Role, now: float) -> int:
    """Store a new account; raise Refused (name or password breaks a rule, `problem` says which) or Conflict (name taken)."""
    folded = fold_name(name)
    problem = name_problem(folded) or policy_problem(password, folded)
    if problem:
        raise Refused(f"the account was not created: {problem}; choose another name or password", problem=problem)
    values = {"name": folded, "role": role, "password_hash": hash_password(password), "now": now}
    row = conn.execute(_SQL["add_account"], values).fetchone()
    if row is None:
        raise Conflict(f"the name {folded!r} is taken; choose another", problem="name_taken")
    audit.record(conn, folded, "account.created", folded, {"role": role})
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


def change_role(conn: Connection, account_id: int, role: Role, actor: str) -> None:
    """Give the account another role from its next request on; the last administrator stays one."""
    conn.execute(_SQL["lock_accounts"])
    account = find_account(conn, account_id)
    if role is not Role.ADMIN:
        _keep_one_admin(conn, account)
    conn.execute(_SQL["set_role"], {"account_id": account_id, "role": role})
    audit.record(conn, actor, "account.role_changed", account.name, {"from": account.role, "to": role})


def set_disabled(conn: Connection, account_id: int, disabled: bool, actor: str, now: float) -> None:
    """Shut an account out (its sessions end at once) or let it in again; the last administrator stays in."""
    conn.execute(_SQL["lock_accounts"])
    account = find_account(conn, account_id)
    if disabled:
        _keep_one_admin(conn, account)
        conn.execute(_SQL["end_account_sessions"], {"account_id": account_id})
    conn.execute(_SQL["set_disabled"], {"account_id": account_id, "disabled": disabled, "now": now})
    audit.record(conn, actor, "account.disabled" if disabled else "account.enabled", account.name)


def find_account(conn: Connection, account_id: int) -> Account:
    """The account, its row locked for the caller's transaction; raise NotFound."""
    row = conn.execute(_SQL["account_by_id"], {"account_id": account_id}).fetchone()
    if row is None:
        raise NotFound(f"account {account_id} does not exist", account=account_id)
    return _account(row)


def _keep_one_admin(conn: Connection, account: Account) -> None:
    row = conn.execute(_SQL["live_admins"]).fetchone()
    if account.role is Role.ADMIN and not account.disabled and row and row[0] <= 1:
        raise Refused(f"{account.name!r} is the last administrator; make another one first", problem="last_admin")


def _account(row: tuple[object, ...]) -> Account:
    number, name, role, disabled, created_at, seen_at = row
    return Account(number, name, Role(role), disabled, created_at, seen_at)  # type: ignore[arg-type]  # columns as the statement selects them

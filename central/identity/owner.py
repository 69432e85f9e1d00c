"""Whose work a background job is: what an account or token may do at this moment, not when it asked."""

from __future__ import annotations

from central.db.pool import Connection
from central.db.statements import load_statements
from central.identity.permissions import ROLES, Role
from central.identity.principal import Principal

_SQL = load_statements("central.identity")
_TOKEN = "token:"  # noqa: S105 - how a token's principal is named, no secret


def principal_now(conn: Connection, owner: str, account_id: int | None, now: float, factor: bool = False) -> Principal | None:
    """The principal, or None when the account is disabled or gone, or the token revoked or expired.

    `factor`: whether a second factor was shown when the work was asked for; a program always counts as having one.
    """
    if account_id is None:
        row = conn.execute(_SQL["token_now"], {"name": owner.removeprefix(_TOKEN), "now": now}).fetchone()
        return Principal(owner, frozenset(row[0]), row[1], factor=True) if row and owner.startswith(_TOKEN) else None
    row = conn.execute(_SQL["account_now"], {"account_id": account_id}).fetchone()
    return Principal(row[0], ROLES[Role(row[1])], row[2], account_id, factor) if row else None

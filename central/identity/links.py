"""One-time links: the only way to the first account, to further ones, and to a forgotten password. Nobody ever sets a password for somebody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements
from central.identity import audit
from central.identity.accounts import add_account, change_password, find_account, known_places, managed_account
from central.identity.permissions import ROLES, Role
from central.identity.principal import CONSOLE, Principal, check_giving
from central.identity.scope import Scope
from central.identity.secret import digest, new_secret
from protocol.errors import Refused

_SQL = load_statements("central.identity")
LIFETIME_S = 24 * 3600.0
WELCOME_PATH = "/welcome"


@dataclass(frozen=True, slots=True)
class OpenLink:
    """What an unused link is good for: an account of `role` over `places`, or a new password for the account called `name`."""

    role: Role
    account_id: int | None
    name: str | None
    places: Scope


def create_admin_link(conn: Connection, public_url: str, now: float) -> str:
    """Return the address under which an administrator account can be made once, within 24 h. `now`: Unix seconds.

    A link made here before and not used is dead from now on. The secret stands behind `#`, which browsers do not send, so that it
    reaches no access log.
    """
    return _create(conn, public_url, now, Role.ADMIN, None, None, CONSOLE)


def create_invitation(conn: Connection, public_url: str, role: Role, actor: Principal, now: float, places: Sequence[str] | None = None) -> str:
    """Return a link to an account of `role` over `places`; raise Refused where that is more than `actor` has."""
    wanted = known_places(conn, places)
    check_giving(actor, ROLES[role], wanted)
    return _create(conn, public_url, now, role, wanted, None, actor)


def create_password_link(conn: Connection, public_url: str, account_id: int, actor: Principal, now: float) -> str:
    """Return a link under which the account's owner chooses a new password."""
    account = managed_account(conn, account_id, actor)
    if account.erased:
        raise Refused(f"{account.name!r} was deleted; invite the person anew", problem="erased")
    return _create(conn, public_url, now, account.role, account.places, account_id, actor)


def open_link(conn: Connection, secret: str, now: float) -> OpenLink:
    """What the link is good for, without using it; raise Refused when it is unknown, used or too old (one answer for all three)."""
    row = conn.execute(_SQL["open_link"], {"token_digest": digest(secret), "now": now}).fetchone()
    if row is None:
        raise _dead()
    return OpenLink(Role(row[0]), row[1], row[2], row[3])


def use_link(conn: Connection, secret: str, name: str, password: str, now: float) -> int:
    """Use the link up and return the account id it made or renewed; raise Refused or Conflict, which leave it unused (roll back)."""
    row = conn.execute(_SQL["use_link"], {"token_digest": digest(secret), "now": now}).fetchone()
    if row is None:
        raise _dead()
    role, account_id, places = Role(row[0]), row[1], row[2]
    if account_id is None:
        return add_account(conn, name, password, role, now, places)
    account = find_account(conn, account_id)
    change_password(conn, account_id, password, account.name)
    return int(account_id)


def _create(conn: Connection, public_url: str, now: float, role: Role, places: Scope, account_id: int | None, actor: Principal) -> str:
    secret = new_secret()
    link = {"role": role, "account_id": account_id, "created_by": actor.name, "now": now}
    if account_id is not None or actor is CONSOLE:
        conn.execute(_SQL["retire_links"], link)
    conn.execute(_SQL["add_link"], {**link, "places": places, "token_digest": digest(secret), "lifetime_s": LIFETIME_S})
    audit.record(conn, actor.name, "link.created", role if account_id is None else f"account {account_id}", {"role": role, "places": places})
    return f"{public_url.rstrip('/')}{WELCOME_PATH}#{secret}"


def _dead() -> Refused:
    return Refused("the link is unknown, already used or older than 24 h; ask for a new one", problem="dead_link")

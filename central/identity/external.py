"""People the campus's identity provider vouches for: which account is theirs, and who waits for an administrator.

A person is known by the provider's subject, never by a name: names change hands.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from central.identity import audit
from central.identity.accounts import find_account, fold_name, insert_account, known_places, managed_account, name_problem
from central.identity.oidc import Identity
from central.identity.permissions import ROLES, Role
from central.identity.principal import Principal, check_giving
from central.identity.scope import Scope
from central.settings import IdentitySettings
from protocol.errors import Conflict, NotFound, Refused

log = logging.getLogger(__name__)
_SQL = load_statements("central.identity")
MAX_WAITING = 1000


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody who signed in at the provider and has no account here."""

    provider: str
    subject: str
    name: str
    first_seen_at: datetime
    last_seen_at: datetime


def account_of(conn: Connection, identity: Identity, settings: IdentitySettings, now: float) -> int | None:
    """The account of a vouched-for person; None while they wait for an administrator. Raise Refused where it is disabled."""
    row = conn.execute(_SQL["external_account"], {"provider": identity.provider, "subject": identity.subject}).fetchone()
    if row and row[0] is not None:
        if row[1]:
            raise Refused("the account is disabled; ask an administrator", problem="account_disabled")
        conn.execute(_SQL["note_external"], {**_key(identity), "name": identity.name, "now": now})
        return int(row[0])
    scope = _mapped_places(conn, identity, settings)
    if settings.auto_create and (scope or not settings.places_claim):
        return _create(conn, identity, Role(settings.external_role), scope, _free_name(conn, identity), f"{identity.provider} sign-in", now)
    _wait(conn, identity, now)
    return None


def list_waiting(conn: Connection) -> list[Waiting]:
    """Who waits, newest first; never more than MAX_WAITING."""
    return rows(conn, _SQL["waiting"], Waiting)


def accept(conn: Connection, provider: str, subject: str, name: str, role: Role, places: Sequence[str] | None, actor: Principal, now: float) -> int:
    """Make an account, without a password, for somebody who waits; return its id. Raise NotFound, Refused or Conflict (name taken)."""
    identity = _waiting(conn, provider, subject)
    folded, wanted = fold_name(name), known_places(conn, places)
    if problem := name_problem(folded):
        raise Refused("a user name has 2 to 40 letters, digits, dots, dashes, underscores or @", problem=problem)
    check_giving(actor, ROLES[role], wanted)
    return _create(conn, identity, role, wanted, folded, actor.name, now)


def join(conn: Connection, provider: str, subject: str, account_id: int, actor: Principal, now: float) -> None:
    """Say that somebody who waits is the owner of an account that exists."""
    identity = _waiting(conn, provider, subject)
    account = managed_account(conn, account_id, actor)
    if account.erased:
        raise Refused(f"{account.name!r} was deleted", problem="erased")
    _bind(conn, identity, account_id, now)
    audit.record(conn, actor.name, "external.joined", account.name, {"provider": provider, "subject": subject})


def dismiss(conn: Connection, provider: str, subject: str, actor: str) -> None:
    """Take somebody off the list; signing in again puts them back."""
    identity = _waiting(conn, provider, subject)
    conn.execute(_SQL["drop_external"], _key(identity))
    audit.record(conn, actor, "external.dismissed", subject, {"provider": provider})


def _waiting(conn: Connection, provider: str, subject: str) -> Identity:
    row = conn.execute(_SQL["waiting_name"], {"provider": provider, "subject": subject}).fetchone()
    if row is None:
        raise NotFound(f"nobody called {subject!r} waits for an account", subject=subject)
    return Identity(provider, subject, row[0], None)


def _create(conn: Connection, identity: Identity, role: Role, scope: Scope, name: str, actor: str, now: float) -> int:
    account_id = insert_account(conn, name, None, role, scope, actor, now)
    _bind(conn, identity, account_id, now)
    audit.record(conn, actor, "external.joined", name, {"provider": identity.provider, "subject": identity.subject})
    return account_id


def _bind(conn: Connection, identity: Identity, account_id: int, now: float) -> None:
    account = find_account(conn, account_id)
    if not run(conn, _SQL["bind_external"], **_key(identity), account_id=account_id, name=identity.name, now=now):
        raise Conflict(f"{identity.subject!r} has an account already, not {account.name!r}", problem="name_taken")


def _wait(conn: Connection, identity: Identity, now: float) -> None:
    if run(conn, _SQL["add_waiting"], **_key(identity), name=identity.name, now=now, most=MAX_WAITING):
        audit.record(conn, identity.name, "external.waits", identity.subject, {"provider": identity.provider})
        return
    if not run(conn, _SQL["note_external"], **_key(identity), name=identity.name, now=now):
        log.warning("%d people wait for an account; %s is not added", MAX_WAITING, identity.provider)
        raise Refused("too many people wait for an account; tell an administrator", problem="waiting_full")


def _mapped_places(conn: Connection, identity: Identity, settings: IdentitySettings) -> Scope:
    """The places of the claim, None where there is no such setting or any of them is unknown: then an administrator decides."""
    if not settings.places_claim or not identity.places:
        return None
    try:
        return known_places(conn, identity.places)
    except Refused:
        log.warning("claim %s of a new person names unknown places; an administrator decides", settings.places_claim)
        return None


def _free_name(conn: Connection, identity: Identity) -> str:
    """The person's own name where it may be a user name and is free, else one made of the subject."""
    folded = fold_name(identity.name)
    taken = conn.execute(_SQL["account_by_name"], {"name": folded}).fetchone()
    if name_problem(folded) is None and taken is None:
        return folded
    letters = "".join(letter if letter.isalnum() else "-" for letter in identity.subject.lower())
    return f"{identity.provider}-{letters}"[:40]


def _key(identity: Identity) -> dict[str, str]:
    return {"provider": identity.provider, "subject": identity.subject}

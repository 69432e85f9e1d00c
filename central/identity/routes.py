"""JSON API of accounts, tokens and the audit: what the pages do, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query

from central.context import Central
from central.identity.accounts import MAX_PLACES, Account, change_access, find_account, list_accounts, set_disabled
from central.identity.audit import AuditRow, newest
from central.identity.factor import MAX_REASON, MIN_REASON, reset_factor
from central.identity.guard import Principal, reads_personal, require
from central.identity.links import create_invitation, create_password_link
from central.identity.managed_sessions import end_sessions
from central.identity.permissions import Role
from central.identity.personal import PersonalData, erase, personal_data, rename
from central.identity.scope import About, Scope
from central.identity.sessions import LiveSession, list_sessions
from central.identity.tokens import MAX_DAYS, Token, create_token, list_tokens, revoke_token

Administrator = Annotated[Principal, Depends(require("identity.manage"))]
AccountsReader = Annotated[Principal, Depends(reads_personal("accounts", require("identity.manage")))]
PersonReader = Annotated[Principal, Depends(reads_personal("account", require("identity.manage")))]
AuditReader = Annotated[Principal, Depends(require("audit.read"))]
Owner = Annotated[Principal, Depends(require("account.own", About.OWN))]
AccountId = Annotated[int, Path(ge=1, lt=1 << 53)]
Reason = Annotated[str, Body(embed=True, min_length=MIN_REASON, max_length=MAX_REASON)]
Places = Annotated[list[Annotated[str, Body(max_length=100)]] | None, Body(max_length=MAX_PLACES)]


@dataclass(frozen=True, slots=True)
class Me:
    """Who is signed in, and what they may do where (`scope` null: the whole site)."""

    name: str
    permissions: Sequence[str]
    scope: Scope
    factor: bool


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link, shown once."""

    link: str


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token's secret, shown once."""

    name: str
    secret: str


@dataclass(frozen=True, slots=True)
class Erased:
    """The pseudonym that stands for a deleted account. Audit rows written before keep the name: they are evidence."""

    pseudonym: str


def router(central: Central) -> APIRouter:
    """Routes below /api/v1: account, accounts, tokens, audit."""
    api = APIRouter(prefix="/api/v1", tags=["identity"])
    _add_accounts(api, central)
    _add_personal(api, central)
    _add_tokens(api, central)

    @api.get("/account")
    def me(who: Owner) -> Me:
        """Who is signed in."""
        return Me(who.name, sorted(who.permissions), who.scope, who.factor)

    @api.get("/audit")
    def audit_rows(
        _: AuditReader,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[int | None, Query(ge=1, lt=1 << 53)] = None,
        q: Annotated[str | None, Query(max_length=80)] = None,
    ) -> list[AuditRow]:
        """Rows of the audit trail, newest first, older than id `before`; `q` is looked for in actor, action and target."""
        with central.pool.connection() as conn:
            return newest(conn, limit, before, q)

    return api


def _add_accounts(api: APIRouter, central: Central) -> None:
    public_url = central.settings.web.public_url

    @api.get("/accounts")
    def accounts(_: AccountsReader) -> list[Account]:
        """Every account: role, places (null: the whole site), whether it may sign in, when it was last seen."""
        with central.pool.connection() as conn:
            return list_accounts(conn)

    @api.post("/accounts/invitations", status_code=201)
    def invite(who: Administrator, role: Annotated[Role, Body()], places: Places = None) -> Link:
        """A one-time link to an account of a role over places (null: the whole site). Nobody can give more than they have."""
        with central.pool.connection() as conn:
            return Link(create_invitation(conn, public_url, role, who, central.clock(), places))

    @api.put("/accounts/{account_id}/access")
    def access(who: Administrator, account_id: AccountId, role: Annotated[Role, Body()], places: Places = None) -> Account:
        """Give an account another role and other places, from its next request on."""
        with central.pool.connection() as conn:
            change_access(conn, account_id, role, places, who)
            return find_account(conn, account_id)

    @api.put("/accounts/{account_id}/disabled")
    def disabled(who: Administrator, account_id: AccountId, disabled: Annotated[bool, Body(embed=True)]) -> Account:
        """Shut an account out (its sessions end at once), or let it in again."""
        with central.pool.connection() as conn:
            set_disabled(conn, account_id, disabled, who, central.clock())
            return find_account(conn, account_id)

    @api.post("/accounts/{account_id}/password-link", status_code=201)
    def password_link(who: Administrator, account_id: AccountId) -> Link:
        """A one-time link under which the account's owner chooses a new password."""
        with central.pool.connection() as conn:
            return Link(create_password_link(conn, public_url, account_id, who, central.clock()))

    @api.post("/accounts/{account_id}/factor-reset")
    def factor_reset(who: Administrator, account_id: AccountId, reason: Reason) -> Account:
        """Take a lost second factor away; not one's own."""
        with central.pool.connection() as conn:
            reset_factor(conn, account_id, reason, who)
            return find_account(conn, account_id)

    @api.get("/accounts/{account_id}/sessions")
    def sessions(_: PersonReader, account_id: AccountId) -> list[LiveSession]:
        """The account's live sessions, the one used last first."""
        with central.pool.connection() as conn:
            return list_sessions(conn, find_account(conn, account_id).id, central.clock())

    @api.delete("/accounts/{account_id}/sessions")
    def end(who: Administrator, account_id: AccountId, session_id: Annotated[int | None, Query(ge=1, lt=1 << 53)] = None) -> list[LiveSession]:
        """End one session of an account, or all; answers with those that are left."""
        with central.pool.connection() as conn:
            end_sessions(conn, account_id, session_id, who)
            return list_sessions(conn, account_id, central.clock())


def _add_personal(api: APIRouter, central: Central) -> None:
    @api.get("/accounts/{account_id}/personal-data")
    def personal(_: PersonReader, account_id: AccountId) -> PersonalData:
        """Everything kept about one person, to hand over (PIPL article 45)."""
        with central.pool.connection() as conn:
            return personal_data(conn, account_id, central.clock())

    @api.put("/accounts/{account_id}/name")
    def name(who: Administrator, account_id: AccountId, name: Annotated[str, Body(embed=True, min_length=2, max_length=40)]) -> Account:
        """Correct a user name (PIPL article 46)."""
        with central.pool.connection() as conn:
            rename(conn, account_id, name, who)
            return find_account(conn, account_id)

    @api.delete("/accounts/{account_id}/personal-data")
    def erasure(who: Administrator, account_id: AccountId, reason: Annotated[str, Query(min_length=MIN_REASON, max_length=MAX_REASON)]) -> Erased:
        """Delete a person's data for good (PIPL article 47): a pseudonym stays, and the audit as it was written."""
        with central.pool.connection() as conn:
            return Erased(erase(conn, account_id, reason, who, central.clock()))


def _add_tokens(api: APIRouter, central: Central) -> None:
    @api.get("/tokens")
    def tokens(_: Administrator) -> list[Token]:
        """Live API tokens, without their secrets."""
        with central.pool.connection() as conn:
            return list_tokens(conn, central.clock())

    @api.post("/tokens", status_code=201)
    def add_token(
        who: Administrator,
        name: Annotated[str, Body(min_length=1, max_length=60)],
        permissions: Annotated[list[Annotated[str, Body(max_length=60)]], Body(min_length=1, max_length=100)],
        places: Places = None,
        days: Annotated[int | None, Body(ge=1, le=MAX_DAYS)] = 365,
    ) -> NewToken:
        """Make a token (`days` null: until revoked). Only a person who showed a second factor can, and nothing beyond their own permissions."""
        with central.pool.connection() as conn:
            return NewToken(name.strip(), create_token(conn, name, permissions, central.clock(), who, places, days))

    @api.delete("/tokens")
    def end_token(who: Administrator, name: Annotated[str, Query(min_length=1, max_length=60)]) -> list[Token]:
        """Revoke a token at once; answers with those that are left."""
        with central.pool.connection() as conn:
            revoke_token(conn, name, who.name, central.clock())
            return list_tokens(conn, central.clock())

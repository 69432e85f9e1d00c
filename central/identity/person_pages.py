"""The administrator's page of one account: role and places, sessions, second factor, personal data."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import Response

from central.context import Central
from central.db.pool import Connection
from central.identity.account_pages import Administrator, Places, Reach, Word, chosen
from central.identity.accounts import change_access, find_account, set_disabled
from central.identity.attempt import Tried, tried
from central.identity.device_words import device_words
from central.identity.factor import find_factor, reset_factor
from central.identity.guard import Principal, reads_personal, require
from central.identity.links import create_password_link
from central.identity.managed_sessions import end_sessions
from central.identity.permissions import ROLE_NAMES, Role
from central.identity.personal import erase, list_externals, rename
from central.identity.places import places_named
from central.identity.sessions import list_sessions
from central.web.render import render
from central.web.site import load_site

Reader = Annotated[Principal, Depends(reads_personal("account", require("identity.manage")))]
AccountId = Annotated[int, Path(ge=1, lt=1 << 53)]


def router(central: Central) -> APIRouter:
    """`/accounts/{account_id}`. Every change answers with the page again, its news on top."""
    routes = APIRouter(prefix="/accounts/{account_id}", include_in_schema=False)
    public_url = central.settings.web.public_url

    @routes.get("")
    def person(request: Request, _: Reader, account_id: AccountId) -> Response:
        with central.pool.connection() as conn:
            return _page(central, request, conn, account_id)

    @routes.post("/access")
    def access(
        request: Request, who: Administrator, account_id: AccountId, role: Annotated[Role, Form()], reach: Reach = "site", places: Places = None
    ) -> Response:
        with central.pool.connection() as conn:
            outcome = tried(conn, partial(change_access, conn, account_id, role, chosen(reach, places), who))
            return _page(central, request, conn, account_id, outcome, done="access")

    @routes.post("/disabled")
    def disabled(request: Request, who: Administrator, account_id: AccountId, disabled: Annotated[bool, Form()]) -> Response:
        with central.pool.connection() as conn:
            outcome = tried(conn, partial(set_disabled, conn, account_id, disabled, who, central.clock()))
            return _page(central, request, conn, account_id, outcome, done="disabled" if disabled else "enabled")

    @routes.post("/password-link")
    def password_link(request: Request, who: Administrator, account_id: AccountId) -> Response:
        with central.pool.connection() as conn:
            outcome = tried(conn, partial(create_password_link, conn, public_url, account_id, who, central.clock()))
            return _page(central, request, conn, account_id, outcome, link=outcome.result)

    @routes.post("/factor-reset")
    def factor_reset(request: Request, who: Administrator, account_id: AccountId, reason: Word = "") -> Response:
        with central.pool.connection() as conn:
            return _page(central, request, conn, account_id, tried(conn, partial(reset_factor, conn, account_id, reason, who)), done="factor")

    @routes.post("/sessions/end")
    def end(
        request: Request, who: Administrator, account_id: AccountId, session_id: Annotated[int | None, Form(ge=1, lt=1 << 53)] = None
    ) -> Response:
        """One session, or all."""
        with central.pool.connection() as conn:
            return _page(central, request, conn, account_id, tried(conn, partial(end_sessions, conn, account_id, session_id, who)), done="sessions")

    @routes.post("/name")
    def name(request: Request, who: Administrator, account_id: AccountId, name: Word) -> Response:
        with central.pool.connection() as conn:
            return _page(central, request, conn, account_id, tried(conn, partial(rename, conn, account_id, name, who)), done="name")

    @routes.post("/erase")
    def erasure(request: Request, who: Administrator, account_id: AccountId, reason: Word = "") -> Response:
        with central.pool.connection() as conn:
            outcome = tried(conn, partial(erase, conn, account_id, reason, who, central.clock()))
            return _page(central, request, conn, account_id, outcome, done="erased")

    return routes


def _page(
    central: Central,
    request: Request,
    conn: Connection,
    account_id: int,
    outcome: Tried[Any] | None = None,
    link: str | None = None,
    done: str = "",
) -> Response:
    outcome = outcome or Tried()
    account = find_account(conn, account_id)
    context = {
        "site": load_site(conn),
        "account": account,
        "chosen": list(places_named(conn, account.places or []).values()),
        "factor": find_factor(conn, account_id),
        "sessions": list_sessions(conn, account_id, central.clock()),
        "externals": list_externals(conn, account_id),
        "device_words": device_words,
        "roles": ROLE_NAMES,
        "link": link,
        "done": "" if outcome.error else done,
        "problem": outcome.problem,
    }
    return render(request, "identity_person.html", context, status=outcome.status)

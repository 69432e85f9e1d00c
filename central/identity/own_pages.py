"""Everybody's own page: sessions, password, second factor, language."""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup

from central.context import Central
from central.db.pool import Connection
from central.identity import audit, cookies, csrf, throttle
from central.identity.accounts import change_password, find_account, is_password
from central.identity.device_words import device_words
from central.identity.factor import enrol, find_factor, new_candidate, opened_candidate, renew_codes
from central.identity.guard import Principal, require
from central.identity.pages import Address, Text, form_again, local_path
from central.identity.permissions import ROLE_NAMES, ROLES, SECOND_FACTOR
from central.identity.places import places_named
from central.identity.scope import About
from central.identity.sealed import key_path
from central.identity.sessions import end_session_of, end_sessions_of, list_sessions, open_session
from central.identity.signing import prove_code
from central.identity.totp import provisioning_uri
from central.web.render import render
from central.web.site import load_site
from protocol.errors import CampusError, Conflict, NotSignedIn, Refused, TooManyTries

Owner = Annotated[Principal, Depends(require("account.own", About.OWN))]
_TRIES = (Refused, Conflict, NotSignedIn, TooManyTries)


def router(central: Central) -> APIRouter:
    """`/account` and what everybody may do with it. A changed password or factor gives the browser a new session."""
    routes = APIRouter(prefix="/account", include_in_schema=False)
    key = key_path(central.settings)

    @routes.get("")
    def own(request: Request, principal: Owner, done: str = "") -> Response:
        return _own_page(central, request, principal, done=done)

    @routes.post("/password")
    def password(request: Request, principal: Owner, old: Text, new: Text, again: Text) -> Response:
        try:
            secret = _changed_password(central, request, principal, old, new, again)
        except _TRIES as error:
            return _own_page(central, request, principal, error=error)
        return _with_session(request, RedirectResponse("/account?done=password", status_code=303), secret)

    @routes.post("/sessions/end")
    def end(request: Request, principal: Owner, session_id: Annotated[int | None, Form(ge=1)] = None) -> Response:
        """One session, or all but this one."""
        account_id = _person(principal)
        with central.pool.connection() as conn:
            if session_id is None:
                end_sessions_of(conn, account_id, but=principal.session_id)
            else:
                end_session_of(conn, account_id, session_id)
            audit.record(conn, principal.name, "session.ended", principal.name, {"session": session_id or "all others"})
        return RedirectResponse("/account?done=sessions", status_code=303)

    @routes.get("/factor")
    def factor(request: Request, principal: Owner, next: str = "/account") -> Response:
        return _factor_page(central, request, principal, next)

    @routes.post("/factor")
    def confirm(request: Request, principal: Owner, sealed: Address, code: Text, next: Address = "/account") -> Response:
        account_id, now = _person(principal), central.clock()
        try:
            with central.pool.connection() as conn:
                codes = enrol(conn, key, account_id, sealed, code, now)
                secret = open_session(conn, account_id, now, visitor=cookies.visitor(request), factor=True)
        except _TRIES as error:
            return _factor_page(central, request, principal, next, error, sealed)
        return _codes_page(request, codes, next, secret)

    @routes.post("/factor/code")
    def step_up(request: Request, principal: Owner, code: Text, next: Address = "/account") -> Response:
        account_id = _person(principal)
        try:
            prove_code(central, key, account_id, code, cookies.visitor(request))
        except _TRIES as error:
            return _factor_page(central, request, principal, next, error)
        with central.pool.connection() as conn:
            old = cookies.session_secret(request)
            secret = open_session(conn, account_id, central.clock(), old, visitor=cookies.visitor(request), factor=True)
            audit.record(conn, principal.name, "factor.shown", principal.name)
        return _with_session(request, RedirectResponse(local_path(next), status_code=303), secret)

    @routes.post("/factor/codes")
    def new_codes(request: Request, principal: Owner, code: Text) -> Response:
        account_id = _person(principal)
        try:
            prove_code(central, key, account_id, code, cookies.visitor(request))
        except _TRIES as error:
            return _factor_page(central, request, principal, "/account", error)
        with central.pool.connection() as conn:
            codes = renew_codes(conn, account_id, principal.name)
        return _codes_page(request, codes, "/account")

    return routes


def _own_page(central: Central, request: Request, principal: Principal, done: str = "", error: CampusError | None = None) -> Response:
    account_id = _person(principal)
    with central.pool.connection() as conn:
        account = find_account(conn, account_id)
        context = {
            "site": load_site(conn),
            "account": account,
            "role_name": ROLE_NAMES[account.role],
            "places": list(places_named(conn, account.places or []).values()),
            "factor": find_factor(conn, account_id),
            "needs_factor": bool(ROLES[account.role] & SECOND_FACTOR),
            "sessions": list_sessions(conn, account_id, central.clock()),
            "device_words": device_words,
            "done": done,
            "problem": None,
            "wait_s": None,
        }
    return form_again(request, "identity_own.html", error, context) if error else render(request, "identity_own.html", context)


def _factor_page(
    central: Central, request: Request, principal: Principal, next: str, error: CampusError | None = None, sealed: str | None = None
) -> Response:
    """What there is to do: enrol (with the code to scan), show the code, or nothing. A failed try shows the same code to scan again."""
    account_id, now = _person(principal), central.clock()
    with central.pool.connection() as conn:
        enrolled, site = find_factor(conn, account_id), load_site(conn)
    context: dict[str, object] = {"next": local_path(next), "factor": enrolled, "problem": None, "wait_s": None, "site": site}
    if enrolled is None:
        context |= _to_scan(central, account_id, principal.name, site.name_en or "Campus energy", sealed, now)
    return form_again(request, "identity_factor.html", error, context) if error else render(request, "identity_factor.html", context)


def _to_scan(central: Central, account_id: int, name: str, site: str, sealed: str | None, now: float) -> dict[str, object]:
    key = key_path(central.settings)
    try:
        secret = opened_candidate(key, account_id, sealed, now) if sealed else ""
    except Refused:
        secret = ""
    if not secret:
        secret, sealed = new_candidate(key, account_id, now)
    code = segno.make(provisioning_uri(secret, name, site), error="m").svg_inline(scale=5, border=3, light="#fff", omitsize=True)
    return {"sealed": sealed, "qr": Markup(code), "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))}  # noqa: S704 - drawn here


def _codes_page(request: Request, codes: list[str], next: str, secret: str | None = None) -> Response:
    """The recovery codes, once. With a new session the page's forms carry that session's token."""
    context: dict[str, object] = {"codes": codes, "next": local_path(next)}
    if secret is None:
        return render(request, "identity_codes.html", context)
    return _with_session(request, render(request, "identity_codes.html", context | {"csrf": csrf.token(secret)}), secret)


def _changed_password(central: Central, request: Request, principal: Principal, old: str, new: str, again: str) -> str:
    """Change it and return a new session's secret. Guessing the old one is counted like signing in."""
    account_id, now, visitor = _person(principal), central.clock(), cookies.visitor(request)
    if new != again:
        raise Refused("the two passwords differ", problem="differ")
    with central.pool.connection() as conn:
        tried = throttle.keys(f"password of {account_id}", visitor.address)
        wait_s = throttle.count_try(conn, tried, now)
    if wait_s:
        raise TooManyTries("too many tries; wait before the next one", wait_s=round(wait_s))
    with central.pool.connection() as conn:
        if not is_password(conn, account_id, old):
            raise NotSignedIn("the present password is wrong", problem="wrong_old_password")
        throttle.clear(conn, tried, now)
        change_password(conn, account_id, new, principal.name)
        return _reopened(conn, request, account_id, principal.factor, now)


def _reopened(conn: Connection, request: Request, account_id: int, factor: bool, now: float) -> str:
    return open_session(conn, account_id, now, visitor=cookies.visitor(request), factor=factor)


def _with_session(request: Request, response: Response, secret: str) -> Response:
    cookies.set_session(request, response, secret)
    return response


def _person(principal: Principal) -> int:
    if principal.account_id is None:
        raise Refused("this is for people; a program has no account of its own", problem="person_needed")
    return principal.account_id

"""Pages for signing in and out: login, the page behind a one-time link, logout."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from central.context import Central
from central.identity import audit, cookies, csrf
from central.identity.accounts import any_account
from central.identity.guard import session_principal
from central.identity.links import WELCOME_PATH, open_link, use_link
from central.identity.login import login
from central.identity.sessions import end_session, open_session
from central.web.render import render
from protocol.errors import CampusError, Conflict, NotSignedIn, Refused, TooManyTries

Csrf = Annotated[str, Depends(csrf.sent_token)]
Text = Annotated[str, Form(max_length=300)]


def router(central: Central) -> APIRouter:
    """The routes open to everybody."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/login")
    def login_page(request: Request, next: str = "/") -> Response:
        if session_principal(request, cookies.session_secret(request)):
            return RedirectResponse(local_path(next), status_code=303)
        with central.pool.connection() as conn:
            return render(request, "login.html", {"next": local_path(next), "name": "", "problem": None, "first": not any_account(conn)})

    @routes.post("/login")
    def sign_in(request: Request, sent: Csrf, name: Text, password: Text, next: Text = "/") -> Response:
        address = request.client.host if request.client else "unknown"
        try:
            csrf.check(request, cookies.visit_secret(request), sent)
            secret = login(central, name, password, address, cookies.session_secret(request))
        except (NotSignedIn, TooManyTries, Refused) as error:
            return _form_again(request, "login.html", error, {"next": local_path(next), "name": name, "first": False})
        response = RedirectResponse(local_path(next), status_code=303)
        cookies.set_session(request, response, secret)
        return response

    @routes.post("/logout")
    def sign_out(request: Request, sent: Csrf) -> Response:
        secret = cookies.session_secret(request)
        csrf.check(request, secret, sent)
        principal = session_principal(request, secret, touch=False)
        with central.pool.connection() as conn:
            end_session(conn, secret or "")
            if principal:
                audit.record(conn, principal.name, "logout", principal.name)
        response = RedirectResponse("/login", status_code=303)
        cookies.clear_session(request, response)
        response.headers["clear-site-data"] = '"cache", "storage"'
        return response

    @routes.get(WELCOME_PATH)
    def welcome_page(request: Request) -> Response:
        return render(request, "welcome.html", {"link": None, "token": "", "name": "", "problem": None})

    @routes.post(WELCOME_PATH + "/open")
    def open_welcome(request: Request, sent: Csrf, token: Text) -> Response:
        try:
            csrf.check(request, cookies.visit_secret(request), sent)
            with central.pool.connection() as conn:
                link = open_link(conn, token.strip(), central.clock())
        except Refused as error:
            return _form_again(request, "welcome.html", error, {"link": None, "token": "", "name": ""})
        return render(request, "welcome.html", {"link": link, "token": token.strip(), "name": link.name or "", "problem": None})

    @routes.post(WELCOME_PATH)
    def take_welcome(request: Request, sent: Csrf, token: Text, password: Text, again: Text, name: Text = "") -> Response:
        link = None
        try:
            csrf.check(request, cookies.visit_secret(request), sent)
            with central.pool.connection() as conn:
                link = open_link(conn, token, central.clock())
                secret = _take(central, request, token, name, password, again)
        except (Refused, Conflict) as error:
            return _form_again(request, "welcome.html", error, {"link": link, "token": token, "name": name})
        response = RedirectResponse("/", status_code=303)
        cookies.set_session(request, response, secret)
        return response

    return routes


def local_path(target: str) -> str:
    """`target` if it is a path on this server, else the home page; an attacker's address must not follow a login."""
    safe = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable() and "\\" not in target
    return target if safe else "/"


def _take(central: Central, request: Request, token: str, name: str, password: str, again: str) -> str:
    """Use the link and open a session in one transaction; a refusal leaves the link good for another try."""
    if password != again:
        raise Refused("the two passwords differ", problem="differ")
    with central.pool.connection() as conn:
        now = central.clock()
        account_id = use_link(conn, token, name, password, now)
        return open_session(conn, account_id, now, cookies.session_secret(request))


def _form_again(request: Request, template: str, error: CampusError, context: dict[str, object]) -> Response:
    status = {NotSignedIn: 401, TooManyTries: 429, Conflict: 409}.get(type(error), 403 if error.details.get("problem") == "csrf" else 422)
    shown = {**context, "problem": error.details.get("problem", error.code), "wait_s": error.details.get("wait_s")}
    response = render(request, template, shown, status=status)
    if status == 429:
        response.headers["retry-after"] = str(error.details.get("wait_s", 60))
    return response

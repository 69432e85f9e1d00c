"""Pages for signing in and out: login, the code of a second factor, the page behind a one-time link, logout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from central.context import Central
from central.identity import audit, cookies, csrf
from central.identity.accounts import any_account, find_account, held_by
from central.identity.external_login import leave_provider
from central.identity.guard import session_principal
from central.identity.links import WELCOME_PATH, OpenLink, open_link, use_link
from central.identity.login import login
from central.identity.oidc import OidcProvider
from central.identity.permissions import ROLE_NAMES, SECOND_FACTOR
from central.identity.places import Place, places_named
from central.identity.sessions import end_session, find_session
from central.identity.signing import Begun, begin, finish, step_is_open
from central.settings import IdentitySettings
from central.web.render import render
from protocol.errors import CampusError, Conflict, NotSignedIn, Refused, StorageError, TooManyTries

Csrf = Annotated[str, Depends(csrf.sent_token)]
Text = Annotated[str, Form(max_length=300)]
Address = Annotated[str, Form(max_length=1000)]
CODE_PATH = "/login/code"
FACTOR_PATH = "/account/factor"


def router(central: Central, oidc: OidcProvider | None) -> APIRouter:
    """The routes open to everybody, but for those of the identity provider."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/login")
    def login_page(request: Request, next: str = "/", left: str = "") -> Response:
        if session_principal(request, cookies.session_secret(request)):
            return RedirectResponse(local_path(next), status_code=303)
        with central.pool.connection() as conn:
            context = {**login_context(central, next), "first": not any_account(conn), "left": leave_provider(central, oidc, left)}
        return render(request, "login.html", context)

    @routes.post("/login")
    def sign_in(request: Request, sent: Csrf, name: Text, password: Text, next: Address = "/") -> Response:
        try:
            csrf.check(request, cookies.visit_secret(request), sent)
            begun = login(central, name, password, cookies.visitor(request), cookies.session_secret(request))
        except (NotSignedIn, TooManyTries, Refused) as error:
            return form_again(request, "login.html", error, {**login_context(central, next), "name": name})
        return entered(request, begun, next)

    _second_step(routes, central)
    _leaving(routes, central)
    _welcome(routes, central)
    return routes


def _second_step(routes: APIRouter, central: Central) -> None:
    @routes.get(CODE_PATH)
    def code_page(request: Request, next: str = "/") -> Response:
        with central.pool.connection() as conn:
            if not step_is_open(conn, cookies.step_secret(request), central.clock()):
                return RedirectResponse("/login", status_code=303)
        return render(request, "identity_code.html", {"next": local_path(next), "problem": None})

    @routes.post(CODE_PATH)
    def send_code(request: Request, sent: Csrf, code: Text, next: Address = "/") -> Response:
        try:
            csrf.check(request, cookies.visit_secret(request), sent)
            secret = finish(central, cookies.step_secret(request) or "", code, cookies.visitor(request), cookies.session_secret(request))
        except (NotSignedIn, TooManyTries, Refused) as error:
            return form_again(request, "identity_code.html", error, {"next": local_path(next)})
        return entered(request, Begun(secret), next)


def _leaving(routes: APIRouter, central: Central) -> None:
    @routes.post("/logout")
    def sign_out(request: Request, sent: Csrf) -> Response:
        secret = cookies.session_secret(request)
        csrf.check(request, secret, sent)
        with central.pool.connection() as conn:
            session = find_session(conn, secret or "", central.clock(), touch=False)
            end_session(conn, secret or "")
            if session:
                audit.record(conn, session.name, "logout", session.name)
        left = f"?left={session.method}" if session and session.method in {"oidc", "cas"} else ""
        response = RedirectResponse(f"/login{left}", status_code=303)
        cookies.clear_session(request, response)
        response.headers["clear-site-data"] = '"cache", "storage"'
        return response


def _welcome(routes: APIRouter, central: Central) -> None:
    @routes.get(WELCOME_PATH)
    def welcome_page(request: Request) -> Response:
        return render(request, "welcome.html", {**_welcome_context(), "problem": None})

    @routes.post(WELCOME_PATH + "/open")
    def open_welcome(request: Request, sent: Csrf, token: Text) -> Response:
        try:
            csrf.check(request, cookies.visit_secret(request), sent)
            with central.pool.connection() as conn:
                link = open_link(conn, token.strip(), central.clock())
                places = list(places_named(conn, link.places or []).values())
        except Refused as error:
            return form_again(request, "welcome.html", error, _welcome_context())
        return render(request, "welcome.html", {**_welcome_context(link, token.strip(), link.name or "", places), "problem": None})

    @routes.post(WELCOME_PATH)
    def take_welcome(request: Request, sent: Csrf, token: Text, password: Text, again: Text, name: Text = "") -> Response:
        link = None
        try:
            csrf.check(request, cookies.visit_secret(request), sent)
            with central.pool.connection() as conn:
                link = open_link(conn, token, central.clock())
            begun, needs_factor = _take(central, request, token, name, password, again)
        except (Refused, Conflict) as error:
            return form_again(request, "welcome.html", error, _welcome_context(link, token, name))
        return entered(request, begun, f"{FACTOR_PATH}?next=/" if needs_factor else "/")


def entered(request: Request, begun: Begun, next: str) -> Response:
    """Into the console, or to the code page first."""
    target = local_path(next)
    if begun.waits_for_code:
        response = RedirectResponse(f"{CODE_PATH}?" + urlencode({"next": target}), status_code=303)
        cookies.set_step(request, response, begun.secret)
        return response
    response = RedirectResponse(target, status_code=303)
    cookies.set_session(request, response, begun.secret)
    return response


def local_path(target: str) -> str:
    """`target` if it is a path on this server, else the home page; an attacker's address must not follow a login."""
    safe = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable() and "\\" not in target
    return target if safe else "/"


def login_context(central: Central, next: str) -> dict[str, object]:
    """What login.html needs when nothing happened yet."""
    settings = central.settings.identity
    return {"next": local_path(next), "name": "", "problem": None, "first": False, "left": None, "providers": providers(settings)}


def providers(settings: IdentitySettings) -> list[tuple[str, str]]:
    """(name in addresses, label) of the identity providers the settings know."""
    known = (("oidc", settings.oidc_issuer, settings.oidc_label), ("cas", settings.cas_url, settings.cas_label))
    return [(name, label) for name, address, label in known if address]


def form_again(request: Request, template: str, error: CampusError, context: dict[str, object]) -> Response:
    """The form with what went wrong above it."""
    fallback = 503 if isinstance(error, StorageError) else 403 if error.details.get("problem") == "csrf" else 422
    status = {NotSignedIn: 401, TooManyTries: 429, Conflict: 409}.get(type(error), fallback)
    shown = {**context, "problem": error.details.get("problem", error.code), "wait_s": error.details.get("wait_s")}
    response = render(request, template, shown, status=status)
    if status == 429:
        response.headers["retry-after"] = str(error.details.get("wait_s", 60))
    return response


def _welcome_context(link: OpenLink | None = None, token: str = "", name: str = "", places: Sequence[Place] = ()) -> dict[str, object]:
    return {"link": link, "token": token, "name": name, "places": places, "role_name": ROLE_NAMES[link.role] if link else ""}


def _take(central: Central, request: Request, token: str, name: str, password: str, again: str) -> tuple[Begun, bool]:
    """Use the link and sign in, in one transaction; a refusal leaves the link good for another try. Also: whether to offer a second factor."""
    if password != again:
        raise Refused("the two passwords differ", problem="differ")
    with central.pool.connection() as conn:
        now = central.clock()
        account_id = use_link(conn, token, name, password, now)
        account = find_account(conn, account_id)
        begun = begin(conn, account_id, now, cookies.visitor(request), cookies.session_secret(request), method="link")
        audit.record(conn, account.name, "login.link", account.name, {"address": cookies.visitor(request).address})
        return begun, not account.factor and bool(held_by(account) & SECOND_FACTOR)

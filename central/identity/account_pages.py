"""The administrator's page of accounts, invitations and API tokens."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from central.context import Central
from central.db.pool import Connection
from central.identity.accounts import change_role, list_accounts, set_disabled
from central.identity.guard import Principal, require
from central.identity.links import create_invitation, create_password_link
from central.identity.permissions import PERMISSIONS, Role
from central.identity.tokens import create_token, list_tokens, revoke_token
from central.web.render import render
from central.web.site import load_site
from protocol.errors import Conflict, Refused

Administrator = Annotated[Principal, Depends(require("identity.manage"))]


def router(central: Central) -> APIRouter:
    """`/accounts` and what can be done there. Every change answers with the page again, its news on top."""
    routes = APIRouter(prefix="/accounts", include_in_schema=False)
    public_url = central.settings.web.public_url

    @routes.get("")
    def accounts_page(request: Request, principal: Administrator) -> Response:
        with central.pool.connection() as conn:
            return _page(request, conn)

    @routes.post("/invitation")
    def invite(request: Request, principal: Administrator, role: Annotated[Role, Form()]) -> Response:
        with central.pool.connection() as conn:
            link = create_invitation(conn, public_url, role, principal.name, central.clock())
            return _page(request, conn, link=link)

    @routes.post("/{account_id}/password-link")
    def password_link(request: Request, principal: Administrator, account_id: int) -> Response:
        with central.pool.connection() as conn:
            link = create_password_link(conn, public_url, account_id, principal.name, central.clock())
            return _page(request, conn, link=link)

    @routes.post("/{account_id}/role")
    def role(request: Request, principal: Administrator, account_id: int, role: Annotated[Role, Form()]) -> Response:
        with central.pool.connection() as conn:
            return _tried(request, conn, lambda: change_role(conn, account_id, role, principal.name))

    @routes.post("/{account_id}/disabled")
    def disabled(request: Request, principal: Administrator, account_id: int, disabled: Annotated[bool, Form()]) -> Response:
        with central.pool.connection() as conn:
            return _tried(request, conn, lambda: set_disabled(conn, account_id, disabled, principal.name, central.clock()))

    @routes.post("/tokens")
    def add_token(request: Request, principal: Administrator, name: Annotated[str, Form()], permissions: Annotated[list[str], Form()]) -> Response:
        with central.pool.connection() as conn:
            try:
                secret = create_token(conn, name, permissions, central.clock(), principal.name)
            except (Refused, Conflict) as error:
                return _page(request, conn, problem=error.details["problem"])
            return _page(request, conn, secret=secret)

    @routes.post("/tokens/revoke")
    def end_token(request: Request, principal: Administrator, name: Annotated[str, Form()]) -> Response:
        with central.pool.connection() as conn:
            revoke_token(conn, name, principal.name, central.clock())
            return _page(request, conn)

    return routes


def _tried(request: Request, conn: Connection, change: Any) -> Response:
    try:
        change()
    except Refused as error:
        return _page(request, conn, problem=error.details["problem"])
    return _page(request, conn)


def _page(request: Request, conn: Connection, link: str | None = None, secret: str | None = None, problem: object = None) -> Response:
    context = {
        "site": load_site(conn),
        "accounts": list_accounts(conn),
        "tokens": list_tokens(conn),
        "roles": tuple(Role),
        "permissions": sorted(PERMISSIONS),
        "link": link,
        "secret": secret,
        "problem": problem,
    }
    return render(request, "accounts.html", context, status=422 if problem else 200)

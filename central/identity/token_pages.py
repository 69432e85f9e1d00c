"""The page of API tokens: what programs may do, where, until when, and when they last did."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from central.context import Central
from central.db.pool import Connection
from central.identity.account_pages import Administrator, Places, Reach, Word, chosen
from central.identity.attempt import Tried, tried
from central.identity.permissions import PERMISSIONS, PERSONS_ONLY
from central.identity.places import places_named
from central.identity.tokens import create_token, list_tokens, revoke_token
from central.web.render import render
from central.web.site import load_site

_DAYS = (30, 90, 365, 1095)


def router(central: Central) -> APIRouter:
    """`/accounts/tokens`."""
    routes = APIRouter(prefix="/accounts/tokens", include_in_schema=False)

    @routes.get("")
    def tokens_page(request: Request, _: Administrator) -> Response:
        with central.pool.connection() as conn:
            return _page(central, request, conn)

    @routes.post("")
    def add_token(
        request: Request,
        who: Administrator,
        name: Word,
        permissions: Annotated[list[str] | None, Form(max_length=100)] = None,
        reach: Reach = "site",
        places: Places = None,
        days: Annotated[int, Form(ge=0, le=3650)] = 365,
    ) -> Response:
        """`days` 0: until revoked."""
        with central.pool.connection() as conn:
            make = partial(create_token, conn, name, permissions or [], central.clock(), who, chosen(reach, places), days or None)
            outcome = tried(conn, make)
            return _page(central, request, conn, outcome, secret=outcome.result)

    @routes.post("/revoke")
    def end_token(request: Request, who: Administrator, name: Word) -> Response:
        with central.pool.connection() as conn:
            return _page(central, request, conn, tried(conn, partial(revoke_token, conn, name, who.name, central.clock())))

    return routes


def _page(central: Central, request: Request, conn: Connection, outcome: Tried[Any] | None = None, secret: str | None = None) -> Response:
    outcome = outcome or Tried()
    tokens = list_tokens(conn, central.clock())
    context = {
        "site": load_site(conn),
        "tokens": tokens,
        "names": places_named(conn, [code for token in tokens for code in token.scope or []]),
        "permissions": sorted(PERMISSIONS - PERSONS_ONLY),
        "day_choices": _DAYS,
        "secret": secret,
        "problem": outcome.problem,
    }
    return render(request, "identity_tokens.html", context, status=outcome.status)

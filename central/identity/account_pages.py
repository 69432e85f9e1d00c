"""The administrator's page of accounts: who there is, invitations, people who wait at the identity provider's door."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import Response

from central.context import Central
from central.db.pool import Connection
from central.identity.accounts import MAX_PLACES, list_accounts
from central.identity.attempt import Tried, tried
from central.identity.external import accept, dismiss, join, list_waiting
from central.identity.guard import Principal, reads_personal, require
from central.identity.links import create_invitation
from central.identity.permissions import ROLE_NAMES, Role
from central.identity.places import places_named, search_places
from central.web.render import render
from central.web.site import load_site

Administrator = Annotated[Principal, Depends(require("identity.manage"))]
PersonalReader = Annotated[Principal, Depends(reads_personal("accounts", require("identity.manage")))]
Reach = Annotated[Literal["site", "places"], Form()]
Places = Annotated[list[str] | None, Form(max_length=MAX_PLACES + 1)]
Word = Annotated[str, Form(max_length=300)]


def router(central: Central) -> APIRouter:
    """`/accounts` and what can be done there. Every change answers with the page again, its news on top."""
    routes = APIRouter(prefix="/accounts", include_in_schema=False)
    public_url = central.settings.web.public_url

    @routes.get("")
    def accounts_page(request: Request, _: PersonalReader) -> Response:
        with central.pool.connection() as conn:
            return _page(request, conn)

    @routes.get("/places")
    def places(
        request: Request,
        _: Administrator,
        q: Annotated[str, Query(max_length=80)] = "",
        places: Annotated[list[str] | None, Query(max_length=MAX_PLACES + 1)] = None,
        element: Annotated[str, Query(pattern="^[a-z-]{1,40}$")] = "places",
    ) -> Response:
        """Places already chosen, and those found by a search, as boxes to tick."""
        with central.pool.connection() as conn:
            chosen = places_named(conn, places or [])
            found = [place for place in search_places(conn, q.strip()) if place.code not in chosen]
        context = {"chosen": list(chosen.values()), "found": found, "q": q.strip(), "element": element}
        return render(request, "identity_found.html", context)

    @routes.post("/invitation")
    def invite(request: Request, who: Administrator, role: Annotated[Role, Form()], reach: Reach = "site", places: Places = None) -> Response:
        with central.pool.connection() as conn:
            make = partial(create_invitation, conn, public_url, role, who, central.clock(), chosen(reach, places))
            outcome = tried(conn, make)
            return _page(request, conn, outcome, link=outcome.result)

    @routes.post("/waiting/accept")
    def take_in(
        request: Request,
        who: Administrator,
        provider: Word,
        subject: Word,
        name: Word,
        role: Annotated[Role, Form()],
        reach: Reach = "site",
        places: Places = None,
    ) -> Response:
        with central.pool.connection() as conn:
            make = partial(accept, conn, provider, subject, name, role, chosen(reach, places), who, central.clock())
            return _page(request, conn, tried(conn, make))

    @routes.post("/waiting/join")
    def join_account(
        request: Request, who: Administrator, provider: Word, subject: Word, account_id: Annotated[int, Form(ge=1, lt=1 << 53)]
    ) -> Response:
        with central.pool.connection() as conn:
            return _page(request, conn, tried(conn, partial(join, conn, provider, subject, account_id, who, central.clock())))

    @routes.post("/waiting/dismiss")
    def turn_away(request: Request, who: Administrator, provider: Word, subject: Word) -> Response:
        with central.pool.connection() as conn:
            return _page(request, conn, tried(conn, partial(dismiss, conn, provider, subject, who.name)))

    return routes


def chosen(reach: str, places: Sequence[str] | None) -> Sequence[str] | None:
    """What a form's choice means: the whole site, or the places ticked (none ticked is refused later, it is not the whole site)."""
    return None if reach == "site" else places or []


def _page(request: Request, conn: Connection, outcome: Tried[Any] | None = None, link: str | None = None) -> Response:
    outcome = outcome or Tried()
    accounts = list_accounts(conn)
    context = {
        "site": load_site(conn),
        "accounts": accounts,
        "names": places_named(conn, [code for account in accounts for code in account.places or []]),
        "waiting": list_waiting(conn),
        "roles": ROLE_NAMES,
        "link": link,
        "problem": outcome.problem,
    }
    return render(request, "accounts.html", context, status=outcome.status)

"""Signing in by the campus's identity provider: to it, and back from it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from central.context import Central
from central.identity import cas, cookies
from central.identity.external_login import BACK_PATH, Proof, back_url, sign_in
from central.identity.journey import set_out
from central.identity.oidc import OidcProvider
from central.identity.pages import entered, form_again, local_path, login_context
from central.identity.provider import ProviderDown
from central.identity.secret import new_secret
from central.web.render import render
from protocol.errors import Conflict, NotFound, Refused, StorageBusy

Provider = Literal["oidc", "cas"]
Word = Annotated[str, Query(max_length=2000)]


def router(central: Central, oidc: OidcProvider | None) -> APIRouter:
    """`/login/with/{provider}` and `/login/back/{provider}`, open to everybody. A provider that is not set up is not found."""
    routes = APIRouter(include_in_schema=False)
    settings = central.settings.identity

    @routes.get("/login/with/{provider}")
    def go(request: Request, provider: Provider, next: Word = "/") -> Response:
        _known(provider)
        now, visit = central.clock(), cookies.visit_secret(request) or new_secret()
        try:
            with central.pool.connection() as conn:
                state, journey = set_out(conn, provider, visit, local_path(next), now)
            address = back_url(central, provider, state)
            if oidc is not None and provider == "oidc":
                target = oidc.login_url(address, state, journey.nonce, journey.verifier, now)
            else:
                target = cas.login_url(settings, address)
        except (ProviderDown, StorageBusy) as error:
            return form_again(request, "login.html", error, login_context(central, next))
        response = RedirectResponse(target, status_code=303)
        cookies.set_visit(request, response, visit)
        return response

    @routes.get(BACK_PATH + "/{provider}")
    def back(request: Request, provider: Provider, state: Word = "", code: Word = "", ticket: Word = "", error: Word = "") -> Response:
        _known(provider)
        proof = Proof(provider, state, code if provider == "oidc" else ticket)
        try:
            if error or not proof.token:
                raise Refused(f"the provider let nobody in: {error[:60] or 'no answer'}", problem="external_refused")
            outcome = sign_in(central, oidc, proof, cookies.visit_secret(request), cookies.visitor(request), cookies.session_secret(request))
        except (ProviderDown, Refused, Conflict) as problem:
            return form_again(request, "login.html", problem, login_context(central, "/"))
        if outcome.begun is None:
            return render(request, "identity_waiting.html", {"identity": outcome.identity}, status=403)
        return entered(request, outcome.begun, outcome.next)

    def _known(provider: Provider) -> None:
        if not (settings.oidc_issuer if provider == "oidc" else settings.cas_url):
            raise NotFound(f"no sign-in by {provider} is set up here")

    return routes

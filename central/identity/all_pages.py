"""Everything the identity domain serves, in one list: signing in, accounts, tokens, the audit."""

from __future__ import annotations

from fastapi import APIRouter

from central.context import Central
from central.identity import account_pages, audit_pages, external_pages, own_pages, pages, person_pages, routes, token_pages
from central.identity.oidc import OidcProvider


def routers(central: Central) -> list[APIRouter]:
    """The routers in the order their paths are looked up: `/accounts/tokens` before `/accounts/{account_id}`."""
    oidc = OidcProvider(central.settings.identity) if central.settings.identity.oidc_issuer else None
    return [
        pages.router(central, oidc),
        external_pages.router(central, oidc),
        own_pages.router(central),
        token_pages.router(central),
        account_pages.router(central),
        person_pages.router(central),
        audit_pages.router(central),
        routes.router(central),
    ]

"""Signing in by the campus's identity provider, from the browser's return to a session, a code page, or a place on the waiting list."""

from __future__ import annotations

from dataclasses import dataclass

from central.context import Central
from central.identity import audit, cas
from central.identity.external import account_of
from central.identity.journey import Journey, arrive
from central.identity.oidc import Identity, OidcProvider
from central.identity.sessions import Visitor
from central.identity.signing import Begun, begin
from protocol.errors import Refused

BACK_PATH = "/login/back"


@dataclass(frozen=True, slots=True)
class Proof:
    """What the provider gave the browser: the state it was sent with, and a code (OpenID Connect) or a ticket (CAS)."""

    provider: str
    state: str
    token: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """`begun`: None while the person waits for an administrator."""

    identity: Identity
    begun: Begun | None
    next: str


def sign_in(central: Central, oidc: OidcProvider | None, proof: Proof, visit: str | None, visitor: Visitor, replaces: str | None) -> Outcome:
    """Check the proof and begin a session; raise Refused or ProviderDown. No connection is held while the provider is asked."""
    now = central.clock()
    with central.pool.connection() as conn:
        journey = arrive(conn, proof.provider, proof.state, visit, now)
    try:
        identity = _identify(central, oidc, proof, journey, now)
    except Refused as error:
        with central.pool.connection() as conn:
            audit.record(conn, "unknown", "login.external_failed", proof.provider, {"address": visitor.address, "why": error.message})
        raise
    settings = central.settings.identity
    trusted = settings.oidc_second_factor if proof.provider == "oidc" else settings.cas_second_factor
    with central.pool.connection() as conn:
        account_id = account_of(conn, identity, settings, now)
        if account_id is None:
            return Outcome(identity, None, journey.next)
        begun = begin(conn, account_id, now, visitor, replaces, method=proof.provider, factor=trusted)
        facts = {"address": visitor.address, "method": proof.provider, "subject": identity.subject}
        audit.record(conn, identity.name, "login.password" if begun.waits_for_code else "login", f"account {account_id}", facts)
    return Outcome(identity, begun, journey.next)


def back_url(central: Central, provider: str, state: str) -> str:
    """Where the provider sends the browser. CAS has no state of its own, so it travels in the address; OpenID Connect wants one fixed address."""
    address = f"{central.settings.web.public_url}{BACK_PATH}/{provider}"
    return f"{address}?state={state}" if provider == "cas" else address


def leave_provider(central: Central, oidc: OidcProvider | None, provider: str) -> str | None:
    """Where the provider's own session ends, as far as it is known without asking."""
    back = f"{central.settings.web.public_url}/login"
    if provider == "cas" and central.settings.identity.cas_url:
        return cas.logout_url(central.settings.identity, back)
    return oidc.logout_url(back) if provider == "oidc" and oidc is not None else None


def _identify(central: Central, oidc: OidcProvider | None, proof: Proof, journey: Journey, now: float) -> Identity:
    url = back_url(central, proof.provider, proof.state)
    if proof.provider == "cas":
        return cas.identify(central.settings.identity, url, proof.token)
    if oidc is None:
        raise Refused("no OpenID provider is set up here", problem="external_refused")
    return oidc.identify(proof.token, url, journey.nonce, journey.verifier, now)

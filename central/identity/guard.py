"""The door of every route: `require("metering.read")` as a dependency yields the principal or refuses.

A bearer token or a session cookie identifies; with a cookie, a request that changes something also needs the CSRF token. How a refusal looks
(JSON, redirect to the login page, message) is decided where errors become answers, in central.web.errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from central.context import Central
from central.identity import audit, cookies, csrf
from central.identity.permissions import PERMISSIONS, ROLES
from central.identity.sessions import find_session
from central.identity.tokens import find_token
from protocol.errors import ConfigError, NotSignedIn, Refused


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: an account's name, or `token:<name>` for a program."""

    name: str
    permissions: frozenset[str]


def require(permission: str) -> Callable[..., Principal]:
    """Return a dependency that yields the Principal, or raises NotSignedIn or Refused. Raise ConfigError for a permission nobody can hold."""
    if permission not in PERMISSIONS:
        raise ConfigError(f"route asks for unknown permission {permission!r}; known are {', '.join(sorted(PERMISSIONS))}")

    def guard(request: Request, sent: Annotated[str, Depends(csrf.sent_token)]) -> Principal:
        principal = identify(request, sent)
        if permission not in principal.permissions:
            _note_refusal(request, principal, permission)
            raise Refused(f"{principal.name} may not do this: it needs the permission {permission}", problem="forbidden", permission=permission)
        return principal

    guard.permission = permission  # type: ignore[attr-defined]  # a test walks all routes and looks for it
    return guard


def identify(request: Request, sent_csrf: str) -> Principal:
    """Who is behind the request; raise NotSignedIn, or Refused when the CSRF token is wrong."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return _token_principal(request, bearer.strip())
    secret = cookies.session_secret(request)
    principal = session_principal(request, secret)
    if principal is None:
        raise NotSignedIn("sign in first, or send a bearer token", problem="no_session")
    csrf.check(request, secret, sent_csrf)
    request.state.principal = principal
    return principal


def session_principal(request: Request, secret: str | None, touch: bool = True) -> Principal | None:
    """The principal of a live session, or None. `touch=False` does not count as activity."""
    if not secret:
        return None
    central: Central = request.app.state.central
    with central.pool.connection() as conn:
        session = find_session(conn, secret, central.clock(), touch)
    return Principal(session.name, ROLES[session.role]) if session else None


def _token_principal(request: Request, secret: str) -> Principal:
    central: Central = request.app.state.central
    with central.pool.connection() as conn:
        token = find_token(conn, secret)
    if token is None:
        raise NotSignedIn("the bearer token is unknown or revoked", problem="bad_token")
    return Principal(f"token:{token.name}", token.permissions)


def _note_refusal(request: Request, principal: Principal, permission: str) -> None:
    central: Central = request.app.state.central
    with central.pool.connection() as conn:
        audit.record(conn, principal.name, "access.refused", request.url.path, {"permission": permission, "method": request.method})

"""The door of every route: `require("metering.read")` as a dependency yields the principal or refuses.

A bearer token or a session cookie identifies; with a cookie, a request that changes something also needs the CSRF token. How a refusal looks
(JSON, redirect to the login page, message) is decided where errors become answers, in central.web.errors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request

from central.context import Central
from central.identity import audit, cookies, csrf
from central.identity.permissions import PERMISSIONS, ROLES, SECOND_FACTOR
from central.identity.principal import Principal
from central.identity.scope import About, check_in_scope
from central.identity.sessions import find_session
from central.identity.tokens import find_token
from protocol.errors import ConfigError, NotSignedIn, Refused

__all__ = ["Principal", "identify", "reads_personal", "require", "session_principal"]


def require(permission: str, about: About = About.SITE, name: str = "code") -> Callable[..., Principal]:
    """Return a dependency that yields the Principal, or raises NotSignedIn, Refused, or NotFound for what lies outside the asker's scope.

    `about`: what the path (or query) parameter `name` names; an absent query parameter names the whole site. By default the route is about the
    whole site, which is refused to who may see a part of it. A permission in SECOND_FACTOR is refused to a session that showed a password only.
    Raise ConfigError for a permission nobody can hold.
    """
    if permission not in PERMISSIONS:
        raise ConfigError(f"route asks for unknown permission {permission!r}; known are {', '.join(sorted(PERMISSIONS))}")

    def guard(request: Request, sent: Annotated[str, Depends(csrf.sent_token)]) -> Principal:
        principal = identify(request, sent)
        if permission not in principal.permissions:
            _note_refusal(request, principal, permission)
            raise Refused(f"{principal.name} may not do this: it needs the permission {permission}", problem="forbidden", permission=permission)
        if permission in SECOND_FACTOR and not principal.factor:
            message = f"the permission {permission} needs a second factor; set one up under your account, then try again"
            raise Refused(message, problem="second_factor", permission=permission)
        if principal.scope is not None and about is not About.OWN:
            _check_scope(request, principal, about, name)
        return principal

    guard.permission, guard.about = permission, about  # type: ignore[attr-defined]  # tests walk all routes and look for them
    return guard


def reads_personal(what: str, guard: Callable[..., Principal]) -> Callable[..., Principal]:
    """Return `guard` as a dependency that also notes in the audit that personal data (`what`) was read."""

    def noted(request: Request, principal: Principal = Depends(guard)) -> Principal:  # noqa: B008 - Annotated cannot name a local
        central: Central = request.app.state.central
        with central.pool.connection() as conn:
            audit.record(conn, principal.name, "personal.read", what, {"path": request.url.path})
        return principal

    return noted


def _check_scope(request: Request, principal: Principal, about: About, name: str) -> None:
    code = str(request.path_params.get(name) or request.query_params.get(name) or "")
    if about is About.SITE or not code:
        _note_refusal(request, principal, "whole site")
        message = f"{principal.name} may see a part of the site only, and this is about all of it; ask for one of your places instead"
        raise Refused(message, problem="whole_site")
    central: Central = request.app.state.central
    with central.pool.connection() as conn:
        check_in_scope(conn, principal.scope, about, code)


def identify(request: Request, sent_csrf: str) -> Principal:
    """Who is behind the request; raise NotSignedIn, or Refused when the CSRF token is wrong."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        program = _token_principal(request, bearer.strip())
        request.state.principal = program  # pages are rendered for programs too
        return program
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
    if session is None:
        return None
    return Principal(session.name, ROLES[session.role], session.scope, session.account_id, session.factor, session.session_id)


def _token_principal(request: Request, secret: str) -> Principal:
    central: Central = request.app.state.central
    with central.pool.connection() as conn:
        token = find_token(conn, secret, central.clock())
    if token is None:
        raise NotSignedIn("the bearer token is unknown, revoked or too old", problem="bad_token")
    return Principal(f"token:{token.name}", token.permissions, token.scope, factor=True)


def _note_refusal(request: Request, principal: Principal, permission: str) -> None:
    central: Central = request.app.state.central
    with central.pool.connection() as conn:
        audit.record(conn, principal.name, "access.refused", request.url.path, {"permission": permission, "method": request.method})

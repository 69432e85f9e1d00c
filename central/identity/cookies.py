"""The cookies: `session` of a signed-in browser, `visit` of one that is not yet (for the login form's CSRF secret), `step` until the code."""

from __future__ import annotations

from fastapi import Request, Response

from central.identity.sessions import ABSOLUTE_S, Visitor
from central.identity.signing import STEP_S

_VISIT_S = 3600


def public_url(request: Request) -> str:
    """The address people reach this server under, from the settings."""
    return str(request.app.state.central.settings.web.public_url)


def visitor(request: Request) -> Visitor:
    """Where the request comes from."""
    return Visitor(request.client.host if request.client else "unknown", request.headers.get("user-agent", ""))


def session_secret(request: Request) -> str | None:
    """The session secret the browser sent, valid or not."""
    return request.cookies.get(_name(request, "session")) or None


def visit_secret(request: Request) -> str | None:
    """The visit secret the browser sent."""
    return request.cookies.get(_name(request, "visit")) or None


def set_session(request: Request, response: Response, secret: str) -> None:
    """Hand the session to the browser; the visit cookie has done its work."""
    _set(request, response, "session", secret, int(ABSOLUTE_S))
    _clear(request, response, "visit")
    _clear(request, response, "step")


def clear_session(request: Request, response: Response) -> None:
    """Take the session cookie away."""
    _clear(request, response, "session")


def set_visit(request: Request, response: Response, secret: str) -> None:
    """Hand the visit secret to the browser."""
    _set(request, response, "visit", secret, _VISIT_S)


def step_secret(request: Request) -> str | None:
    """The secret of the sign-in that waits for its code."""
    return request.cookies.get(_name(request, "step")) or None


def set_step(request: Request, response: Response, secret: str) -> None:
    """Remember that the password was right and the code is awaited."""
    _set(request, response, "step", secret, int(STEP_S))


def _set(request: Request, response: Response, name: str, secret: str, max_age_s: int) -> None:
    secure = _is_https(request)
    response.set_cookie(_name(request, name), secret, max_age=max_age_s, path="/", secure=secure, httponly=True, samesite="lax")


def _clear(request: Request, response: Response, name: str) -> None:
    response.delete_cookie(_name(request, name), path="/", secure=_is_https(request), httponly=True, samesite="lax")


def _name(request: Request, name: str) -> str:
    """`__Host-` makes browsers refuse the cookie from a neighbour domain; it needs https."""
    return f"__Host-ce_{name}" if _is_https(request) else f"ce_{name}"


def _is_https(request: Request) -> bool:
    return public_url(request).startswith("https://")

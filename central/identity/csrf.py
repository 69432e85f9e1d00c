"""Proof that a state-changing request came from our own page: a token derived from the browser's cookie, in a header or a form field."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request

from central.identity import cookies
from central.identity.secret import derived, same
from protocol.errors import Refused

HEADER = "x-csrf-token"
FIELD = "csrf"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def token(secret: str) -> str:
    """The token pages show to the browser whose session or visit cookie is `secret`."""
    return derived(secret, "csrf")


async def sent_token(request: Request) -> str:
    """Dependency: what the request carries as its token; empty when nothing."""
    if request.method in _SAFE_METHODS:
        return ""
    if header := request.headers.get(HEADER):
        return header
    if not request.headers.get("content-type", "").startswith(_FORMS):
        return ""
    value = (await request.form()).get(FIELD)
    return value if isinstance(value, str) else ""


def check(request: Request, secret: str | None, sent: str) -> None:
    """Raise Refused unless the request changes nothing, or carries the token of `secret` and no foreign origin."""
    if request.method in _SAFE_METHODS:
        return
    origin = request.headers.get("origin")
    if origin is not None and not _is_ours(request, origin):
        raise Refused("the request comes from another site", problem="foreign_origin", origin=origin[:100])
    if not secret or not same(token(secret), sent):
        raise Refused("the page is too old or the request comes from another site; reload the page and try again", problem="csrf")


def _is_ours(request: Request, origin: str) -> bool:
    public = urlsplit(cookies.public_url(request))
    return urlsplit(origin).netloc in {public.netloc, request.headers.get("host")}

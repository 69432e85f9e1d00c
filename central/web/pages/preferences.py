"""What a browser remembers about its person: the language. (The theme is switched in the browser itself.)"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from central.identity.pages import local_path
from central.web.render import LANGUAGE_COOKIE
from central.web.translations import Language

_YEAR_S = 365 * 86_400


def router() -> APIRouter:
    """`/language/{language}?next=`: harmless for others to link to, so a plain GET."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/language/{language}")
    def choose(request: Request, language: Language, next: str = "/") -> Response:
        response = RedirectResponse(local_path(next), status_code=303)
        response.set_cookie(LANGUAGE_COOKIE, language.value, max_age=_YEAR_S, path="/", samesite="lax", httponly=True)
        return response

    return routes

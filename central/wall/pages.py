"""The wall screen, the page that lets a screen in, and the administrator's page of screens.

A screen's cookie goes to /wall alone and is looked at here alone: it opens nothing else. People who are signed in may look too.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from central.context import Central
from central.db.pool import Connection
from central.identity import cookies, csrf
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.wall.kiosk import Kiosk, create_kiosk, find_kiosk, list_kiosks, revoke_kiosk, showable
from central.wall.routes import address_of
from central.web.home import Home, load_home
from central.web.pages.home import home_context
from central.web.render import render
from central.web.site import load_site
from protocol.errors import Conflict, NotFound, NotSignedIn, Refused

Administrator = Annotated[Principal, Depends(require("identity.manage"))]
Csrf = Annotated[str, Depends(csrf.sent_token)]
Code = Annotated[str, Query(max_length=64)]
_PERMISSION = "metering.read"
_WORST = {"bad": 0, "warn": 1, "idle": 2, "ok": 3}
MAX_TILES = 70  # what a screen holds without scrolling


def viewer(request: Request) -> Principal:
    """Dependency: the screen behind the cookie, else whoever is signed in and may read. Raise NotSignedIn."""
    central: Central = request.app.state.central
    secret = _cookie(request)
    if secret is None:
        return signed_in(request, "")
    with central.pool.connection() as conn:
        kiosk = find_kiosk(conn, secret, central.clock())
    if kiosk is None:
        raise NotSignedIn("the access of this screen was revoked or is over; an administrator can open it anew", problem="kiosk_ended")
    return kiosk.principal


signed_in = require(_PERMISSION, About.OWN)
viewer.permission, viewer.about = _PERMISSION, About.OWN  # type: ignore[attr-defined]  # tests walk all routes and look for them
Viewer = Annotated[Principal, Depends(viewer)]


def router(central: Central) -> APIRouter:
    """`/wall`, `/wall/now`, `/wall/enter`, `/wall/tokens`."""
    routes = APIRouter(prefix="/wall", include_in_schema=False)
    _screen(routes, central)
    _entry(routes, central)
    _administration(routes, central)
    return routes


def _screen(routes: APIRouter, central: Central) -> None:
    @routes.get("")
    def wall(request: Request, principal: Viewer, node: Code = "") -> Response:
        return render(request, "wall.html", _shown(request, central, principal, node))

    @routes.get("/now")
    def now(request: Request, principal: Viewer, node: Code = "") -> Response:
        return render(request, "wall_now.html", _shown(request, central, principal, node))


def _entry(routes: APIRouter, central: Central) -> None:
    @routes.get("/enter")
    def door(request: Request, next: str = "") -> Response:
        return render(request, "wall_enter.html", {"problem": "kiosk_ended" if next else None})

    @routes.post("/enter")
    def enter(request: Request, sent: Csrf, token: Annotated[str, Form(max_length=100)]) -> Response:
        secret = token.strip()
        try:
            csrf.check(request, cookies.visit_secret(request), sent)
        except Refused as error:
            return render(request, "wall_enter.html", {"problem": error.details["problem"]}, status=403)
        with central.pool.connection() as conn:
            kiosk = find_kiosk(conn, secret, central.clock())
        if kiosk is None:
            return render(request, "wall_enter.html", {"problem": "kiosk_ended"}, status=403)
        response = RedirectResponse("/wall", status_code=303)
        https = _is_https(request)
        left_s = max(1, int(kiosk.expires_at.timestamp() - central.clock()))
        response.set_cookie(_name(request), secret, max_age=left_s, path="/wall", secure=https, httponly=True, samesite="strict")
        return response


def _administration(routes: APIRouter, central: Central) -> None:
    @routes.get("/tokens")
    def tokens(request: Request, principal: Administrator) -> Response:
        with central.pool.connection() as conn:
            return _page(request, conn, central)

    @routes.post("/tokens")
    def add(
        request: Request,
        principal: Administrator,
        name: Annotated[str, Form(max_length=100)],
        days: Annotated[int, Form(ge=0, le=100_000)],
        place: Annotated[str, Form(max_length=64)] = "",
    ) -> Response:
        with central.pool.connection() as conn:
            try:
                secret = create_kiosk(conn, name, place or None, days, central.clock(), principal)
            except (Refused, Conflict, NotFound) as error:
                return _page(request, conn, central, problem=error.details.get("problem", "bad_place"))
            return _page(request, conn, central, address=address_of(central, secret))

    @routes.post("/tokens/revoke")
    def revoke(request: Request, principal: Administrator, number: Annotated[int, Form(ge=1, le=2**62)]) -> Response:
        with central.pool.connection() as conn:
            revoke_kiosk(conn, number, principal.name, central.clock())
            return _page(request, conn, central)


def _shown(request: Request, central: Central, principal: Principal, node: str) -> dict[str, Any]:
    """What the three views are filled with; the worst buildings first, because a screen cannot scroll."""
    with central.pool.connection() as conn:
        site = load_site(conn)
        home: Home = load_home(conn, principal, node, site.zone.key, int(central.clock() * 1000))
    tiles = sorted(home.tiles, key=lambda tile: _WORST[tile.state])
    days = home.use.heat[-2:] if home.use else []
    return {**home_context(request, site, home), "tiles": tiles[:MAX_TILES], "more_tiles": max(0, len(tiles) - MAX_TILES), "days": days}


def _page(request: Request, conn: Connection, central: Central, address: str | None = None, problem: Any = None) -> Response:
    kiosks: list[Kiosk] = list_kiosks(conn, central.clock())
    context = {"kiosks": kiosks, "places": showable(conn), "address": address, "problem": problem, "site": load_site(conn)}
    return render(request, "wall_tokens.html", context, status=200 if problem is None else 422)


def _cookie(request: Request) -> str | None:
    return request.cookies.get(_name(request)) or None


def _name(request: Request) -> str:
    """`__Secure-` where people come by https; `__Host-` would need the whole site as path."""
    return "__Secure-ce_kiosk" if _is_https(request) else "ce_kiosk"


def _is_https(request: Request) -> bool:
    return cookies.public_url(request).startswith("https://")

"""The "Read now" panel of a device's page, which follows its command by itself until it is settled."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import RedirectResponse, Response

from central.context import Central
from central.control import issue
from central.control.panel import read_panel
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.web.render import render
from central.web.site import load_site

Reader = Annotated[Principal, Depends(require("metering.read", About.DEVICE))]
ReadNow = Annotated[Principal, Depends(require("metering.read_now", About.DEVICE))]
Code = Annotated[str, Path(max_length=64)]


def router(central: Central) -> APIRouter:
    """`/devices/{code}/read-now`: the panel (GET), asking (POST); `.../last-exchange`: fetch the raw frames (POST)."""
    routes = APIRouter(prefix="/devices/{code}", include_in_schema=False)

    @routes.get("/read-now")
    def panel(request: Request, principal: Reader, code: Code) -> Response:
        return _panel(request, central, code)

    @routes.post("/read-now")
    def read(request: Request, principal: ReadNow, code: Code) -> Response:
        with central.pool.connection() as conn:
            issue.ask_read(conn, code, issue.ReadRequest(), principal.name, _now_ms(central))
        return _panel(request, central, code)

    @routes.post("/last-exchange")
    def last_exchange(request: Request, principal: ReadNow, code: Code) -> Response:
        with central.pool.connection() as conn:
            issue.ask_frames(conn, code, issue.FramesRequest(), principal.name, _now_ms(central))
        return _panel(request, central, code)

    return routes


def _panel(request: Request, central: Central, code: str) -> Response:
    if "hx-request" not in request.headers:
        return RedirectResponse(f"/devices/{code}", status_code=303)
    with central.pool.connection() as conn:
        return render(request, "command_read.html", {"panel": read_panel(conn, code, _now_ms(central)), "site": load_site(conn)})


def _now_ms(central: Central) -> int:
    return int(central.clock() * 1000)

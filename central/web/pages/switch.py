"""Switching one device: choose a command of its profile, see what it would do, type the device's code, follow it to its proof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import RedirectResponse, Response

from central.context import Central
from central.control import issue
from central.control.listing import newest
from central.control.model import SwitchPreview
from central.db.pool import Connection
from central.identity.attempt import Tried, tried
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.identity.secret import new_secret
from central.metering.device import get_device
from central.metering.tree import ancestors
from central.web.render import render
from central.web.site import load_site
from protocol.profile import AnyProfile
from protocol.quantities import QUANTITIES

Operator = Annotated[Principal, Depends(require("control.operate", About.DEVICE))]
Code = Annotated[str, Path(max_length=64)]
Word = Annotated[str, Form(max_length=500)]
_LEAST_REASON = 3


def router(central: Central, profiles: Mapping[str, AnyProfile]) -> APIRouter:
    """`/devices/{code}/switch`: what can be switched and how the last one went (GET), what a command would do and doing it (POST)."""
    routes = APIRouter(prefix="/devices/{code}", include_in_schema=False)

    @routes.get("/switch")
    def form(request: Request, principal: Operator, code: Code) -> Response:
        with central.pool.connection() as conn:
            return _page(request, conn, principal, profiles, code, {})

    @routes.post("/switch")
    def switch(
        request: Request, principal: Operator, code: Code, command: Word, do: Word = "preview", key: Word = "", typed: Word = "", reason: Word = ""
    ) -> Response:
        asked = {"command": command, "key": key or new_secret(), "reason": reason.strip()}
        with central.pool.connection() as conn:
            preview = tried(conn, lambda: issue.preview_switch(conn, profiles, code, command))
            if preview.result is None or do != "confirm":
                return _page(request, conn, principal, profiles, code, asked, preview)
            if typed.strip() != code or len(asked["reason"]) < _LEAST_REASON:
                return _page(request, conn, principal, profiles, code, asked, preview, "typed" if typed.strip() != code else "reason")
            order = issue.SwitchRequest.model_validate(asked)
            outcome = tried(conn, lambda: issue.ask_switch(conn, profiles, code, order, principal.name, int(central.clock() * 1000)))
            if outcome.result is None:
                return _page(request, conn, principal, profiles, code, asked, Tried(preview.result, outcome.error))
        return RedirectResponse(f"/devices/{code}/switch", status_code=303)

    return routes


def _page(
    request: Request,
    conn: Connection,
    principal: Principal,
    profiles: Mapping[str, AnyProfile],
    code: str,
    asked: Mapping[str, str],
    outcome: Tried[SwitchPreview] | None = None,
    wrong: str = "",
) -> Response:
    device = get_device(conn, code)
    profile = profiles.get(device.profile)
    commands = [(one.name, QUANTITIES[one.confirm.quantity], one.confirm.value) for one in (profile.commands if profile else ())]
    context: dict[str, Any] = {
        "site": load_site(conn),
        "device": device,
        "way": ancestors(conn, device.place, principal.scope),
        "commands": commands,
        "asked": asked,
        "preview": outcome.result if outcome else None,
        "problem": outcome.error if outcome else None,
        "wrong": wrong,
        "last": newest(conn, code, "switch"),
    }
    status = 422 if wrong or (outcome and outcome.error) else 200
    return render(request, "switch_last.html" if request.headers.get("hx-target") == "switch-last" else "meter_switch.html", context, status)

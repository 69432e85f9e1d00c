"""Pages of the rules (see, change, try) and of planned work."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import Response
from pydantic import ValidationError

from central.alarms import words
from central.alarms.maintenance import NewWindow, add_window, end_window, in_force, list_windows
from central.alarms.model import Severity
from central.alarms.overrides import Changes, changed_rule, find_rule, override_history, override_rule, rules_in_force
from central.alarms.rounds import free_percent
from central.alarms.rule import shipped_rules
from central.alarms.trial import Trial, try_rule
from central.context import Central
from central.db.pool import Connection
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.web.render import render
from central.web.site import load_site
from protocol.errors import CampusError, ConfigError

Reader = Annotated[Principal, Depends(require("alarms.read", About.OWN))]
Manager = Annotated[Principal, Depends(require("alarms.manage", About.OWN))]
SiteReader = Annotated[Principal, Depends(require("alarms.read"))]
SiteManager = Annotated[Principal, Depends(require("alarms.manage"))]
Name = Annotated[str, Path(max_length=64)]
_NUMBERS = ("raise_at", "clear_at", "raise_after_s", "clear_after_s")


def router(central: Central) -> APIRouter:
    """`/alarms/rules`, `/alarms/rules/{name}`, `/alarms/windows`."""
    routes = APIRouter(prefix="/alarms", include_in_schema=False)

    @routes.get("/rules")
    def rules(request: Request, principal: SiteReader) -> Response:
        with central.pool.connection() as conn:
            return render(request, "alarm_rules.html", {"rules": rules_in_force(conn), "site": load_site(conn), "words": words})

    @routes.get("/rules/{name}")
    def rule(request: Request, principal: SiteReader, name: Name) -> Response:
        with central.pool.connection() as conn:
            return _rule_page(request, conn, name)

    @routes.post("/rules/{name}/trial")
    def trial(request: Request, principal: SiteReader, name: Name, form: Annotated[dict[str, str], Depends(_rule_form)]) -> Response:
        with central.pool.connection() as conn:
            try:
                wanted = changed_rule(name, _changes(name, form))
                found = try_rule(conn, wanted, int(central.clock() * 1000), lambda: free_percent(central.settings.data_dir))
            except CampusError as error:
                return _rule_page(request, conn, name, form, problem=error.message)
            return _rule_page(request, conn, name, form, trial=found)

    @routes.post("/rules/{name}")
    def change(request: Request, principal: SiteManager, name: Name, form: Annotated[dict[str, str], Depends(_rule_form)]) -> Response:
        with central.pool.connection() as conn:
            try:
                if len(form["reason"]) < 3:
                    raise ConfigError("say why the rule is changed; whoever asks later will want to know")
                override_rule(conn, name, _changes(name, form), form["reason"], principal.name, int(central.clock() * 1000))
            except CampusError as error:
                return _rule_page(request, conn, name, form, problem=error.message)
            return _rule_page(request, conn, name, saved=True)

    @routes.get("/windows")
    def windows(request: Request, principal: Reader, place: str = "", gateway: str = "", device: str = "", rule: str = "") -> Response:
        given = {name: text[:64] for name, text in (("place", place), ("gateway", gateway), ("device", device), ("rule", rule))}
        with central.pool.connection() as conn:
            return _windows_page(request, conn, principal, central, given)

    @routes.post("/windows")
    def add(request: Request, principal: Manager, form: Annotated[dict[str, Any], Depends(_window_form)]) -> Response:
        with central.pool.connection() as conn:
            try:
                with conn.transaction():
                    add_window(conn, principal.scope, _window(form, load_site(conn).zone), principal.name, int(central.clock() * 1000))
            except CampusError as error:
                return _windows_page(request, conn, principal, central, form, error.message)
            return _windows_page(request, conn, principal, central, {})

    @routes.post("/windows/{number}/end")
    def end(request: Request, principal: Manager, number: Annotated[int, Path(ge=1, lt=1 << 62)]) -> Response:
        with central.pool.connection() as conn:
            end_window(conn, principal.scope, number, principal.name, int(central.clock() * 1000))
            return _windows_page(request, conn, principal, central, {})

    return routes


def _rule_form(
    severity: Annotated[str, Form(max_length=20)] = "",
    raise_at: Annotated[str, Form(max_length=20)] = "",
    clear_at: Annotated[str, Form(max_length=20)] = "",
    raise_after_s: Annotated[str, Form(max_length=20)] = "",
    clear_after_s: Annotated[str, Form(max_length=20)] = "",
    enabled: Annotated[str, Form(max_length=5)] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> dict[str, str]:
    """The form of a rule."""
    told = {"severity": severity, "raise_at": raise_at, "clear_at": clear_at, "raise_after_s": raise_after_s, "clear_after_s": clear_after_s}
    return {**told, "enabled": enabled, "reason": reason.strip()}


def _changes(name: str, form: dict[str, str]) -> Changes:
    """What of the form differs from the rule as shipped."""
    shipped = shipped_rules().get(name)
    told: dict[str, Any] = {key: form[key] for key in ("severity", *_NUMBERS) if form[key] != ""} | {"enabled": form["enabled"] == "1"}
    try:
        asked = Changes.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}, got {first['input']!r}") from error
    differs = {key: value for key, value in asked if value is not None and shipped is not None and value != getattr(shipped, key)}
    return Changes.model_validate(differs)


def _rule_page(
    request: Request,
    conn: Connection,
    name: str,
    form: dict[str, str] | None = None,
    trial: Trial | None = None,
    problem: str = "",
    saved: bool = False,
) -> Response:
    rule = find_rule(conn, name)
    shown = form or {key: str(getattr(rule, key)) for key in _NUMBERS} | {"severity": rule.severity.value, "enabled": "1" if rule.enabled else ""}
    context = {"rule": rule, "shipped": shipped_rules()[name], "form": shown, "trial": trial, "problem": problem, "saved": saved}
    context |= {"history": override_history(conn, name), "severities": tuple(Severity), "words": words, "site": load_site(conn)}
    return render(request, "alarm_rule.html", context, status=422 if problem else 200)


def _window_form(
    place: Annotated[str, Form(max_length=64)] = "",
    gateway: Annotated[str, Form(max_length=64)] = "",
    device: Annotated[str, Form(max_length=64)] = "",
    rule: Annotated[str, Form(max_length=64)] = "",
    begins: Annotated[str, Form(max_length=20)] = "",
    ends: Annotated[str, Form(max_length=20)] = "",
    weekday: Annotated[list[int] | None, Form(max_length=7)] = None,
    start: Annotated[str, Form(max_length=8)] = "",
    hours: Annotated[str, Form(max_length=6)] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> dict[str, Any]:
    """The form of planned work."""
    told = {"place": place.strip(), "gateway": gateway.strip(), "device": device.strip(), "rule": rule, "begins": begins, "ends": ends}
    return {**told, "weekday": weekday or [], "start": start, "hours": hours, "reason": reason.strip()}


def _window(form: dict[str, Any], zone: ZoneInfo) -> NewWindow:
    weekly = sum(1 << day for day in set(form["weekday"]) if 0 <= day <= 6)
    try:
        begins, ends = (int(datetime.fromisoformat(form[name]).replace(tzinfo=zone).timestamp() * 1000) for name in ("begins", "ends"))
        hour, minute = (int(part) for part in (form["start"] or "0:0").split(":")[:2])
        minutes = int(float(form["hours"] or 0) * 60) if weekly else 0
        about = {name: form[name] or None for name in ("place", "gateway", "device", "rule")}
        more = {"weekdays": weekly, "start_minute": (hour * 60 + minute) if weekly else 0, "minutes": minutes, "reason": form["reason"]}
        return NewWindow.model_validate({**about, "from_ms": begins, "until_ms": ends, **more})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ConfigError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except ValueError as error:
        raise ConfigError("begin and end are needed as date and time, a weekly begin as hours and minutes, a length in hours") from error


def _windows_page(request: Request, conn: Connection, principal: Principal, central: Central, form: dict[str, Any], problem: str = "") -> Response:
    now_ms, site = int(central.clock() * 1000), load_site(conn)
    coming = list_windows(conn, principal.scope, now_ms)
    context = {
        "coming": [(window, in_force(window, now_ms, site.zone)) for window in coming],
        "past": list_windows(conn, principal.scope, now_ms, over=True, limit=50),
        "form": form,
        "problem": problem,
        "rules": rules_in_force(conn),
        "site": site,
        "manages": "alarms.manage" in principal.permissions,
    }
    return render(request, "alarm_windows.html", context, status=422 if problem else 200)

"""Forms about a meter: replace it, correct its ratio. Each shows first what would follow, and does it when a person says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import RedirectResponse, Response

from central.context import Central
from central.db.pool import Connection
from central.identity.attempt import Tried, tried
from central.identity.guard import Principal, require
from central.identity.scope import About, check_in_scope
from central.identity.secret import new_secret
from central.metering.correct_ratio import Corrected, correct_ratio, point_of_stay
from central.metering.device import get_device
from central.metering.factors import factors
from central.metering.meters import shipped_models
from central.metering.model import DeviceView, Installation
from central.metering.replace_meter import replace_meter
from central.metering.replacement import Replaced
from central.metering.tree import ancestors
from central.web.display import local
from central.web.meter_forms import Typed, correction_of, swap_of
from central.web.render import render
from central.web.site import Site, load_site
from protocol.errors import ConfigError, Conflict
from protocol.profile import AnyProfile
from protocol.quantities import QUANTITIES, Quantity

Manager = Annotated[Principal, Depends(require("metering.manage", About.DEVICE))]
Code = Annotated[str, Path(max_length=64)]
_MAX_FIELDS, _MAX_TEXT = 40, 1000
_TIMES = ("removed_at", "installed_at")


async def typed_fields(request: Request) -> Mapping[str, str]:
    """Dependency: the texts of a form, each no longer than any field may be."""
    form = await request.form(max_files=0, max_fields=_MAX_FIELDS)
    return {name: value[:_MAX_TEXT] for name, value in form.items() if isinstance(value, str)}


Fields = Annotated[Mapping[str, str], Depends(typed_fields)]


@dataclass(frozen=True, slots=True)
class Form:
    """A form about a meter, as a page shows it."""

    conn: Connection
    site: Site
    device: DeviceView
    stay: Installation
    register: Quantity | None
    fields: Mapping[str, str]


def router(central: Central, profiles: Mapping[str, AnyProfile]) -> APIRouter:
    """`/devices/{code}/replace`, `/devices/{code}/ratio`: the form (GET), what would follow and doing it (POST, field `do`)."""
    routes = APIRouter(prefix="/devices/{code}", include_in_schema=False)
    _replacing(routes, central, profiles)
    _correcting(routes, central)
    return routes


def _replacing(routes: APIRouter, central: Central, profiles: Mapping[str, AnyProfile]) -> None:
    @routes.get("/replace")
    def form(request: Request, principal: Manager, code: Code) -> Response:
        with central.pool.connection() as conn:
            site = load_site(conn)
            now = f"{local(central.clock(), site.zone):%Y-%m-%dT%H:%M}"
            shown = _form(conn, site, code, {"key": new_secret(), "person": principal.name, **dict.fromkeys(_TIMES, now)})
            return _replace_page(request, principal, shown, profiles, Tried())

    @routes.post("/replace")
    def replace(request: Request, principal: Manager, code: Code, fields: Fields) -> Response:
        with central.pool.connection() as conn:
            shown = _form(conn, load_site(conn), code, fields)
            check_in_scope(conn, principal.scope, About.POINT, shown.stay.point)
            preview = fields.get("do") != "confirm"
            outcome = _tried(conn, partial(_replace, shown, principal.name, int(central.clock() * 1000), preview))
            if outcome.result is not None and not preview:
                return RedirectResponse(f"/devices/{quote(outcome.result.new_device)}?tab=history", status_code=303)
            return _replace_page(request, principal, shown, profiles, outcome)


def _correcting(routes: APIRouter, central: Central) -> None:
    @routes.get("/ratio")
    def form(request: Request, principal: Manager, code: Code) -> Response:
        with central.pool.connection() as conn:
            return _ratio_page(request, principal, _form(conn, load_site(conn), code, {}), Tried())

    @routes.post("/ratio")
    def correct(request: Request, principal: Manager, code: Code, fields: Fields) -> Response:
        with central.pool.connection() as conn:
            shown = _form(conn, load_site(conn), code, fields)
            preview = fields.get("do") != "confirm"
            outcome = _tried(conn, partial(_correct, shown, principal, int(central.clock() * 1000), preview))
            if outcome.result is not None and not preview:
                return RedirectResponse(f"/devices/{quote(code)}?tab=history", status_code=303)
            return _ratio_page(request, principal, shown, outcome)


def _form(conn: Connection, site: Site, code: str, fields: Mapping[str, str]) -> Form:
    """Raises NotFound, and Conflict for a device that stands at no metering point now."""
    device = get_device(conn, code)
    stay = next((one for one in device.installations if one.removed_at_ms is None), None)
    if stay is None:
        raise Conflict(f"{code} stands at no metering point now, so there is nothing to replace or correct")
    register = next((one.register for one in factors(conn, device=code) if one.point == stay.point and one.register), None)
    return Form(conn, site, device, stay, QUANTITIES.get(register or ""), fields)


def _replace(form: Form, actor: str, now_ms: int, preview: bool) -> Replaced:
    swap = swap_of(Typed(form.fields, form.site.zone, form.register, _new_register(form)), form.stay.point, form.device.code)
    return replace_meter(form.conn, swap, actor, now_ms, preview)


def _correct(form: Form, who: Principal, now_ms: int, preview: bool) -> Corrected:
    correction = correction_of(Typed(form.fields, form.site.zone, None, None))
    stays = {one.installation for one in factors(form.conn, device=form.device.code)}
    if correction.installation not in stays:
        raise Conflict(f"installation {correction.installation} is none of {form.device.code}; choose one of the list")
    check_in_scope(form.conn, who.scope, About.POINT, point_of_stay(form.conn, correction.installation))
    return correct_ratio(form.conn, correction, who.name, now_ms, preview)


def _new_register(form: Form) -> Quantity | None:
    """The register of the meter that comes: the old one's, or what the chosen profile counts with."""
    chosen = form.fields.get("profile") or form.device.profile
    if chosen == form.device.profile:
        return form.register
    model = shipped_models().get(chosen)
    return QUANTITIES.get(model.register or "") if model else None


def _tried(conn: Connection, change: Any) -> Tried[Any]:
    """As `tried`; what was typed wrongly is shown at its field too."""
    try:
        return tried(conn, change)
    except ConfigError as error:
        return Tried(error=error)


def _replace_page(request: Request, principal: Principal, form: Form, profiles: Mapping[str, AnyProfile], outcome: Tried[Any]) -> Response:
    alike = {key: profile for key, profile in sorted(profiles.items()) if profile.kind.value == form.device.kind}
    context = _frame(principal, form, outcome) | {"profiles": alike, "new_register": _new_register(form)}
    return render(request, "meter_replace.html", context, outcome.status)


def _ratio_page(request: Request, principal: Principal, form: Form, outcome: Tried[Any]) -> Response:
    context = _frame(principal, form, outcome) | {"factors": factors(form.conn, device=form.device.code)}
    return render(request, "meter_ratio.html", context, outcome.status)


def _frame(principal: Principal, form: Form, outcome: Tried[Any]) -> dict[str, Any]:
    details = outcome.error.details if outcome.error else {}
    return {
        "site": form.site,
        "device": form.device,
        "way": ancestors(form.conn, form.device.place, principal.scope),
        "stay": form.stay,
        "register": form.register,
        "fields": form.fields,
        "answer": outcome.result,
        "problem": outcome.error,
        "problems": details.get("problems") or ([outcome.error.message] if outcome.error else []),
        "unsure": bool(details.get("confirm")),
        "wrong_field": details.get("field"),
        "wrong_text": details.get("problem"),
    }

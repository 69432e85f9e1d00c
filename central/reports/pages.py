"""The pages /electricity and /water of a place over a range, a tab at a time, and the form for what is known of a place. The same figures as
/api/v1/reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Annotated, Any, Literal, cast, get_args

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from central.consumption.days import day_of
from central.consumption.load import site_zone
from central.context import Central
from central.db.pool import Connection
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.reports.dictionary import load_dictionary
from central.reports.facts import Fact, place_facts, put_fact
from central.reports.model import Medium
from central.reports.place import get_place
from central.reports.span import span
from central.reports.tables import REASONS, REPORT_POINTS
from central.reports.tabs import BESIDE, NOT_OF_WATER, TABS, Question
from central.reports.units import amount_unit, intensity_unit, mass_unit, power_unit, shown
from central.web.amounts import NAMES
from central.web.display import local
from central.web.node import Node, node_context
from central.web.render import language_of, render, text_of
from central.web.site import load_site
from central.web.table_page import asked_table, render_table, table_context
from central.web.translations import N_, Language
from central.web.view import View, asked_view, view_of
from protocol.errors import ConfigError

Reader = Annotated[Principal, Depends(require("reports.read", About.OWN))]
PlaceReader = Annotated[Principal, Depends(require("reports.read", About.PLACE))]
PlaceManager = Annotated[Principal, Depends(require("metering.manage", About.PLACE))]
Code = Annotated[str, Path(max_length=64)]
Asked = Annotated[Mapping[str, str], Depends(asked_view)]
_DEVICES = "devices"
_FIRST_TAB = "overview"


def asked_part(
    per: Literal["total", "m2", "person"] = "total",
    by: Literal["place", "point"] = "place",
    item: Annotated[str, Query(max_length=5, pattern=r"^(\d{2}[A-Z](\d([A-Z])?)?)?$")] = "",
) -> dict[str, str]:
    """Dependency: what some tabs ask besides the view."""
    return {"per": per, "by": by, "item": item}


Part = Annotated[dict[str, str], Depends(asked_part)]


def router(central: Central) -> APIRouter:
    """`/electricity`, `/water` with `?node=&period=&at=&compare=&tab=`; `/places/{code}/facts`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/electricity")
    def electricity(request: Request, principal: Reader, asked: Asked, part: Part) -> Response:
        return _report(central, request, principal, asked, part, "electricity")

    @routes.get("/water")
    def water(request: Request, principal: Reader, asked: Asked, part: Part) -> Response:
        return _report(central, request, principal, asked, part, "water")

    _facts(routes, central)
    return routes


def _report(central: Central, request: Request, principal: Principal, asked: Mapping[str, str], part: Mapping[str, str], medium: Medium) -> Response:
    now_s = central.clock()
    with central.pool.connection() as conn:
        site = load_site(conn)
        view = _view(asked, local(now_s, site.zone).date(), medium)
        node = node_context(conn, principal, asked.get("node", ""))
        context = _frame(request, node, view, medium) | {"site": site}
        if not node.code:
            return render(request, "report_choose.html", context)
        view = replace(view, node=node.code)
        period = span(view.first, view.last, site.zone.key, int(now_s * 1000))
        question = Question(conn, node, medium, view, period, text_of(request), language_of(request) is Language.CHINESE, f"/{medium}", **part)
        context |= {"view": view, "asked": question}
        if view.tab == _DEVICES:
            return _devices(request, conn, principal, question, context)
        context |= TABS[view.tab][1](question)
    return render(request, "report.html", context)


def _view(asked: Mapping[str, str], today: date, medium: Medium) -> View:
    """What the address asks for; an unknown tab is the first one."""
    view = view_of(asked, today)
    return view if view.tab in tabs_of(medium) else replace(view, tab=_FIRST_TAB)


def tabs_of(medium: Medium) -> dict[str, str]:
    """Tab -> its label, in order."""
    labels = {tab: label for tab, (label, _) in TABS.items() if medium == "electricity" or tab not in NOT_OF_WATER}
    return labels | {_DEVICES: N_("Meters")}


def _frame(request: Request, node: Node, view: View, medium: Medium) -> dict[str, Any]:
    """What every tab's template knows: words and units of its medium."""
    return {
        "node": node,
        "view": view,
        "medium": medium,
        "path": f"/{medium}",
        "tabs": tabs_of(medium),
        "media_names": NAMES,
        "reasons": REASONS,
        "amount": partial(_written, amount_unit, medium),
        "power": partial(_written, power_unit, medium),
        "mass": lambda value: _with_unit(mass_unit([value]), value),
        "intensity": lambda value, per: _with_unit(intensity_unit(medium, per, [value]), value),
        "in_unit": shown,
    }


def _written(unit_of: Any, medium: str, value: int | None) -> tuple[str, str]:
    return _with_unit(unit_of(medium, [value]), value)


def _with_unit(unit: Any, value: int | None) -> tuple[str, str]:
    return shown(unit, value), unit.unit


def _devices(request: Request, conn: Connection, principal: Principal, question: Question, context: dict[str, Any]) -> Response:
    """Every meter, paged, sorted, filtered and exported by the table."""
    view = question.view
    about = {"first": f"{view.first}", "last": f"{view.last}", "medium": question.medium, "beside": BESIDE[view.compare]}
    asked = replace(asked_table(request, REPORT_POINTS), node=question.code, context=about)
    address = f"{question.path}?{view.query()}"
    return render_table(request, "report.html", context | table_context(conn, principal, REPORT_POINTS, asked, language_of(request), address))


def _facts(routes: APIRouter, central: Central) -> None:
    @routes.get("/places/{code}/facts")
    def facts(request: Request, principal: PlaceReader, code: Code) -> Response:
        with central.pool.connection() as conn:
            return _facts_page(central, request, conn, principal, code, "")

    @routes.post("/places/{code}/facts")
    def write(
        request: Request,
        principal: PlaceManager,
        code: Code,
        fact: Annotated[Fact, Form()],
        value: Annotated[str, Form(max_length=20)] = "",
        valid_from: Annotated[str, Form(max_length=10)] = "",
        source: Annotated[str, Form(max_length=500)] = "",
    ) -> Response:
        with central.pool.connection() as conn:
            try:
                today = day_of(int(central.clock() * 1000), site_zone(conn))
                put_fact(conn, code, fact, _fact_value(fact, value), _fact_day(valid_from), source.strip() or "—", principal.name, today)
            except ConfigError as error:
                return _facts_page(central, request, conn, principal, code, str(error), 422)
        return RedirectResponse(f"/places/{code}/facts", status_code=303)


def _fact_value(fact: Fact, text: str) -> int | str | None:
    text = text.strip().replace(",", "")
    if not text:
        return None
    return text.upper() if fact == "building_type" else int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _fact_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ConfigError(f"valid_from must be a day such as 2026-11-22, got {text!r}") from None


def _facts_page(central: Central, request: Request, conn: Connection, principal: Principal, code: str, problem: str, status: int = 200) -> Response:
    get_place(conn, code)
    context = {
        "node": node_context(conn, principal, code),
        "facts": place_facts(conn, code),
        "kinds": cast(tuple[str, ...], get_args(Fact)),
        "types": load_dictionary().building_types.campus,
        "may_write": "metering.manage" in principal.permissions,
        "problem": problem,
        "today": day_of(int(central.clock() * 1000), site_zone(conn)),
    }
    return render(request, "report_facts.html", context, status)

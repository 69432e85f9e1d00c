"""Reports as tables that can be paged through and exported: consumption by point, by place, by energy item. The range stands in the context."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, cast

from central.consumption.load import site_zone
from central.db.pool import Connection
from central.identity.scope import About, Scope, check_in_scope
from central.reports.areas import by_area
from central.reports.items import by_energy_item
from central.reports.model import Beside, Breakdown, Change, Figure, Intensity, Line, Medium, Reason
from central.reports.place import get_place
from central.reports.points import PointLine, Sort, by_points
from central.reports.span import Span, span
from central.web.tables import Asked, Column, Fetched, Filter, TableSpec
from central.web.translations import N_
from protocol.errors import ConfigError

_QUANTITY = {"electricity": "energy_active_forward", "water": "water_volume"}
_BESIDE = ("none", "previous", "same_date", "weekday", "term_week")
QUALITIES = {
    "measured": ("ok", N_("Measured")),
    "estimated": ("warn", N_("Estimated")),
    "partial": ("warn", N_("Partly known")),
    "unknown": ("idle", N_("Nothing known")),
}
REASONS = {
    Reason.UNKNOWN: N_("Nothing is known of the period"),
    Reason.COVERAGE: N_("Less than 95 % of one of the periods is known"),
    Reason.ZERO: N_("Nothing was used in the period it is compared with"),
    Reason.NO_COMMON: N_("No part of the two periods is known in both"),
    Reason.NO_BASE: N_("There is no period to compare with"),
    Reason.TOO_MANY: N_("Too many points to compare; choose a smaller place"),
    Reason.PARTS_MISSING: N_("Meters below are missing; a difference would not be true"),
    Reason.NEGATIVE: N_("Parts are more than the whole; check wiring, transformer ratio and tree of supply"),
    Reason.AREA: N_("The place has no area in m² yet"),
    Reason.PEOPLE: N_("Nobody has said how many people use the place"),
    Reason.NO_FACTOR: N_("No conversion factor was in force"),
}
_FIGURES: tuple[Column, ...] = (
    Column("value", N_("Consumption"), "quantity", sortable=True, quantity=".quantity"),
    Column("coverage", N_("Known share"), "percent", sortable=True),
    Column("quality", N_("Quality"), "state", words=QUALITIES),
    Column("base", N_("Compared period"), "quantity", quantity=".quantity"),
    Column("change", N_("Change over what is known in both"), "percent"),
    Column("why", N_("Why there is no number"), "text", shown=False, words={reason.value: ("", text) for reason, text in REASONS.items()}),
)
_PER: tuple[Column, ...] = (
    Column("per_m2", N_("For each m²"), "decimal", shown=False),
    Column("per_person", N_("For each person"), "decimal", shown=False),
)


def _points(conn: Connection, scope: Scope, asked: Asked, limit: int) -> Fetched:
    period, medium, beside = _asked(conn, scope, asked)
    sort = cast(Sort, asked.sort if asked.sort in ("value", "code", "coverage") else "value")
    how: dict[str, Any] = {"sort": sort, "descending": asked.descending, "offset": asked.offset, "limit": limit}
    page = by_points(conn, period, asked.node, medium, beside, **how, q=asked.filters.get("q", ""), item=asked.filters.get("item", ""))
    return Fetched([_point_row(one, medium) for one in page.rows], page.total)


def _places(conn: Connection, scope: Scope, asked: Asked, limit: int) -> Fetched:
    period, medium, beside = _asked(conn, scope, asked)
    return _slice(_sorted(_lines(by_area(conn, period, asked.node, medium, beside), medium, ""), asked), asked, limit)


def _items(conn: Connection, scope: Scope, asked: Asked, limit: int) -> Fetched:
    period, medium, beside = _asked(conn, scope, asked)
    within = asked.context.get("item", "")
    return _slice(_sorted(_lines(by_energy_item(conn, period, asked.node, medium, within, beside), medium, within), asked), asked, limit)


def _asked(conn: Connection, scope: Scope, asked: Asked) -> tuple[Span, Medium, Beside]:
    """The context's `first`, `last` (ISO days), `medium`, `beside`. Raises NotFound outside the scope, ConfigError for what is no range."""
    check_in_scope(conn, scope, About.PLACE, asked.node)
    get_place(conn, asked.node)
    medium, beside = asked.context.get("medium", "electricity"), asked.context.get("beside", "none")
    if medium not in _QUANTITY or beside not in _BESIDE:
        raise ConfigError(f"medium must be one of {', '.join(_QUANTITY)}, beside one of {', '.join(_BESIDE)}; got {medium!r}, {beside!r}")
    period = span(_day(asked, "first"), _day(asked, "last"), site_zone(conn), int(time.time() * 1000))
    return period, cast(Medium, medium), cast(Beside, beside)


def _day(asked: Asked, name: str) -> date:
    try:
        return date.fromisoformat(asked.context.get(name, ""))
    except ValueError:
        raise ConfigError(f"{name} must be a day such as 2026-11-22, got {asked.context.get(name)!r}") from None


def _lines(found: Breakdown, medium: str, rest_code: str) -> list[dict[str, Any]]:
    lines = [*found.parts, *([] if found.rest is None else [found.rest])]
    return [_line_row(line, medium, rest_code) for line in lines]


def _line_row(line: Line, medium: str, rest_code: str) -> dict[str, Any]:
    return {
        "code": line.code or rest_code,
        "name_zh": line.name_zh or "（未分解）",
        "name_en": line.name_en or "(not broken down)",
        "place": line.code,
        "place_zh": line.name_zh,
        "place_en": line.name_en,
        **_figures(line.figure, line.change, line.per_m2, line.per_person),
        "quantity": _QUANTITY[medium],
    }


def _point_row(line: PointLine, medium: str) -> dict[str, Any]:
    return {
        "code": line.code,
        "point": line.code,
        "point_zh": line.name_zh,
        "point_en": line.name_en,
        "place": line.place,
        "place_zh": line.place_zh,
        "place_en": line.place_en,
        "device": line.device,
        "maker": line.maker,
        "profile": line.profile,
        "item": line.item,
        "role": line.role,
        **_figures(line.figure, line.change, line.per_m2, line.per_person),
        "quantity": _QUANTITY[medium],
    }


def _figures(figure: Figure, change: Change | None, per_m2: Intensity | None, per_person: Intensity | None) -> dict[str, Any]:
    reasons = (figure.reason, change.reason if change else None)
    return {
        "value": figure.value,
        "coverage": round(figure.coverage * 100, 1),
        "quality": figure.quality,
        "base": change.base.value if change else None,
        "change": None if change is None or change.change_permille is None else change.change_permille / 10,
        "why": next((reason.value for reason in reasons if reason is not None), None),
        "per_m2": _thousandths(per_m2),
        "per_person": _thousandths(per_person),
    }


def _thousandths(one: Intensity | None) -> float | None:
    """kWh (m³) from thousandths of Wh (litres)."""
    return None if one is None or one.milli is None else round(one.milli / 10**6, 3)


def _sorted(lines: Sequence[dict[str, Any]], asked: Asked) -> list[dict[str, Any]]:
    """By the asked column, unknown values last."""
    key = asked.sort if asked.sort in ("value", "code", "coverage") else "value"
    known = sorted((line for line in lines if line[key] is not None), key=lambda line: line[key], reverse=asked.descending)
    return known + [line for line in lines if line[key] is None]


def _slice(lines: Sequence[dict[str, Any]], asked: Asked, limit: int) -> Fetched:
    return Fetched(lines[asked.offset : asked.offset + limit], len(lines))


def _spec(name: str, title: str, head: tuple[Column, ...], fetch: Callable[[Connection, Scope, Asked, int], Fetched], **more: Any) -> TableSpec:
    figures = (*_FIGURES, *more.pop("per", ()))
    return TableSpec(name, title, "reports.read", (*head, *figures), fetch, default_sort="value", default_descending=True, **more)


REPORT_POINTS = _spec(
    "report-points",
    N_("Consumption by metering point"),
    (
        Column("point", N_("Metering point"), "point"),
        Column("code", N_("Code"), "code", sortable=True),
        Column("place", N_("Place"), "place"),
        Column("maker", N_("Maker"), "text"),
        Column("profile", N_("Model"), "text", shown=False),
        Column("item", N_("Energy item"), "code"),
        Column("role", N_("Role in the tree of supply"), "text", shown=False),
    ),
    _points,
    per=_PER,
    filters=(Filter("q", N_("Name or code")), Filter("item", N_("Energy item"))),
    row_href=lambda row: f"/devices/{row['device']}" if row["device"] else "",
)
REPORT_PLACES = _spec(
    "report-places",
    N_("Consumption by place"),
    (Column("place", N_("Place"), "place"), Column("code", N_("Code"), "code", sortable=True)),
    _places,
    per=_PER,
)
REPORT_ITEMS = _spec(
    "report-items",
    N_("Consumption by energy item"),
    (
        Column("code", N_("Energy item"), "code", sortable=True),
        Column("name_zh", N_("Chinese name")),
        Column("name_en", N_("English name"), shown=False),
    ),
    _items,
)

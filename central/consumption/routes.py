"""JSON API of consumption: figures of points and places, their cost and comparison, rankings, months and their closing, findings, tariffs, marks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Path, Query

from central.consumption.closing import MonthState, close_month, month_state
from central.consumption.comparisons import (
    AcademicTerm,
    Compared,
    Comparing,
    academic_terms,
    compare_place,
    compare_point,
    put_academic_terms,
)
from central.consumption.costs import CostFigures, place_cost, point_cost
from central.consumption.findings import Finding, list_findings, resolve_finding
from central.consumption.judged import (
    MAX_JUDGED,
    MAX_READINGS,
    RegisterDay,
    RegisterReading,
    judged_readings,
    register_days,
    register_readings,
)
from central.consumption.load import site_zone
from central.consumption.marks import Mark, list_marks, put_mark, withdraw_mark
from central.consumption.report import (
    HeatRow,
    Item,
    MonthFigure,
    Ranked,
    Step,
    check_place,
    heat_map,
    missing_inputs,
    month_of_points,
    place_consumption,
    point_consumption,
    point_facts,
    ranking,
)
from central.consumption.tariffs import CalendarDay, TariffVersion, calendar_days, put_calendar_days, put_tariff, tariff_versions
from central.context import Central
from central.identity import audit
from central.identity.guard import Principal, require
from central.identity.scope import About, check_in_scope

Reader = Annotated[Principal, Depends(require("metering.read", About.OWN))]
SiteReader = Annotated[Principal, Depends(require("metering.read"))]
PointReader = Annotated[Principal, Depends(require("metering.read", About.POINT))]
DeviceReader = Annotated[Principal, Depends(require("metering.read", About.DEVICE))]
PlaceReader = Annotated[Principal, Depends(require("metering.read", About.PLACE))]
Manager = Annotated[Principal, Depends(require("metering.manage"))]
PartManager = Annotated[Principal, Depends(require("metering.manage", About.OWN))]
FindingManager = Annotated[Principal, Depends(require("metering.manage", About.FINDING, "number"))]
MarkManager = Annotated[Principal, Depends(require("metering.manage", About.MARK, "number"))]
Code = Annotated[str, Path(max_length=64)]
Medium = Literal["electricity", "water"]
Instant = Annotated[int, Query(ge=0, le=253_402_300_799_000)]
Month = Annotated[str, Path(pattern=r"^[12]\d{3}-(0[1-9]|1[0-2])$")]
Reason = Annotated[str, Body(min_length=1, max_length=500)]


@dataclass(frozen=True, slots=True)
class Figures:
    """Consumption over a range. `missing`: inputs of a virtual point that are not known whole: why it is not."""

    code: str
    medium: str
    unit: str
    items: list[Item]
    missing: list[str]


def router(central: Central) -> APIRouter:
    """Routes below /api/v1. Days are the site's local ones and both ends of a range belong to it; values are integers in base units."""
    api = APIRouter(prefix="/api/v1", tags=["consumption"])
    _figures(api, central)
    _registers(api, central)
    _costs(api, central)
    _comparisons(api, central)
    _months(api, central)
    _findings(api, central)
    _tariffs(api, central)
    _marks(api, central)
    return api


def _figures(api: APIRouter, central: Central) -> None:
    @api.get("/points/{code}/consumption")
    def of_point(
        _: PointReader, code: Code, since: Annotated[date, Query(alias="from")], until: Annotated[date, Query(alias="to")], step: Step = Step.DAY
    ) -> Figures:
        """A point's consumption; 404 if there is no such point."""
        with central.pool.connection() as conn:
            point = point_facts(conn, code)
            items = point_consumption(conn, site_zone(conn), code, since, until, step)
            missing = missing_inputs(conn, code, since, until) if point.virtual else []
        return Figures(code, point.medium, _unit(point.medium), items, missing)

    @api.get("/places/{code}/consumption")
    def of_place(
        _: PlaceReader,
        code: Code,
        since: Annotated[date, Query(alias="from")],
        until: Annotated[date, Query(alias="to")],
        medium: Medium = "electricity",
        step: Step = Step.DAY,
    ) -> Figures:
        """What a campus, zone, building or floor consumed with everything in it."""
        with central.pool.connection() as conn:
            check_place(conn, code)
            return Figures(code, medium, _unit(medium), place_consumption(conn, site_zone(conn), code, medium, since, until, step), [])

    @api.get("/places/{code}/ranking")
    def ranked(
        _: PlaceReader,
        code: Code,
        since: Annotated[date, Query(alias="from")],
        until: Annotated[date, Query(alias="to")],
        medium: Medium = "electricity",
        by: Literal["place", "point"] = "place",
        top: Annotated[int, Query(ge=1, le=500)] = 20,
    ) -> list[Ranked]:
        """Who used most: places directly below, or points in it and below."""
        with central.pool.connection() as conn:
            check_place(conn, code)
            return ranking(conn, code, medium, since, until, by, top)

    @api.get("/places/{code}/heat-map")
    def heat(_: PlaceReader, code: Code, year: Annotated[int, Query(ge=2000, le=2200)], medium: Medium = "electricity") -> list[HeatRow]:
        """A year, a row a day with its hours."""
        with central.pool.connection() as conn:
            check_place(conn, code)
            return heat_map(conn, code, medium, year)


def _registers(api: APIRouter, central: Central) -> None:
    @api.get("/points/{code}/registers")
    def registers(
        _: PointReader, code: Code, since: Annotated[date, Query(alias="from")], until: Annotated[date, Query(alias="to")]
    ) -> list[RegisterDay]:
        """Computed days with the registers they came of, newest first; at most 400 days."""
        with central.pool.connection() as conn:
            return register_days(conn, code, since, until)

    @api.get("/devices/{code}/register-readings")
    def readings(
        _: DeviceReader,
        code: Code,
        quantity: Annotated[str, Query(max_length=64)],
        from_ms: Instant,
        to_ms: Instant,
        limit: Annotated[int, Query(ge=1, le=MAX_READINGS)] = 1000,
    ) -> list[RegisterReading]:
        """A register's readings as they came, newest first, with the verdict on each."""
        with central.pool.connection() as conn:
            return register_readings(conn, code, quantity, from_ms, to_ms, limit)

    @api.get("/devices/{code}/judged-readings")
    def judged(
        _: DeviceReader, code: Code, from_ms: Instant, to_ms: Instant, limit: Annotated[int, Query(ge=1, le=MAX_JUDGED)] = 200
    ) -> list[RegisterReading]:
        """Readings that are rejected, or from which counting starts anew, newest first."""
        with central.pool.connection() as conn:
            return judged_readings(conn, code, from_ms, to_ms, limit)


def _costs(api: APIRouter, central: Central) -> None:
    @api.get("/points/{code}/cost")
    def of_point(_: PointReader, code: Code, since: Annotated[date, Query(alias="from")], until: Annotated[date, Query(alias="to")]) -> CostFigures:
        """What a point cost, by rate and tariff version, in whole fen that sum to the total; by what is known today."""
        with central.pool.connection() as conn:
            point = point_facts(conn, code)
            return point_cost(conn, site_zone(conn), code, point.point_id, point.medium, since, until)

    @api.get("/places/{code}/cost")
    def of_place(
        _: PlaceReader,
        code: Code,
        since: Annotated[date, Query(alias="from")],
        until: Annotated[date, Query(alias="to")],
        medium: Medium = "electricity",
    ) -> CostFigures:
        """What a campus, zone, building or floor cost with everything in it."""
        with central.pool.connection() as conn:
            check_place(conn, code)
            return place_cost(conn, code, medium, since, until)


def _comparisons(api: APIRouter, central: Central) -> None:
    @api.get("/points/{code}/comparison")
    def of_point(_: PointReader, code: Code, mode: Comparing, period: Annotated[str, Query(max_length=10)]) -> Compared:
        """A point's year, month or day beside another one, over the hours known in both; no percentage where too little is known."""
        with central.pool.connection() as conn:
            point = point_facts(conn, code)
            return compare_point(conn, site_zone(conn), code, point.point_id, point.medium, mode, period)

    @api.get("/places/{code}/comparison")
    def of_place(
        _: PlaceReader, code: Code, mode: Comparing, period: Annotated[str, Query(max_length=10)], medium: Medium = "electricity"
    ) -> Compared:
        """A place's year, month or day beside another one."""
        with central.pool.connection() as conn:
            check_place(conn, code)
            return compare_place(conn, site_zone(conn), code, medium, mode, period)

    @api.get("/academic-terms")
    def terms(_: Reader) -> list[AcademicTerm]:
        """Parts of the academic year, for comparisons by week of term."""
        with central.pool.connection() as conn:
            return academic_terms(conn)

    @api.put("/academic-terms")
    def put_terms(who: Manager, given: Annotated[list[AcademicTerm], Body(max_length=100)]) -> None:
        """Write parts of the academic year."""
        with central.pool.connection() as conn:
            put_academic_terms(conn, given)
            audit.record(conn, who.name, "terms.put", f"{len(given)} terms", {"first_days": [str(one.first_day) for one in given]})


def _months(api: APIRouter, central: Central) -> None:
    @api.get("/months/{month}")
    def state(_: SiteReader, month: Month) -> MonthState:
        """How a month stands, and why it could not be closed."""
        with central.pool.connection() as conn:
            return month_state(conn, site_zone(conn), _first(month), _now(central))

    @api.get("/months/{month}/points")
    def figures(_: SiteReader, month: Month) -> list[MonthFigure]:
        """The reported figures of every point that has one."""
        with central.pool.connection() as conn:
            return month_of_points(conn, _first(month), rates=True)

    @api.post("/months/{month}/close")
    def close(
        who: Manager, month: Month, preview: bool = False, force: Annotated[str | None, Query(min_length=1, max_length=500)] = None
    ) -> MonthState:
        """Close a month: its figures stand for ever. `force`: the reason to do so although data is missing."""
        with central.pool.connection() as conn:
            done = close_month(conn, site_zone(conn), _first(month), who.name, _now(central), preview, force)
            if not preview:
                audit.record(conn, who.name, "month.close", month, {"missing": done.missing, "findings": done.findings, "forced": force})
            return done


def _findings(api: APIRouter, central: Central) -> None:
    @api.get("/findings")
    def findings(
        who: Reader,
        open_only: Annotated[bool, Query(alias="open")] = True,
        point: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[Finding]:
        """What the computation could not settle by itself, newest first."""
        with central.pool.connection() as conn:
            return list_findings(conn, open_only, point, limit, who.scope)

    @api.post("/findings/{number}/resolve")
    def resolve(who: FindingManager, number: int, resolution: Annotated[Reason, Body(embed=True)]) -> Finding:
        """Settle a finding by hand; the figures stay as they are."""
        with central.pool.connection() as conn:
            found = resolve_finding(conn, number, f"{who.name}: {resolution}")
            audit.record(conn, who.name, "finding.resolve", found.point or str(number), {"finding": number, "resolution": resolution})
            return found


def _tariffs(api: APIRouter, central: Central) -> None:
    @api.get("/tariffs")
    def tariffs(_: Reader) -> list[TariffVersion]:
        """Every version of every tariff."""
        with central.pool.connection() as conn:
            return tariff_versions(conn)

    @api.put("/tariffs/{tariff}/{valid_from}")
    def put(who: Manager, tariff: Code, valid_from: date, body: Annotated[dict[str, Any], Body()]) -> None:
        """Write a version of a tariff; 422 says where in the body it is wrong, 409 that the day lies in a closed month."""
        with central.pool.connection() as conn:
            put_tariff(conn, site_zone(conn), tariff, valid_from, body, who.name)
            audit.record(conn, who.name, "tariff.put", f"{tariff} {valid_from}", {"body": body})

    @api.get("/calendar-days")
    def calendar(_: Reader) -> list[CalendarDay]:
        """Days that are not what their weekday says."""
        with central.pool.connection() as conn:
            return calendar_days(conn)

    @api.put("/calendar-days")
    def put_days(who: Manager, days: Annotated[list[CalendarDay], Body(max_length=400)]) -> None:
        """Write holidays and workdays; 409 for a day in a closed month."""
        with central.pool.connection() as conn:
            put_calendar_days(conn, site_zone(conn), days)
            audit.record(conn, who.name, "calendar.put", f"{len(days)} days", {"days": [str(one.day) for one in days]})


def _marks(api: APIRouter, central: Central) -> None:
    @api.get("/consumption-marks")
    def marks(who: Reader, point: Annotated[str | None, Query(max_length=64)] = None) -> list[Mark]:
        """Intervals whose readings are held to be filled in."""
        with central.pool.connection() as conn:
            return list_marks(conn, point, who.scope)

    @api.post("/consumption-marks")
    def put(
        who: PartManager, point: Annotated[str, Body(max_length=64)], from_ms: Annotated[int, Body()], to_ms: Annotated[int, Body()], reason: Reason
    ) -> int:
        """Mark an interval; its figures become estimated. Returns the mark's number."""
        with central.pool.connection() as conn:
            check_in_scope(conn, who.scope, About.POINT, point)
            number = put_mark(conn, point, from_ms, to_ms, reason, who.name)
            audit.record(conn, who.name, "mark.put", point, {"mark": number, "from_ms": from_ms, "to_ms": to_ms, "reason": reason})
            return number

    @api.delete("/consumption-marks/{number}")
    def withdraw(who: MarkManager, number: int) -> None:
        """Withdraw a mark."""
        with central.pool.connection() as conn:
            withdraw_mark(conn, number)
            audit.record(conn, who.name, "mark.withdraw", str(number))


def _unit(medium: str) -> str:
    return "L" if medium == "water" else "Wh"


def _first(month: str) -> date:
    return date.fromisoformat(f"{month}-01")


def _now(central: Central) -> datetime:
    return datetime.fromtimestamp(central.clock(), UTC)

"""JSON API of reports: figures of places by part, load, flow and balance; facts of places and items of points; the code dictionaries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, TypeVar

from fastapi import APIRouter, Body, Depends, Path, Query

from central.consumption.days import day_of
from central.consumption.load import site_zone
from central.consumption.report import Item, Step
from central.context import Central
from central.db.pool import Connection
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.reports.areas import by_area
from central.reports.balance import Balance, balances
from central.reports.carbon import Equivalent, equivalents
from central.reports.demand import DemandFigures, Duration, demand, duration
from central.reports.dictionary import BuildingTypes, EnergyClasses, Factor, ItemTree, Mapped, load_dictionary
from central.reports.facts import Fact, PlaceFact, PointItem, place_facts, point_items, put_fact, put_item
from central.reports.flow import FlowFigures, flow
from central.reports.heat import HeatFigures, by_day, by_hour
from central.reports.items import by_energy_item
from central.reports.makers import By, by_maker
from central.reports.model import Beside, Breakdown, Medium
from central.reports.point import PointSeries, point_series
from central.reports.points import MAX_PAGE, PointPage, Sort, by_points
from central.reports.rates import RateFigures, by_rate
from central.reports.series import SeriesFigures, series, usual_step
from central.reports.span import Span, span

T = TypeVar("T")
Reader = Annotated[Principal, Depends(require("reports.read", about=About.PLACE, name="node"))]
Anybody = Annotated[Principal, Depends(require("reports.read", about=About.OWN))]
OfPlace = Annotated[Principal, Depends(require("reports.read", about=About.PLACE))]
OfPoint = Annotated[Principal, Depends(require("reports.read", about=About.POINT))]
PlaceManager = Annotated[Principal, Depends(require("metering.manage", about=About.PLACE))]
PointManager = Annotated[Principal, Depends(require("metering.manage", about=About.POINT))]
Node = Annotated[str, Path(max_length=64)]
Code = Annotated[str, Path(max_length=64)]
Item_ = Annotated[str, Query(max_length=5, pattern=r"^(\d{2}[A-Z](\d([A-Z])?)?)?$")]
Source = Annotated[str, Body(min_length=1, max_length=500)]


@dataclass(frozen=True, slots=True)
class Asked:
    """Local days, both included, and what is measured."""

    first: date
    last: date
    medium: Medium


@dataclass(frozen=True, slots=True)
class Dictionaries:
    """Every code list with its source and validity; `own`: the item tree the site uses."""

    own: str
    classes: EnergyClasses
    trees: list[ItemTree]
    mapping: Mapped
    building_types: BuildingTypes
    factors: list[Factor]


def asked_range(since: Annotated[date, Query(alias="from")], until: Annotated[date, Query(alias="to")], medium: Medium = "electricity") -> Asked:
    """Dependency: what every report is asked for."""
    return Asked(since, until, medium)


Range = Annotated[Asked, Depends(asked_range)]


def router(central: Central) -> APIRouter:
    """Routes below /api/v1. Amounts are integers in base units (Wh, litre), missing ones null; `beside` says what a period is laid beside."""
    api = APIRouter(prefix="/api/v1", tags=["reports"])
    _parts(api, central)
    _time(api, central)
    _network(api, central)
    _facts(api, central)
    _dictionary(api)
    return api


def _parts(api: APIRouter, central: Central) -> None:
    @api.get("/reports/{node}/areas")
    def areas(_: Reader, node: Node, asked: Range, beside: Beside = "none") -> Breakdown:
        """A place by what stands directly below it, with intensities by area and people."""
        return _read(central, asked, lambda conn, period: by_area(conn, period, node, asked.medium, beside))

    @api.get("/reports/{node}/points")
    def points(
        _: Reader,
        node: Node,
        asked: Range,
        beside: Beside = "none",
        sort: Sort = "value",
        descending: bool = True,
        q: Annotated[str, Query(max_length=80)] = "",
        item: Item_ = "",
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    ) -> PointPage:
        """Metering points of a place and below it, ranked, a page at a time."""

        def read(conn: Connection, period: Span) -> PointPage:
            how = {"sort": sort, "descending": descending, "offset": offset, "limit": limit, "q": q, "item": item}
            return by_points(conn, period, node, asked.medium, beside, **how)  # type: ignore[arg-type]  # each is what its name says

        return _read(central, asked, read)

    @api.get("/reports/{node}/items")
    def items(_: Reader, node: Node, asked: Range, within: Item_ = "", beside: Beside = "none") -> Breakdown:
        """A place by energy item, or one item by those below it."""
        return _read(central, asked, lambda conn, period: by_energy_item(conn, period, node, asked.medium, within, beside))

    @api.get("/reports/{node}/makers")
    def makers(_: Reader, node: Node, asked: Range, by: By = "maker", beside: Beside = "none") -> Breakdown:
        """A place by maker or profile of its meters."""
        return _read(central, asked, lambda conn, period: by_maker(conn, period, node, asked.medium, by, beside))

    @api.get("/reports/{node}/rates")
    def rates(_: Reader, node: Node, asked: Range) -> RateFigures:
        """A place's energy and cost by tariff rate; lines sum to the total."""
        return _read(central, asked, lambda conn, period: by_rate(conn, period, node, asked.medium))


def _time(api: APIRouter, central: Central) -> None:
    @api.get("/reports/{node}/series")
    def of_time(_: Reader, node: Node, asked: Range, step: Step | None = None, beside: Beside = "none") -> SeriesFigures:
        """A place over time with its counterpart; without `step` as finely as such a period usually is."""
        return _read(central, asked, lambda conn, period: series(conn, period, node, asked.medium, step or usual_step(period), beside))

    @api.get("/points/{code}/series")
    def of_point(
        _: OfPoint,
        code: Code,
        since: Annotated[date, Query(alias="from")],
        until: Annotated[date, Query(alias="to")],
        step: Step | None = None,
        beside: Beside = "none",
    ) -> PointSeries:
        """A metering point over time with its counterpart; what lies ahead is not due."""

        def read(conn: Connection, period: Span) -> PointSeries:
            return point_series(conn, period, code, step or usual_step(period), beside)

        return _read(central, Asked(since, until, "electricity"), read)

    @api.get("/reports/{node}/hours")
    def hours(_: Reader, node: Node, asked: Range) -> HeatFigures:
        """Days by the hour, at most a year of them."""
        return _read(central, asked, lambda conn, period: by_hour(conn, period, node, asked.medium))

    @api.get("/reports/{node}/calendar/{year}")
    def calendar(_: Reader, node: Node, year: Annotated[int, Path(ge=2000, le=2200)], medium: Medium = "electricity") -> list[Item]:
        """A year by the day."""
        with central.pool.connection() as conn:
            return by_day(conn, year, site_zone(conn), _now_ms(central), node, medium)

    @api.get("/reports/{node}/duration")
    def curve(_: Reader, node: Node, asked: Range) -> Duration:
        """The load duration curve, at most 500 points."""
        return _read(central, asked, lambda conn, period: duration(conn, period, node, asked.medium))

    @api.get("/reports/{node}/demand")
    def peaks(_: Reader, node: Node, asked: Range, top: Annotated[int, Query(ge=1, le=50)] = 10) -> DemandFigures:
        """The highest quarter-hour means with who made them, and the newest one."""
        return _read(central, asked, lambda conn, period: demand(conn, period, node, asked.medium, top))


def _network(api: APIRouter, central: Central) -> None:
    @api.get("/reports/{node}/flow")
    def sankey(_: Reader, node: Node, asked: Range) -> FlowFigures:
        """From the place to energy items to the places below; what cannot be drawn stands apart with its reason."""
        return _read(central, asked, lambda conn, period: flow(conn, period, node, asked.medium))

    @api.get("/reports/{node}/balance")
    def balance(_: Reader, node: Node, asked: Range) -> list[Balance]:
        """Meters beside those below them, over the time in which all are measured."""
        return _read(central, asked, lambda conn, period: balances(conn, period, node, asked.medium))

    @api.get("/reports/{node}/equivalents")
    def coal(_: Reader, node: Node, asked: Range, region: Annotated[str, Query(pattern=r"^[A-Z]{1,3}$")] = "CN") -> list[Equivalent]:
        """Standard coal and carbon dioxide, with the versions of the factors."""
        return _read(central, asked, lambda conn, period: equivalents(conn, period, node, asked.medium, region))


def _facts(api: APIRouter, central: Central) -> None:
    @api.get("/places/{code}/facts")
    def facts(_: OfPlace, code: Code) -> list[PlaceFact]:
        """Area, people, kind of building and the like, with their history."""
        with central.pool.connection() as conn:
            return place_facts(conn, code)

    @api.put("/places/{code}/facts/{fact}")
    def write_fact(
        who: PlaceManager,
        code: Code,
        fact: Fact,
        value: Annotated[int | Annotated[str, Body(max_length=1)] | None, Body()],
        source: Source,
        valid_from: Annotated[date | None, Body()] = None,
    ) -> PlaceFact:
        """Write a fact from a local day on (null: from ever on); a null value: not known from then on."""
        with central.pool.connection() as conn:
            return put_fact(conn, code, fact, value, valid_from, source, who.name, day_of(_now_ms(central), site_zone(conn)))

    @api.get("/points/{code}/items")
    def items(_: OfPoint, code: Code) -> list[PointItem]:
        """The energy items of a point with their history."""
        with central.pool.connection() as conn:
            return point_items(conn, code)

    @api.put("/points/{code}/item")
    def write_item(
        who: PointManager,
        code: Code,
        item: Annotated[str | None, Body(max_length=5)],
        source: Source,
        valid_from: Annotated[date | None, Body()] = None,
    ) -> PointItem:
        """Write a point's energy item from a local day on (null: from ever on)."""
        with central.pool.connection() as conn:
            return put_item(conn, code, item, valid_from, source, who.name, day_of(_now_ms(central), site_zone(conn)))


def _dictionary(api: APIRouter) -> None:
    @api.get("/reports/dictionary")
    def dictionary(_: Anybody) -> Dictionaries:
        """Energy classes, both item trees and how they map, building types, conversion factors."""
        found = load_dictionary()
        trees, factors = list(found.trees.values()), list(found.factors)
        return Dictionaries(found.own.tree, found.classes, trees, found.mapped, found.building_types, factors)


def _read(central: Central, asked: Asked, read: Callable[[Connection, Span], T]) -> T:
    with central.pool.connection() as conn:
        return read(conn, span(asked.first, asked.last, site_zone(conn), _now_ms(central)))


def _now_ms(central: Central) -> int:
    return int(central.clock() * 1000)

"""JSON API of metering: places, devices, values, search, the site plan."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query

from central.context import Central
from central.identity.guard import Principal, require
from central.metering.device import get_device
from central.metering.import_plan import import_site_plan
from central.metering.model import DeviceRow, DeviceView, Hit, LatestValue, Overview, Page, PlaceNode, PlanDiff, Point
from central.metering.overview import site_overview
from central.metering.search import search
from central.metering.tree import MAX_PAGE, ancestors, children, devices_in
from central.metering.values import curve, latest_values
from protocol.errors import ConfigError

Reader = Annotated[Principal, Depends(require("metering.read"))]
Planner = Annotated[Principal, Depends(require("fleet.manage"))]
Code = Annotated[str, Query(max_length=64)]
_MAX_ROWS = 2000  # changes an answer lists one by one; the counts are always whole


def router(central: Central) -> APIRouter:
    """Routes below /api/v1. Times are Unix milliseconds UTC, values integers in the quantity's base unit."""
    api = APIRouter(prefix="/api/v1", tags=["metering"])
    _places(api, central)
    _devices(api, central)
    _plan(api, central)
    return api


def _places(api: APIRouter, central: Central) -> None:
    @api.get("/overview")
    def overview(_: Reader) -> Overview:
        """The site in a dozen numbers."""
        with central.pool.connection() as conn:
            return site_overview(conn)

    @api.get("/places")
    def places(_: Reader, parent: Code | None = None) -> list[PlaceNode]:
        """Places directly below `parent`; without it the roots."""
        with central.pool.connection() as conn:
            return children(conn, parent)

    @api.get("/places/{code}/ancestors")
    def place_ancestors(_: Reader, code: str) -> list[PlaceNode]:
        """The way from the root to the place, both included."""
        with central.pool.connection() as conn:
            return ancestors(conn, code)

    @api.get("/search")
    def find(_: Reader, q: Annotated[str, Query(max_length=100)], limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[Hit]:
        """Places, gateways and devices by code, address or name."""
        with central.pool.connection() as conn:
            return search(conn, q, limit)


def _devices(api: APIRouter, central: Central) -> None:
    @api.get("/devices")
    def devices(
        _: Reader,
        place: Code | None = None,
        recursive: bool = True,
        q: Annotated[str | None, Query(max_length=100)] = None,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    ) -> Page[DeviceRow]:
        """Devices of a place and everything below it; without `place` of the whole site."""
        with central.pool.connection() as conn:
            return devices_in(conn, place, recursive, offset, limit, q)

    @api.get("/devices/{code}")
    def device(_: Reader, code: str) -> DeviceView:
        """One device with its installations; 404 if there never was one."""
        with central.pool.connection() as conn:
            return get_device(conn, code)

    @api.get("/devices/{code}/latest")
    def device_latest(_: Reader, code: str) -> list[LatestValue]:
        """The newest value of every quantity the device has sent."""
        with central.pool.connection() as conn:
            get_device(conn, code)
            return latest_values(conn, code)

    @api.get("/devices/{code}/curve")
    def device_curve(
        _: Reader, code: str, quantity: Code, from_ms: int, to_ms: int, max_points: Annotated[int, Query(ge=2, le=20_000)] = 2000
    ) -> list[Point]:
        """Readings with from_ms <= time < to_ms, thinned to about `max_points` real readings."""
        with central.pool.connection() as conn:
            return curve(conn, code, quantity, from_ms, to_ms, max_points)


def _plan(api: APIRouter, central: Central) -> None:
    @api.put("/site-plan")
    def put_plan(
        who: Planner, plan: Annotated[bytes, Body(media_type="application/yaml")], preview: bool = False, name: Code = "site-plan.yaml"
    ) -> PlanDiff:
        """Bring the registry in line with a plan (YAML), or with `preview` only tell what that would change. 422 lists `name:line: problem`."""
        try:
            text = plan.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError(f"{name}: the plan must be UTF-8 text: {error}") from error
        with central.pool.connection() as conn:
            diff = import_site_plan(conn, text, name, who.name, preview)
        return PlanDiff(diff.created, diff.updated, diff.unchanged, diff.removed, diff.rows[:_MAX_ROWS], diff.preview, diff.version)

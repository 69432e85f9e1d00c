"""JSON API of metering: places, devices, values, search, the site plan."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query
from fastapi.responses import Response

from central.context import Central
from central.db.pool import Connection
from central.identity.guard import Principal, require
from central.identity.scope import About, check_in_scope
from central.metering.attachments import get_attachment, keep_attachment
from central.metering.cancel_replacement import Cancelled, cancel_replacement
from central.metering.change_ratio import Changed, RatioChange, change_ratio
from central.metering.confirm_fall import confirm_fall
from central.metering.correct_ratio import Corrected, Correction, correct_ratio, point_of_stay
from central.metering.device import get_device
from central.metering.device_events import MAX_EVENTS, DeviceEvent, device_events
from central.metering.export_plan import export_site_plan
from central.metering.factors import Factor, factors
from central.metering.freezes import MAX_EACH, Frozen, freezes
from central.metering.import_plan import import_site_plan
from central.metering.model import DeviceRow, DeviceView, Hit, LatestValue, Overview, Page, PlaceNode, PlanDiff, Point
from central.metering.move_point import Move, PointMoved, move_point
from central.metering.overview import site_overview
from central.metering.replace_meter import replace_meter
from central.metering.replacement import Replaced, Swap
from central.metering.replacement_log import Logged, replacements
from central.metering.search import search
from central.metering.tree import MAX_PAGE, ancestors, children, devices_in
from central.metering.values import curve, latest_values
from protocol.errors import ConfigError

SiteReader = Annotated[Principal, Depends(require("metering.read"))]
Reader = Annotated[Principal, Depends(require("metering.read", About.OWN))]
PlaceReader = Annotated[Principal, Depends(require("metering.read", About.PLACE))]
DeviceReader = Annotated[Principal, Depends(require("metering.read", About.DEVICE))]
Manager = Annotated[Principal, Depends(require("metering.manage", About.OWN))]
FindingManager = Annotated[Principal, Depends(require("metering.manage", About.FINDING, "number"))]
ReplacementManager = Annotated[Principal, Depends(require("metering.manage", About.REPLACEMENT, "number"))]
Planner = Annotated[Principal, Depends(require("fleet.manage"))]
Code = Annotated[str, Query(max_length=64)]
Reason = Annotated[str, Body(embed=True, min_length=3, max_length=1000)]
_INERT = {"x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'; sandbox", "cache-control": "private, max-age=86400"}
_MAX_ROWS = 2000  # changes an answer lists one by one; the counts are always whole


def router(central: Central) -> APIRouter:
    """Routes below /api/v1. Times are Unix milliseconds UTC, values integers in the quantity's base unit."""
    api = APIRouter(prefix="/api/v1", tags=["metering"])
    _places(api, central)
    _devices(api, central)
    _plan(api, central)
    _replacements(api, central)
    _corrections(api, central)
    _attachments(api, central)
    return api


def _places(api: APIRouter, central: Central) -> None:
    @api.get("/overview")
    def overview(_: SiteReader) -> Overview:
        """The site in a dozen numbers."""
        with central.pool.connection() as conn:
            return site_overview(conn)

    @api.get("/places")
    def places(who: Reader, parent: Code | None = None) -> list[PlaceNode]:
        """Places directly below `parent`; without it the roots, for who may see a part of the site those of it."""
        with central.pool.connection() as conn:
            if parent is not None:
                check_in_scope(conn, who.scope, About.PLACE, parent)
            return children(conn, parent, who.scope)

    @api.get("/places/{code}/ancestors")
    def place_ancestors(who: PlaceReader, code: str) -> list[PlaceNode]:
        """The way from the root to the place, both included."""
        with central.pool.connection() as conn:
            return ancestors(conn, code, who.scope)

    @api.get("/search")
    def find(who: Reader, q: Annotated[str, Query(max_length=100)], limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[Hit]:
        """Places, gateways and devices by code, address or name."""
        with central.pool.connection() as conn:
            return search(conn, q, limit, who.scope)


def _devices(api: APIRouter, central: Central) -> None:
    @api.get("/devices")
    def devices(
        who: Reader,
        place: Code | None = None,
        recursive: bool = True,
        q: Annotated[str | None, Query(max_length=100)] = None,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    ) -> Page[DeviceRow]:
        """Devices of a place and everything below it; without `place` of the whole site."""
        with central.pool.connection() as conn:
            return devices_in(conn, place, recursive, offset, limit, q, who.scope)

    @api.get("/devices/{code}")
    def device(_: DeviceReader, code: str) -> DeviceView:
        """One device with its installations; 404 if there never was one."""
        with central.pool.connection() as conn:
            return get_device(conn, code)

    @api.get("/devices/{code}/latest")
    def device_latest(_: DeviceReader, code: str) -> list[LatestValue]:
        """The newest value of every quantity the device has sent."""
        with central.pool.connection() as conn:
            get_device(conn, code)
            return latest_values(conn, code)

    @api.get("/devices/{code}/curve")
    def device_curve(
        _: DeviceReader, code: str, quantity: Code, from_ms: int, to_ms: int, max_points: Annotated[int, Query(ge=2, le=20_000)] = 2000
    ) -> list[Point]:
        """Readings with from_ms <= time < to_ms, thinned to about `max_points` real readings."""
        with central.pool.connection() as conn:
            return curve(conn, code, quantity, from_ms, to_ms, max_points)

    @api.get("/devices/{code}/factors")
    def device_factors(_: DeviceReader, code: str) -> list[Factor]:
        """By which factor the device's registers became consumption, stay by stay, with corrections; newest first."""
        with central.pool.connection() as conn:
            return factors(conn, device=code)

    @api.get("/devices/{code}/events")
    def events(_: DeviceReader, code: str, limit: Annotated[int, Query(ge=1, le=MAX_EVENTS)] = 50) -> list[DeviceEvent]:
        """What the device logged and what was noticed about it, newest first."""
        with central.pool.connection() as conn:
            return device_events(conn, code, limit)

    @api.get("/devices/{code}/freezes")
    def device_freezes(_: DeviceReader, code: str, each: Annotated[int, Query(ge=1, le=MAX_EACH)] = 12) -> list[Frozen]:
        """The newest registers the meter froze by itself, `each` of every kind it has sent."""
        with central.pool.connection() as conn:
            return freezes(conn, code, each)


def _plan(api: APIRouter, central: Central) -> None:
    @api.get("/site-plan", response_class=Response, responses={200: {"content": {"application/yaml": {}}}})
    def get_plan(_: Planner) -> Response:
        """The registry as a plan (YAML) that imports without a change. Comments and `rehearsal` of the imported file are not in it."""
        with central.pool.connection() as conn:
            text = export_site_plan(conn)
        return Response(text, media_type="application/yaml", headers={"content-disposition": 'attachment; filename="site-plan.yaml"'})

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


def _replacements(api: APIRouter, central: Central) -> None:
    @api.post("/replacements")
    def post_replacement(who: Manager, swap: Swap, preview: bool = False) -> Replaced:
        """Replace a meter, or with `preview` tell what that would change and what consumption follows. 409 lists what cannot have been so;
        with `confirm` in its details a person may send `confirmed: true`. The same key and request is answered again."""
        with central.pool.connection() as conn:
            _check_swap(conn, who, swap)
            return replace_meter(conn, swap, who.name, _now_ms(central), preview)

    @api.get("/replacements")
    def get_replacements(
        who: Reader, point: Code | None = None, device: Code | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 50
    ) -> list[Logged]:
        """Replacements of a point or device, newest first, undone ones included."""
        with central.pool.connection() as conn:
            return replacements(conn, point, device, limit, who.scope)

    @api.post("/replacements/{number}/cancel")
    def post_cancel(who: ReplacementManager, number: int, reason: Reason, preview: bool = False) -> Cancelled:
        """Undo a replacement entered by mistake, within a day and while nothing else has happened; 409 says what has."""
        with central.pool.connection() as conn:
            return cancel_replacement(conn, number, reason, who.name, _now_ms(central), preview)

    @api.post("/findings/{number}/replacement")
    def post_fall(who: FindingManager, number: int, swap: Swap, preview: bool = False) -> Replaced:
        """Say that a register fell because the meter was replaced; settles the finding."""
        with central.pool.connection() as conn:
            _check_swap(conn, who, swap)
            return confirm_fall(conn, number, swap, who.name, _now_ms(central), preview)


def _corrections(api: APIRouter, central: Central) -> None:
    @api.post("/ratio-corrections")
    def post_correction(who: Manager, correction: Correction, preview: bool = False) -> Corrected:
        """Correct a ratio or meter constant that was wrong during a whole stay. Open reports change, closed months get adjustments."""
        with central.pool.connection() as conn:
            point = correction.point or point_of_stay(conn, correction.installation)
            check_in_scope(conn, who.scope, About.POINT, point)
            return correct_ratio(conn, correction, who.name, _now_ms(central), preview)

    @api.post("/ratio-changes")
    def post_change(who: Manager, change: RatioChange, preview: bool = False) -> Changed:
        """Transformers were changed at an instant: the stay ends there and another one of the same meter begins."""
        with central.pool.connection() as conn:
            check_in_scope(conn, who.scope, About.POINT, change.point)
            return change_ratio(conn, change, who.name, _now_ms(central), preview)

    @api.post("/point-moves")
    def post_move(who: Manager, move: Move, preview: bool = False) -> PointMoved:
        """Hang a point elsewhere from a day of an open month on; what was before that day stays."""
        with central.pool.connection() as conn:
            check_in_scope(conn, who.scope, About.POINT, move.point)
            if move.place is not None:
                check_in_scope(conn, who.scope, About.PLACE, move.place)
            return move_point(conn, move, who.name, _now_ms(central), preview)


def _attachments(api: APIRouter, central: Central) -> None:
    @api.post("/attachments")
    def post_attachment(who: Manager, content: Annotated[bytes, Body(media_type="application/octet-stream")]) -> dict[str, str]:
        """Keep a photo (the body: JPEG, PNG or WebP, at most 8 MiB); answers its SHA-256, by which replacements name it."""
        with central.pool.connection() as conn:
            return {"sha256": keep_attachment(conn, content, who.name)}

    @api.get("/attachments/{sha256}", response_class=Response, responses={200: {"content": {"image/*": {}}}})
    def attachment(_: Reader, sha256: str) -> Response:
        """A photo as it was sent."""
        with central.pool.connection() as conn:
            found = get_attachment(conn, sha256)
        safe = {
            "x-content-type-options": "nosniff",
            "content-security-policy": "default-src 'none'; sandbox",
            "cache-control": "private, max-age=86400",
        }
        return Response(found.content, media_type=found.media_type, headers=safe)


def _check_swap(conn: Connection, who: Principal, swap: Swap) -> None:
    """What a replacement names must lie in the asker's scope, the old meter and the point alike."""
    if swap.point is not None:
        check_in_scope(conn, who.scope, About.POINT, swap.point)
    if swap.device is not None:
        check_in_scope(conn, who.scope, About.DEVICE, swap.device)


def _now_ms(central: Central) -> int:
    return int(central.clock() * 1000)

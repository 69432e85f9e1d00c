"""JSON API of completeness: a day by site, gateway, place or device; a series hour by hour; gateways' sequences and their gaps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from central.completeness.communication import Communication, communication
from central.completeness.days import MAX_ROWS, By, completeness
from central.completeness.hours import Profiles, series_hours
from central.completeness.model import Completeness, SeriesHours
from central.context import Central
from central.db.pool import Connection
from central.fleet.gaps import GapRow, SequenceView, gateway_sequence, list_gaps
from central.fleet.gateways import get_gateway
from central.identity.guard import Principal, require
from central.identity.scope import About, Scope, check_in_scope
from central.metering.model import Page
from central.metering.tree import place_exists
from protocol.errors import Refused

Reader = Annotated[Principal, Depends(require("metering.read", About.OWN))]
DeviceReader = Annotated[Principal, Depends(require("metering.read", About.DEVICE))]
GatewayReader = Annotated[Principal, Depends(require("fleet.read", About.GATEWAY))]
GapReader = Annotated[Principal, Depends(require("fleet.read", About.GATEWAY, "gateway"))]
Code = Annotated[str, Query(max_length=64)]
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class DayAnswer:
    """Completeness with its rates spelled out: basis points (1/100 %), null where nothing was due."""

    code: str
    name_zh: str
    name_en: str
    devices: int
    due: int
    measured: int
    made_up: int
    missing: int
    measured_bp: int | None
    with_made_up_bp: int | None
    looked_ms: int | None


def router(central: Central, profiles: Profiles) -> APIRouter:
    """Routes `/api/v1/completeness`, `/api/v1/devices/{code}/gaps|communication`, `/api/v1/gateways/{code}/sequence` and `/api/v1/gaps`."""
    api = APIRouter(prefix="/api/v1", tags=["completeness"])
    _readings(api, central, profiles)
    _messages(api, central)
    return api


def _readings(api: APIRouter, central: Central, profiles: Profiles) -> None:
    @api.get("/completeness")
    def day_completeness(
        who: Reader,
        day: date | None = None,
        by: By = By.SITE,
        within: Code | None = None,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = MAX_ROWS,
    ) -> list[DayAnswer]:
        """A local day (default today, up to now). `within`: a gateway, a parent place, or for devices either of them. Who may see a part of the site
        only must say within what."""
        with central.pool.connection() as conn:
            if who.scope is not None:
                _check_within(conn, who.scope, by, within)
            return [_answer(row) for row in completeness(conn, day, by, int(central.clock() * 1000), within, offset, limit)]

    @api.get("/devices/{code}/gaps")
    def device_gaps(_: DeviceReader, code: str, quantity: Code | None = None, from_ms: int | None = None, to_ms: int | None = None) -> SeriesHours:
        """What was due and what there is, hour by hour; without times the last seven days, without a quantity the register that counts."""
        now_ms = int(central.clock() * 1000)
        upto_ms = now_ms if to_ms is None else to_ms
        with central.pool.connection() as conn:
            return series_hours(conn, profiles, code, quantity, upto_ms - 7 * _DAY_MS if from_ms is None else from_ms, upto_ms, now_ms)

    @api.get("/devices/{code}/communication")
    def device_communication(_: DeviceReader, code: str) -> Communication:
        """How the device is heard: its newest reading, when the next is due, the last seven days, what its gateway tells of exchanges with it."""
        with central.pool.connection() as conn:
            return communication(conn, profiles, code, int(central.clock() * 1000))


def _messages(api: APIRouter, central: Central) -> None:
    @api.get("/gateways/{code}/sequence")
    def sequence(_: GatewayReader, code: str) -> SequenceView:
        """What has come of a gateway's numbered messages, epoch by epoch, and its newest gaps; 404 if the plan has none of this code."""
        with central.pool.connection() as conn:
            get_gateway(conn, code)
            return gateway_sequence(conn, code)

    @api.get("/gaps")
    def gaps(
        _: GapReader,
        gateway: Code | None = None,
        state: Literal["open", "filled", "lost"] | None = None,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Page[GapRow]:
        """Gaps in what gateways sent, newest first."""
        with central.pool.connection() as conn:
            return list_gaps(conn, gateway, state, offset, limit)


def _check_within(conn: Connection, scope: Scope, by: By, within: str | None) -> None:
    if within is None or by is By.SITE:
        raise Refused("this account may see a part of the site only; name a gateway or place of it as `within`", problem="whole_site")
    about = About.PLACE if by is By.PLACE or place_exists(conn, within) else About.GATEWAY
    check_in_scope(conn, scope, about, within)


def _answer(row: Completeness) -> DayAnswer:
    names = (row.code, row.name_zh, row.name_en, row.devices)
    return DayAnswer(*names, row.due, row.measured, row.made_up, row.missing, row.measured_bp, row.with_made_up_bp, row.looked_ms)

"""JSON API of what the rules say: leaks and their evidence, known use, water meters' health, rises, habits, data faults."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Path, Query

from central.analytics.faults import data_faults
from central.analytics.health import HealthAsked, meter_health, water_fleet, water_health
from central.analytics.known_use import accept_known_use
from central.analytics.leaks import Evidence, LeakSums, get_leak, judged_nights, leak_evidence, leak_sums, list_leaks
from central.analytics.model import (
    FaultRow,
    Fleet,
    HealthRow,
    Judged,
    LeakRow,
    LeakState,
    Medium,
    MeterHealth,
    MeterState,
    RiseRow,
    ShapeRow,
    StoppedRow,
)
from central.analytics.rises import stopped_points, top_rises
from central.analytics.shapes import load_shapes
from central.consumption.days import day_of
from central.consumption.load import site_zone
from central.context import Central
from central.db.pool import Connection
from central.identity.guard import Principal, require
from central.identity.scope import About, check_in_scope
from central.metering.model import Page
from protocol.errors import NotFound

Reader = Annotated[Principal, Depends(require("metering.read", about=About.OWN))]
DeviceReader = Annotated[Principal, Depends(require("metering.read", about=About.DEVICE))]
PointReader = Annotated[Principal, Depends(require("metering.read", about=About.POINT))]
AlarmManager = Annotated[Principal, Depends(require("alarms.manage", about=About.OWN))]
Code = Annotated[str, Path(max_length=64)]
Node = Annotated[str | None, Query(max_length=64, description="a place, with everything below it; absent: all the asker may see")]
Number = Annotated[int, Path(ge=1, lt=1 << 63)]
Limit = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
Flag = Literal["low_battery", "valve_fault", "leak", "burst", "reverse_flow", "magnetic_tamper", "cover_open", "weak_signal"]
_NIGHTS = 30


@dataclass(frozen=True, slots=True)
class KnownUseRequest:
    """What is accepted: everything that flows, or at least `floor_l_day` (litres a day), with the reason."""

    reason: Annotated[str, Body(min_length=3, max_length=500)]
    floor_l_day: Annotated[int | None, Body(ge=1, le=10**9)] = None


def router(central: Central) -> APIRouter:
    """Routes below /api/v1. Flows are litres a day, money is fen, amounts are in base units, days are the site's local ones."""
    api = APIRouter(prefix="/api/v1", tags=["analytics"])
    _leaks(api, central)
    _health(api, central)
    _waste(api, central)
    return api


def _leaks(api: APIRouter, central: Central) -> None:
    @api.get("/water/leaks")
    def leaks(principal: Reader, node: Node = None, state: LeakState = "open", offset: Offset = 0, limit: Limit = 100) -> Page[LeakRow]:
        """Water that flows all night: open leaks by what they lose, then past ones, the newest first."""
        with central.pool.connection() as conn:
            _check_node(conn, principal, node)
            return list_leaks(conn, principal.scope, node, state, offset, limit)

    @api.get("/water/leak-sums")
    def sums(principal: Reader, node: Node = None) -> LeakSums:
        """How many leaks are open and what they lose and cost together."""
        with central.pool.connection() as conn:
            _check_node(conn, principal, node)
            return leak_sums(conn, principal.scope, node)

    @api.get("/water/leaks/{number}")
    def leak(principal: Reader, number: Number) -> Evidence:
        """One leak with the nights that speak for it; 404 outside the asker's scope, or when later readings have spoken against it."""
        with central.pool.connection() as conn:
            return leak_evidence(conn, get_leak(conn, principal.scope, number))

    @api.post("/water/leaks/{number}/known-use")
    def known_use(who: AlarmManager, number: Number, request: KnownUseRequest) -> LeakRow:
        """Accept what flows as known use: the leak is closed, and from the next night on only what is above it counts. 409 for one that is over."""
        with central.pool.connection() as conn:
            now_ms = int(central.clock() * 1000)
            return accept_known_use(conn, site_zone(conn), who.scope, number, request.reason, who.name, now_ms, request.floor_l_day)

    @api.get("/points/{code}/nights")
    def nights(_: PointReader, code: Code, days: Annotated[int, Query(ge=1, le=400)] = _NIGHTS) -> list[Judged]:
        """A water point's last nights, each with its least flow and what was said of it; empty for a point that has none."""
        with central.pool.connection() as conn:
            today = day_of(int(central.clock() * 1000), site_zone(conn))
            return list(judged_nights(conn, "point", code, today - timedelta(days=days - 1), today))


def _health(api: APIRouter, central: Central) -> None:
    @api.get("/water/health")
    def health(
        principal: Reader,
        node: Node = None,
        state: MeterState | None = None,
        flag: Flag | None = None,
        maker: Annotated[str, Query(max_length=64)] = "",
        offset: Offset = 0,
        limit: Limit = 100,
    ) -> Page[HealthRow]:
        """Water meters, by themselves or on a line: last and next report, battery and its forecast, signal, valve, flags. Those not heard first."""
        with central.pool.connection() as conn:
            _check_node(conn, principal, node)
            asked = HealthAsked(node or "", state or "", maker, flag or "")
            return water_health(conn, principal.scope, asked, central.clock(), offset, limit)

    @api.get("/water/fleet")
    def fleet(principal: Reader, node: Node = None) -> Fleet:
        """The same meters counted."""
        with central.pool.connection() as conn:
            _check_node(conn, principal, node)
            return water_fleet(conn, principal.scope, node, central.clock())

    @api.get("/water/health/{code}")
    def one_meter(_: DeviceReader, code: Code) -> MeterHealth:
        """One water meter with the daily least voltages of its battery and what they foretell; 404 for a device that is no water meter."""
        with central.pool.connection() as conn:
            found = meter_health(conn, code, central.clock())
        if found is None:
            raise NotFound(f"there is no water meter {code!r} on the plan")
        return found


def _waste(api: APIRouter, central: Central) -> None:
    @api.get("/analytics/rises")
    def rises(principal: Reader, node: Node = None, medium: Medium = "electricity", limit: Limit = 20) -> list[RiseRow]:
        """Points that used more in the last complete week than in the mean of the four before; only where 95 % of both is known."""
        with central.pool.connection() as conn:
            _check_node(conn, principal, node)
            return top_rises(conn, principal.scope, node, limit, medium)

    @api.get("/analytics/stopped")
    def stopped(principal: Reader, node: Node = None, limit: Limit = 20) -> list[StoppedRow]:
        """Points that are read and used nothing for a week, though they did before."""
        with central.pool.connection() as conn:
            _check_node(conn, principal, node)
            return stopped_points(conn, principal.scope, node, limit)

    @api.get("/analytics/habits")
    def habits(principal: Reader, node: Node = None, medium: Medium = "electricity", offset: Offset = 0, limit: Limit = 100) -> list[ShapeRow]:
        """Places' night and weekend ratios of the last complete week beside their own eight weeks before."""
        with central.pool.connection() as conn:
            _check_node(conn, principal, node)
            return load_shapes(conn, principal.scope, node, medium, offset, limit)

    @api.get("/analytics/data-faults")
    def faults(principal: Reader, node: Node = None, limit: Limit = 100) -> list[FaultRow]:
        """Open findings that speak against the data: filled rows, jumps, falls; the newest first."""
        with central.pool.connection() as conn:
            _check_node(conn, principal, node)
            return data_faults(conn, principal.scope, node, limit)


def _check_node(conn: Connection, principal: Principal, node: str | None) -> None:
    """Raise NotFound for a node outside the asker's scope; lists filter by the scope besides."""
    if node:
        check_in_scope(conn, principal.scope, About.PLACE, node)

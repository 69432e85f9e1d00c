"""JSON API of meters that report by themselves: the webhook of vendor platforms, lists, commands."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request

from central.context import Central
from central.identity.guard import Principal, require
from central.identity.scope import About
from central.iot.commands import CommandRequest, cancel_command, create_command, list_commands
from central.iot.meters import MAX_ROWS, get_meter, list_meters
from central.iot.model import Command, CommandState, MeterRow, MeterState, MeterView
from central.iot.signature import Signed
from central.iot.webhook import MAX_BODY_BYTES, receive
from central.metering.model import Page
from protocol.errors import MessageError

Reader = Annotated[Principal, Depends(require("metering.read", About.OWN))]
DeviceReader = Annotated[Principal, Depends(require("metering.read", About.DEVICE, "device"))]
Operator = Annotated[Principal, Depends(require("control.operate", About.DEVICE, "device"))]
Canceller = Annotated[Principal, Depends(require("control.operate", About.IOT_COMMAND, "number"))]
Code = Annotated[str, Query(max_length=64)]
Limit = Annotated[int, Query(ge=1, le=MAX_ROWS)]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]
Number = Annotated[int, Query(ge=1, lt=1 << 63)]
Attention = Literal["low_battery", "weak_signal", "valve_fault", "leak", "burst", "reverse_flow", "magnetic_tamper", "cover_open"]


def router(central: Central) -> APIRouter:
    """Routes below /api/v1/iot. Times are Unix milliseconds UTC, values integers in the quantity's base unit."""
    api = APIRouter(prefix="/api/v1/iot", tags=["iot"])
    _reports(api, central)
    _meters(api, central)
    _commands(api, central)
    return api


async def signed_body(request: Request) -> bytes:
    """Dependency: the body as it was sent, for its signature; no more of it is read than a body may have."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise MessageError(f"the body is larger than {MAX_BODY_BYTES} bytes; send fewer reports in one request")
    return bytes(body)


def _reports(api: APIRouter, central: Central) -> None:
    @api.post("/reports/{source}")
    def post_reports(
        source: str,
        body: Annotated[bytes, Depends(signed_body)],
        x_ce_timestamp: Annotated[str | None, Header()] = None,
        x_ce_nonce: Annotated[str | None, Header()] = None,
        x_ce_signature: Annotated[str | None, Header()] = None,
    ) -> dict[str, Any]:
        """Reports of a vendor's platform, signed with its secret instead of a session or token (docs/iot-meters.md). One result a report."""
        signed = Signed(x_ce_timestamp, x_ce_nonce, x_ce_signature)
        return {"results": receive(central.pool, central.settings.iot.secrets_dir, source, signed, body, central.clock())}


def _meters(api: APIRouter, central: Central) -> None:
    @api.get("/meters")
    def meters(
        who: Reader, state: MeterState | None = None, attention: Attention | None = None, offset: Offset = 0, limit: Limit = 100
    ) -> Page[MeterRow]:
        """Meters in the plan's order, with their last report, battery, signal and state."""
        with central.pool.connection() as conn:
            return list_meters(conn, _now_ms(central), [state] if state else None, attention, offset, limit, scope=who.scope)

    @api.get("/silent")
    def silent(who: Reader, offset: Offset = 0, limit: Limit = 100) -> Page[MeterRow]:
        """Meters that are late, silent or were never heard, those longest overdue first."""
        with central.pool.connection() as conn:
            return list_meters(conn, _now_ms(central), ["late", "silent", "never"], None, offset, limit, overdue_first=True, scope=who.scope)

    @api.get("/meters/{device}")
    def meter(_: DeviceReader, device: str) -> MeterView:
        """One meter with its newest reports, as they came, and its commands."""
        with central.pool.connection() as conn:
            return get_meter(conn, device, _now_ms(central))


def _commands(api: APIRouter, central: Central) -> None:
    @api.post("/meters/{device}/commands")
    def post_command(who: Operator, device: str, request: CommandRequest) -> Command:
        """Queue a command until the meter reports. It is confirmed only by what a later report shows; the same key is the same command."""
        with central.pool.connection() as conn:
            return create_command(conn, device, request, who.name, _now_ms(central))

    @api.get("/commands")
    def commands(
        _: DeviceReader, device: Code | None = None, state: CommandState | None = None, before: Number | None = None, limit: Limit = 100
    ) -> list[Command]:
        """Commands newest first; `before`: older than this number."""
        with central.pool.connection() as conn:
            return list_commands(conn, device, state, before, limit)

    @api.post("/commands/{number}/cancel")
    def post_cancel(who: Canceller, number: int) -> Command:
        """Take back a command that no meter has been given yet; 409 when one has."""
        with central.pool.connection() as conn:
            return cancel_command(conn, number, who.name, _now_ms(central))


def _now_ms(central: Central) -> int:
    return int(central.clock() * 1000)

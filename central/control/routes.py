"""JSON API of commands: read a device now, switch it, look at its raw frames, follow a command to its result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query

from central.context import Central
from central.control import issue
from central.control.listing import MAX_ROWS, frames_of_device, frames_of_line, get_command, list_commands
from central.control.model import Command, FramesView, SwitchPreview
from central.identity.guard import Principal, require
from central.identity.scope import About
from protocol.profile import AnyProfile

DeviceReader = Annotated[Principal, Depends(require("metering.read", About.DEVICE))]
ReadNow = Annotated[Principal, Depends(require("metering.read_now", About.DEVICE))]
Operator = Annotated[Principal, Depends(require("control.operate", About.DEVICE))]
CommandReader = Annotated[Principal, Depends(require("metering.read", About.COMMAND, "command"))]
GatewayReader = Annotated[Principal, Depends(require("fleet.read", About.GATEWAY))]
GatewayReadNow = Annotated[Principal, Depends(require("metering.read_now", About.GATEWAY))]
Code = Annotated[str, Path(max_length=64)]
CommandId = Annotated[str, Path(max_length=36)]
Before = Annotated[int | None, Query(ge=0, lt=1 << 43)]
Limit = Annotated[int, Query(ge=1, le=MAX_ROWS)]
IdempotencyKey = Annotated[str | None, Header(min_length=8, max_length=100, pattern=r"^[\x21-\x7e]+$")]


def router(central: Central, profiles: Mapping[str, AnyProfile]) -> APIRouter:
    """Routes below /api/v1. Times are Unix milliseconds UTC, values integers in the quantity's base unit."""
    api = APIRouter(prefix="/api/v1", tags=["control"])
    _reads(api, central)
    _switches(api, central, profiles)
    _frames(api, central)
    return api


def _reads(api: APIRouter, central: Central) -> None:
    @api.post("/devices/{code}/read")
    def post_read(who: ReadNow, code: Code, request: issue.ReadRequest) -> Command:
        """Read a device now; follow the answered command until it is settled. What is read is stored and shown like every other reading."""
        with central.pool.connection() as conn:
            return issue.ask_read(conn, code, request, who.name, _now_ms(central))

    @api.get("/commands/{command}")
    def command(_: CommandReader, command: CommandId) -> Command:
        """One command: its state, its evidence, its history."""
        with central.pool.connection() as conn:
            return get_command(conn, command)

    @api.get("/devices/{code}/commands")
    def commands(_: DeviceReader, code: Code, before_ms: Before = None, limit: Limit = 50) -> list[Command]:
        """Commands to a device, newest first, without raw frames; `before_ms`: asked for before this."""
        with central.pool.connection() as conn:
            return list_commands(conn, code, before_ms, limit)


def _switches(api: APIRouter, central: Central, profiles: Mapping[str, AnyProfile]) -> None:
    @api.post("/devices/{code}/switch")
    def post_switch(
        who: Operator, code: Code, request: issue.SwitchRequest, idempotency_key: IdempotencyKey = None, preview: bool = False
    ) -> Command | SwitchPreview:
        """Carry out one of the profile's commands, proved by a reading. `preview`: only say what would be switched and what the device shows."""
        with central.pool.connection() as conn:
            if preview:
                return issue.preview_switch(conn, profiles, code, request.command)
            keyed = request if request.key is not None else request.model_copy(update={"key": idempotency_key})
            return issue.ask_switch(conn, profiles, code, keyed, who.name, _now_ms(central))


def _frames(api: APIRouter, central: Central) -> None:
    @api.get("/devices/{code}/frames")
    def frames(_: DeviceReader, code: Code) -> FramesView:
        """The device's raw exchanges as they were fetched last, passwords blanked."""
        with central.pool.connection() as conn:
            return frames_of_device(conn, code)

    @api.post("/devices/{code}/frames")
    def post_frames(who: ReadNow, code: Code, request: issue.FramesRequest) -> Command:
        """Fetch the device's last raw exchanges from its gateway; they are kept there since the agent's start, some hundred a line."""
        with central.pool.connection() as conn:
            return issue.ask_frames(conn, code, request, who.name, _now_ms(central))

    @api.get("/gateways/{code}/lines/{line}/frames")
    def line_frames(_: GatewayReader, code: Code, line: Code) -> FramesView:
        """A whole line's raw exchanges as they were fetched last."""
        with central.pool.connection() as conn:
            return frames_of_line(conn, code, line)

    @api.post("/gateways/{code}/lines/{line}/frames")
    def post_line_frames(who: GatewayReadNow, code: Code, line: Code, request: issue.FramesRequest) -> Command:
        """Fetch a whole line's last raw exchanges."""
        with central.pool.connection() as conn:
            return issue.ask_line_frames(conn, code, line, request, who.name, _now_ms(central))


def _now_ms(central: Central) -> int:
    return int(central.clock() * 1000)

"""`GET /live?devices=a,b`: server-sent events with the newest values, first all of them, then what changes.

    event: values   data: {"device": code, "values": [{"quantity", "text", "exact", "raw", "at_ms", "quality"}, ...]}
    event: bye      the session ended; the page reloads and lands on the login page
    : alive         every KEEPALIVE_S, so that proxies and browsers see a living connection

A reconnect needs no memory on either side: it starts with a full snapshot again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from central.context import Central
from central.db.statements import load_statements
from central.identity import cookies
from central.identity.guard import Principal, require, session_principal
from central.identity.scope import About
from central.metering.model import LatestValue
from central.metering.values import latest_values
from central.web.display import exact, quality_class, raw
from central.web.hub import MAX_DEVICES, Hub, Snapshot, Stream
from central.web.render import Renderer, language_of
from protocol.errors import ConfigError, NotFound, StorageBusy
from protocol.quantities import QUANTITIES, Quantity

_SQL = load_statements("central.web")
KEEPALIVE_S = 15.0
_RECHECK_BEATS = 4  # keep-alives between two looks at the session
_RETRY_MS = 3000
_PERMISSION = "metering.read"
Shown = Callable[[Quantity, int], str]


def router() -> APIRouter:
    """The live route."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/live")
    async def live(request: Request, codes: Annotated[frozenset[str], Depends(watched_devices)]) -> StreamingResponse:
        hub: Hub = request.app.state.hub
        if hub.full:
            raise StorageBusy("too many live pages are open; try again later")
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(_events(hub, codes, _shown(request), _still_allowed(request)), media_type="text/event-stream", headers=headers)

    return routes


def watched_devices(request: Request, devices: str, principal: Annotated[Principal, Depends(require(_PERMISSION, About.OWN))]) -> frozenset[str]:
    """Dependency: the devices asked for, after checking that each exists and may be seen."""
    codes = frozenset(code for code in devices.split(",") if code)
    if not 1 <= len(codes) <= MAX_DEVICES:
        raise ConfigError(f"a live stream watches 1 to {MAX_DEVICES} devices, got {len(codes)}")
    central: Central = request.app.state.central
    with central.pool.connection() as conn:
        known = {row[0] for row in conn.execute(_SQL["known_devices"], {"codes": sorted(codes), "scope": principal.scope})}
    if unknown := sorted(codes - known):
        raise NotFound(f"there is no device {unknown[0]!r}", devices=unknown)
    return codes


def fetch_latest(central: Central, codes: Sequence[str]) -> Snapshot:
    """Newest values of each device, for the hub; blocking."""
    with central.pool.connection() as conn:
        return {code: latest_values(conn, code) for code in codes}


async def _events(hub: Hub, codes: frozenset[str], shown: Shown, still_allowed: Callable[[], bool]) -> AsyncIterator[bytes]:
    yield b"retry: %d\n\n" % _RETRY_MS
    beats = 0
    async with hub.stream(codes) as stream:
        while True:
            for code, values in hub.take(stream).items():
                yield _event(code, values, shown)
            if await _woken(stream):
                continue
            beats += 1
            yield b": alive\n\n"
            if beats % _RECHECK_BEATS == 0 and not await asyncio.to_thread(still_allowed):
                yield b"event: bye\ndata: {}\n\n"
                return


async def _woken(stream: Stream) -> bool:
    """Whether something changed before the next keep-alive is due."""
    try:
        await asyncio.wait_for(stream.woken.wait(), KEEPALIVE_S)
    except TimeoutError:
        return False
    return True


def _still_allowed(request: Request) -> Callable[[], bool]:
    """Looks again whether the session lives and may read; programs with a token are checked when they reconnect."""

    def check() -> bool:
        if "authorization" in request.headers:
            return True
        principal = session_principal(request, cookies.session_secret(request), touch=False)
        return principal is not None and _PERMISSION in principal.permissions

    return check


def _shown(request: Request) -> Shown:
    """Values in the words of the reader's language."""
    renderer: Renderer = request.app.state.renderer
    return partial(renderer.shown, language_of(request))


def _event(code: str, values: Sequence[LatestValue], shown: Shown) -> bytes:
    known = [_value(value, shown) for value in values if value.quantity in QUANTITIES]
    return b"event: values\ndata: " + orjson.dumps({"device": code, "values": known}) + b"\n\n"


def _value(value: LatestValue, shown: Shown) -> dict[str, object]:
    quantity = QUANTITIES[value.quantity]
    return {
        "quantity": value.quantity,
        "text": shown(quantity, value.value),
        "exact": exact(quantity, value.value),
        "raw": raw(quantity, value.value),
        "at_ms": value.measured_at_ms,
        "quality": quality_class(value.quality),
    }

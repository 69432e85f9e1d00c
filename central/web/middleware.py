"""What every answer gets, whatever route made it: a request id, security headers, a size limit on the way in."""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections.abc import Callable

import orjson
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from central.web.limits import Limits, asker
from protocol.errors import TooManyTries

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 16 << 20  # a site plan of the reference site is about 3 MiB

# No inline script or style anywhere, so no nonce is needed. ECharts draws on canvas and sets styles through the DOM, which style-src does not
# govern; its tooltips use canvas text instead of HTML. htmx is told not to add its style element.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_HSTS = "max-age=31536000"


class Frame:
    """ASGI middleware around the whole application. `https`: whether people reach it by https. `unexpected` makes the answer to a bug, `refused` the
    one to who asks too often.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        https: bool,
        unexpected: Callable[[Request, Exception], Response],
        refused: Callable[[Request, Exception], Response],
        limits: Limits,
    ) -> None:
        self._app = app
        self._unexpected, self._refused, self._limits = unexpected, refused, limits
        self._headers = {**_HEADERS, "strict-transport-security": _HSTS} if https else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(6)
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.monotonic()
        answering = False

        async def framed(message: Message) -> None:
            nonlocal answering
            if message["type"] == "http.response.start":
                answering = True
                self._dress(MutableHeaders(scope=message), request_id)
                _note(scope, message["status"], started, request_id)
            await send(message)

        if _declared_bytes(scope) > MAX_BODY_BYTES:
            await _refuse_size(framed, request_id)
            return
        if wait_s := self._wait_s(scope):
            error = TooManyTries("too many requests at once; slow down and try again", wait_s=math.ceil(wait_s))
            await self._refused(Request(scope), error)(scope, receive, framed)
            return
        body = _Counted(receive)
        answer = body.refusing(framed, request_id)
        try:
            await self._app(scope, body, answer)
        except Exception as error:
            if answering:
                raise  # too late for another answer; the server logs it and closes the connection
            await self._unexpected(Request(scope), error)(scope, receive, answer)

    def _wait_s(self, scope: Scope) -> float:
        """Static files are not counted: one page asks for a dozen of them."""
        if scope["path"].startswith("/static/"):
            return 0.0
        headers = {name: value.decode("latin-1") for name, value in ((bytes(n).decode("latin-1"), v) for n, v in scope["headers"])}
        address = scope["client"][0] if scope.get("client") else ""
        return self._limits.wait_s(asker(headers, headers.get("cookie", ""), address), address)

    def _dress(self, headers: MutableHeaders, request_id: str) -> None:
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        headers["x-request-id"] = request_id
        headers.setdefault("cache-control", "no-store")


def _declared_bytes(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else MAX_BODY_BYTES + 1
    return 0


class _Counted:
    """A body sent in chunks declares no length; past the limit it ends for the application like a broken connection, for the sender with a 413."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = MAX_BODY_BYTES

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        return {"type": "http.disconnect"} if self._left < 0 else message

    def refusing(self, send: Send, request_id: str) -> Send:
        """`send`, but whatever the application makes of the broken body, the answer is the 413."""
        refused = False

        async def answer(message: Message) -> None:
            nonlocal refused
            if self._left < 0 and message["type"] == "http.response.start":
                refused = True
                await _refuse_size(send, request_id)
            elif not refused:
                await send(message)

        return answer


async def _refuse_size(send: Send, request_id: str) -> None:
    log.warning("request body passes %d bytes; refused id=%s", MAX_BODY_BYTES, request_id)
    message = f"the request body is larger than the {MAX_BODY_BYTES} bytes this server accepts"
    body = {"error": {"code": "request.too_large", "message": message, "details": {}, "request_id": request_id}}
    await send({"type": "http.response.start", "status": 413, "headers": [(b"content-type", b"application/json"), (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": orjson.dumps(body)})


def _note(scope: Scope, status: int, started: float, request_id: str) -> None:
    """One line a request, without query strings: they may hold what people searched for."""
    waited_ms = int((time.monotonic() - started) * 1000)
    log.info("%s %s %d %d ms id=%s", scope["method"], scope["path"], status, waited_ms, request_id)

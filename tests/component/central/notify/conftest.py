"""Other sides that really answer: a mail server, and a small strict robot that knows the makers' rules."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

SECRET = "SEC0123456789abcdef"


@dataclass
class Robot:
    """`url`: where it listens; `took`: texts or events it accepted; `slow_down`: how many posts it still answers with its limit."""

    url: str = ""
    took: list[Any] = field(default_factory=list)
    slow_down: int = 0
    status: int = 200

    def answer(self, path: str, body: bytes, headers: Any) -> tuple[int, dict[str, Any]]:
        """What the makers' servers answer."""
        parts = urlsplit(path)
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        document = json.loads(body)
        if self.status != 200:
            return self.status, {}
        if parts.path == "/hook":
            return self.hook(document, body, headers)
        return 200, self.robot(parts.path, asked, document)

    def hook(self, document: Any, body: bytes, headers: Any) -> tuple[int, dict[str, Any]]:
        """A receiver of webhooks that checks marks."""
        mark = hmac.new(SECRET.encode(), f"{headers['x-ce-timestamp']}.".encode() + body, hashlib.sha256).hexdigest()
        if headers["x-ce-signature"] != f"sha256={mark}":
            return 401, {"error": "signature"}
        self.took += [(document["id"], event["change"]) for event in document["events"]]
        return 200, {"ok": True}

    def robot(self, path: str, asked: dict[str, str], document: Any) -> dict[str, Any]:
        """A group robot."""
        if self.slow_down:
            self.slow_down -= 1
            return {"errcode": 45009 if path == "/wecom" else 130101, "errmsg": "limit"}
        if path == "/wecom" and asked.get("key") != "K":
            return {"errcode": 93000, "errmsg": "invalid webhook url"}
        if path == "/dingtalk":
            mark = hmac.new(SECRET.encode(), f"{asked['timestamp']}\n{SECRET}".encode(), hashlib.sha256).digest()
            if base64.b64encode(mark).decode() != asked["sign"] or abs(int(asked["timestamp"]) - time.time() * 1000) > 3_600_000:
                return {"errcode": 310000, "errmsg": "sign not match"}
        self.took.append(document["text"]["content"])
        return {"errcode": 0, "errmsg": "ok"}


@pytest.fixture
def robot() -> Iterator[Robot]:
    """A robot on loopback."""
    played = Robot()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, answer = played.answer(self.path, body, self.headers)
            packed = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(packed)))
            self.end_headers()
            self.wfile.write(packed)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    played.url = f"http://127.0.0.1:{server.server_port}"
    yield played
    server.shutdown()
    server.server_close()
    thread.join(5)


@dataclass
class Mailbox:
    """A mail server that keeps what it is given. `refuse`: the reply to every recipient, if any."""

    port: int = 0
    took: list[tuple[list[str], str]] = field(default_factory=list)
    refuse: str = ""

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802 - the name aiosmtpd looks for
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        assert isinstance(envelope.content, bytes)
        self.took.append((list(envelope.rcpt_tos), envelope.content.decode()))
        return "250 queued as 42"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server on loopback."""
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        box.port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    yield box
    controller.stop()

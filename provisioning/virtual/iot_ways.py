"""How a virtual meter with an IoT card reaches central: signed webhook, TCP, UDP, MQTT. Each way delivers one report and returns what came back.

The MQTT client here speaks just enough of MQTT 3.1.1 for one report: CONNECT, SUBSCRIBE, PUBLISH with QoS 1, DISCONNECT.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from protocol.errors import ProgramFailed
from provisioning.virtual.iot import IotMeter

Document = Mapping[str, Any]
_WAIT_S = 10.0
_LISTEN_S = 0.5  # how long a meter stays awake behind its acknowledgement


@dataclass(frozen=True)
class Webhook:
    """A vendor's platform posting for its meters. `secret` signs."""

    url: str
    source: str
    secret: bytes = field(repr=False)

    def post(self, reports: Sequence[Document], now_s: float, nonce: str | None = None) -> list[dict[str, Any]]:
        """Post reports; returns one result each. Raises ProgramFailed for any other answer."""
        body = json.dumps(list(reports)).encode()
        stamp, chosen = str(int(now_s)), nonce or secrets.token_hex(8)
        signature = hmac.new(self.secret, f"{stamp}\n{chosen}\n".encode() + body, hashlib.sha256).hexdigest()
        headers = {"X-CE-Timestamp": stamp, "X-CE-Nonce": chosen, "X-CE-Signature": signature, "Content-Type": "application/json"}
        answer = httpx.post(f"{self.url}/api/v1/iot/reports/{self.source}", content=body, headers=headers, timeout=_WAIT_S, trust_env=False)
        if answer.status_code != 200:
            raise ProgramFailed(f"the webhook answered {answer.status_code}: {answer.text[:300]}")
        results: list[dict[str, Any]] = answer.json()["results"]
        return results


def report_over_tcp(address: tuple[str, int], meter: IotMeter, frame: bytes, now_s: float, register: bool = True) -> bool:
    """Push a frame over a connection of its own, obey what comes back; whether it was acknowledged."""
    with socket.create_connection(address, timeout=_WAIT_S) as link:
        link.sendall((f"IMEI:{meter.imei}\r\n".encode() if register else b"") + frame)
        acknowledged, replies = meter.obey_frames(_gather(link), now_s)
        if replies:
            link.sendall(replies)
            link.shutdown(socket.SHUT_WR)
            _gather(link)
    return acknowledged


def report_over_udp(address: tuple[str, int], meter: IotMeter, frame: bytes, now_s: float, register: bool = True, wait_s: float = _WAIT_S) -> bool:
    """Push a frame as a datagram, obey what comes back; whether it was acknowledged."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(wait_s)
        link.sendto((f"IMEI:{meter.imei}\r\n".encode() if register else b"") + frame, address)
        try:
            received, _ = link.recvfrom(2048)
        except TimeoutError:
            return False
        return meter.obey_frames(received, now_s)[0]


def report_over_mqtt(address: tuple[str, int], meter: IotMeter, password: str, document: Document, now_s: float) -> None:
    """Publish a report, wait until the broker has central's word for it taken over, obey commands that follow. Raises ProgramFailed."""
    with socket.create_connection(address, timeout=_WAIT_S) as link:
        _send(link, 0x10, _text("MQTT") + b"\x04\xc2" + struct.pack(">H", 30) + _text(meter.imei) + _text(meter.imei) + _text(password))
        _expect(link, 0x20, "CONNACK")
        _send(link, 0x82, struct.pack(">H", 1) + _text(f"ce/v1/iot/{meter.imei}/command") + b"\x01")
        _expect(link, 0x90, "SUBACK")
        _send(link, 0x32, _text(f"ce/v1/iot/{meter.imei}/report") + struct.pack(">H", 2) + json.dumps(document).encode())
        deadline, acknowledged = time.monotonic() + _WAIT_S, False
        while time.monotonic() < deadline:
            kind, body = _receive(link, _LISTEN_S if acknowledged else _WAIT_S)
            if kind == 0x40:
                acknowledged = True
            elif kind & 0xF0 == 0x30:
                _obey_publish(link, meter, kind, body, now_s)
            elif acknowledged and not kind:
                break
        _send(link, 0xE0, b"")
    if not acknowledged:
        raise ProgramFailed(f"the broker at {address[0]}:{address[1]} did not acknowledge the report of {meter.imei}")


def _gather(link: socket.socket) -> bytes:
    """What comes until the other side is quiet for a moment, or ends."""
    received = b""
    try:
        while chunk := link.recv(4096):
            received += chunk
            link.settimeout(_LISTEN_S)
    except TimeoutError:
        pass
    return received


def _obey_publish(link: socket.socket, meter: IotMeter, kind: int, body: bytes, now_s: float) -> None:
    length = struct.unpack(">H", body[:2])[0]
    at = 2 + length
    if kind & 0x06:
        _send(link, 0x40, body[at : at + 2])
        at += 2
    meter.obey(json.loads(body[at:])["commands"], now_s)


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text.encode())) + text.encode()


def _send(link: socket.socket, kind: int, body: bytes) -> None:
    """Fixed header, remaining length in groups of seven bits, low group first (MQTT 3.1.1, 2.2.3), body."""
    size, left = b"", len(body)
    while True:
        left, group = divmod(left, 128)
        size += bytes([group | (0x80 if left else 0)])
        if not left:
            break
    link.sendall(bytes([kind]) + size + body)


def _receive(link: socket.socket, wait_s: float) -> tuple[int, bytes]:
    """The next packet: (first byte, body); (0, b"") when nothing comes in time."""
    link.settimeout(wait_s)
    try:
        kind = link.recv(1)
    except TimeoutError:
        return 0, b""
    if not kind:
        raise ProgramFailed("the broker ended the connection; are user and password of the meter known to it?")
    size, shift = 0, 0
    while True:
        group = _exactly(link, 1)[0]
        size |= (group & 0x7F) << shift
        shift += 7
        if not group & 0x80:
            break
    return kind[0], _exactly(link, size)


def _exactly(link: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        chunk = link.recv(size - len(received))
        if not chunk:
            raise ProgramFailed("the broker ended the connection in the middle of a packet")
        received += chunk
    return received


def _expect(link: socket.socket, kind: int, name: str) -> None:
    got, body = _receive(link, _WAIT_S)
    if got != kind or (kind == 0x20 and body[1:2] != b"\x00"):
        raise ProgramFailed(f"the broker answered {got:02X} {body.hex(' ')} where {name} was expected; user, password or access rule?")

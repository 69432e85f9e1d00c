"""How a virtual meter with an IoT card reaches central: signed webhook, TCP, UDP, MQTT. Each way delivers one report and returns what came back.

`listen_s`: how long a meter stays awake behind its acknowledgement, for commands; a past that is played at once has none to wait for.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from protocol.errors import ProgramFailed
from protocol.topics import iot_command, iot_report
from provisioning.virtual import mqtt_wire
from provisioning.virtual.iot import IotMeter

Document = Mapping[str, Any]
_WAIT_S = 10.0
LISTEN_S = 0.5


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


def report_over_tcp(address: tuple[str, int], meter: IotMeter, frame: bytes, now_s: float, register: bool = True, listen_s: float = LISTEN_S) -> bool:
    """Push a frame over a connection of its own, obey what comes back; whether it was acknowledged."""
    with socket.create_connection(address, timeout=_WAIT_S) as link:
        link.sendall((f"IMEI:{meter.imei}\r\n".encode() if register else b"") + frame)
        acknowledged, replies = meter.obey_frames(_gather(link, listen_s), now_s)
        if replies:
            link.sendall(replies)
            link.shutdown(socket.SHUT_WR)
            _gather(link, listen_s)
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


def report_over_mqtt(address: tuple[str, int], meter: IotMeter, password: str, document: Document, now_s: float, listen_s: float = LISTEN_S) -> None:
    """Publish a report, wait until the broker has central's word for it taken over, obey commands that follow. Raises ProgramFailed."""
    with socket.create_connection(address, timeout=_WAIT_S) as link:
        mqtt_wire.connect(link, meter.imei, password, _WAIT_S)
        mqtt_wire.subscribe(link, iot_command(meter.imei), _WAIT_S)
        mqtt_wire.publish(link, 2, iot_report(meter.imei), json.dumps(document).encode())
        deadline, acknowledged = time.monotonic() + _WAIT_S, False
        while time.monotonic() < deadline:
            kind, body = mqtt_wire.receive(link, listen_s if acknowledged else _WAIT_S)
            if kind == mqtt_wire.PUBACK:
                acknowledged = True
            elif kind & 0xF0 == mqtt_wire.PUBLISH:
                _obey_publish(link, meter, kind, body, now_s)
            elif acknowledged and not kind:
                break
        mqtt_wire.disconnect(link)
    if not acknowledged:
        raise ProgramFailed(f"the broker at {address[0]}:{address[1]} did not acknowledge the report of {meter.imei}")


def _gather(link: socket.socket, listen_s: float) -> bytes:
    """What comes until the other side is quiet for a moment, or ends."""
    received = b""
    try:
        while chunk := link.recv(4096):
            received += chunk
            link.settimeout(listen_s)
    except TimeoutError:
        pass
    return received


def _obey_publish(link: socket.socket, meter: IotMeter, kind: int, body: bytes, now_s: float) -> None:
    _, number, payload = mqtt_wire.published(kind, body)
    if number:
        mqtt_wire.send(link, mqtt_wire.PUBACK, number)
    meter.obey(json.loads(payload)["commands"], now_s)

"""Just enough of MQTT 3.1.1 for a device that says something and goes: packets by hand over a connected socket, no library, no threads."""

from __future__ import annotations

import socket
import struct

from protocol.errors import ProgramFailed

CONNACK, PUBLISH, PUBACK, SUBACK = 0x20, 0x30, 0x40, 0x90
_CONNECT, _SUBSCRIBE, _DISCONNECT, _QOS_1 = 0x10, 0x82, 0xE0, 0x02
_PASSWORD_CLEAN = 0xC2  # flags: user, password, clean session
_KEEPALIVE_S = 120


def connect(link: socket.socket, client: str, password: str, wait_s: float) -> None:
    """Sign in as a client whose user is its id. Raises ProgramFailed."""
    parts = text("MQTT") + bytes([4, _PASSWORD_CLEAN]) + struct.pack(">H", _KEEPALIVE_S) + text(client) + text(client) + text(password)
    send(link, _CONNECT, parts)
    _expect(link, CONNACK, "CONNACK", wait_s)


def subscribe(link: socket.socket, topic: str, wait_s: float) -> None:
    """Ask for a topic with QoS 1. Raises ProgramFailed."""
    send(link, _SUBSCRIBE, struct.pack(">H", 1) + text(topic) + b"\x01")
    _expect(link, SUBACK, "SUBACK", wait_s)


def publish(link: socket.socket, number: int, topic: str, payload: bytes) -> None:
    """Publish with QoS 1; the PUBACK bears the number."""
    send(link, PUBLISH | _QOS_1, text(topic) + struct.pack(">H", number) + payload)


def disconnect(link: socket.socket) -> None:
    """Say goodbye."""
    send(link, _DISCONNECT, b"")


def published(kind: int, body: bytes) -> tuple[str, bytes, bytes]:
    """Topic, packet number (empty with QoS 0) and payload of a PUBLISH packet."""
    at = 2 + struct.unpack(">H", body[:2])[0]
    behind = at + 2 if kind & 0x06 else at
    return body[2:at].decode(), body[at:behind], body[behind:]


def text(value: str) -> bytes:
    """A string as MQTT writes it."""
    return struct.pack(">H", len(value.encode())) + value.encode()


def send(link: socket.socket, kind: int, body: bytes) -> None:
    """Fixed header, remaining length in groups of seven bits, low group first (MQTT 3.1.1, 2.2.3), body."""
    size, left = b"", len(body)
    while True:
        left, group = divmod(left, 128)
        size += bytes([group | (0x80 if left else 0)])
        if not left:
            break
    link.sendall(bytes([kind]) + size + body)


def receive(link: socket.socket, wait_s: float) -> tuple[int, bytes]:
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


def _expect(link: socket.socket, kind: int, name: str, wait_s: float) -> None:
    """Wait for a packet of this kind; what the broker kept for the topic may come before it and comes to nobody's loss."""
    got, body = receive(link, wait_s)
    while got & 0xF0 == PUBLISH:
        got, body = receive(link, wait_s)
    if got != kind or (kind == CONNACK and body[1:2] != b"\x00"):
        raise ProgramFailed(f"the broker answered {got:02X} {body.hex(' ')} where {name} was expected; user, password or access rule?")

"""The master's side of a virtual line over TCP: a serial server the agent dials, or a DTU that dials the agent. Raw line bytes either way."""

from __future__ import annotations

import contextlib
import logging
import socket

_LOG = logging.getLogger(__name__)
_READ_BYTES = 4096
_REDIAL_S = 1.0
_DIAL_TIMEOUT_S = 3.0
_HEARTBEAT_S = 30.0


class TcpServerSide:
    """A serial server with one client at a time; a new client takes over from the old one."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1") -> None:
        self._listener = socket.create_server((host, port), backlog=2)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._client: socket.socket | None = None

    def filenos(self) -> list[int]:
        """Descriptors to watch."""
        return [self._listener.fileno(), *([self._client.fileno()] if self._client else [])]

    def read(self, fd: int) -> bytes:
        """Return what the master sent; a waiting client is let in."""
        if fd == self._listener.fileno():
            self._let_in()
            return b""
        if self._client is None or self._client.fileno() != fd:
            return b""
        data = _receive(self._client)
        if data is None:
            self._hang_up()
        return data or b""

    def write(self, data: bytes) -> int:
        """Hand bytes to the master; return how many it had room for."""
        return 0 if self._client is None else _send(self._client, data)

    def legible(self) -> bool:
        """A TCP connection has no serial settings; always True."""
        return True

    def tick(self, _now_s: float) -> None:
        """Nothing to keep up."""

    def close(self) -> None:
        """Stop listening."""
        self._hang_up()
        self._listener.close()

    def _let_in(self) -> None:
        try:
            client, peer = self._listener.accept()
        except OSError:
            return
        if self._client is not None:
            _LOG.info("serial server on port %d: %s takes over", self.port, peer)
            self._hang_up()
        self._client = _prepared(client)

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


class DtuSide:
    """A DTU: dials the agent, sends its registration text, then carries raw line bytes and a heartbeat now and then."""

    def __init__(self, host: str, port: int, registration: str, heartbeat: str) -> None:
        self._peer = (host, port)
        self._registration, self._heartbeat = _said(registration), _said(heartbeat)
        self._socket: socket.socket | None = None
        self._connected = False
        self._refused = 0
        self._next_at_s = 0.0

    def filenos(self) -> list[int]:
        """Descriptors to watch."""
        return [self._socket.fileno()] if self._socket is not None and self._connected else []

    def read(self, _fd: int) -> bytes:
        """Return what the master sent."""
        data = _receive(self._socket) if self._socket is not None else b""
        if data is None:
            self._hang_up()
        return data or b""

    def write(self, data: bytes) -> int:
        """Hand bytes to the master; return how many it had room for."""
        return _send(self._socket, data) if self._socket is not None and self._connected else 0

    def legible(self) -> bool:
        """A TCP connection has no serial settings; always True."""
        return True

    def tick(self, now_s: float) -> None:
        """Dial, or send the heartbeat, when it is time."""
        if self._socket is None:
            if now_s >= self._next_at_s:
                self._dial(now_s)
        elif not self._connected:
            self._check_dial(now_s)
        elif self._heartbeat and now_s >= self._next_at_s:
            self._next_at_s = now_s + _HEARTBEAT_S
            _send(self._socket, self._heartbeat)

    def close(self) -> None:
        """Hang up."""
        self._hang_up()

    def _dial(self, now_s: float) -> None:
        self._next_at_s = now_s + _DIAL_TIMEOUT_S
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.connect_ex(self._peer)

    def _check_dial(self, now_s: float) -> None:
        if self._socket is None:
            return
        with contextlib.suppress(OSError):
            self._socket.getpeername()
            self._connected = True
        if self._connected:
            _LOG.info("DTU dialled %s:%d after %d refusals", *self._peer, self._refused)
            self._refused, self._next_at_s = 0, now_s + _HEARTBEAT_S
            _send(_prepared(self._socket), self._registration)
        elif self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or now_s >= self._next_at_s:
            self._refused += 1
            if self._refused == 1:
                _LOG.info("DTU cannot reach %s:%d yet; it keeps trying", *self._peer)
            self._hang_up()
            self._next_at_s = now_s + _REDIAL_S

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._connected = None, False


def _said(text: str) -> bytes:
    """The bytes of a registration or heartbeat as a plan writes them: text, or `hex:` and digits."""
    return bytes.fromhex(text[4:]) if text[:4] == "hex:" else text.encode()


def _prepared(connection: socket.socket) -> socket.socket:
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _receive(connection: socket.socket) -> bytes | None:
    """Return received bytes, nothing, or None when the peer is gone."""
    try:
        return connection.recv(_READ_BYTES) or None
    except BlockingIOError:
        return b""
    except OSError:
        return None


def _send(connection: socket.socket, data: bytes) -> int:
    try:
        return connection.send(data)
    except OSError:
        return 0

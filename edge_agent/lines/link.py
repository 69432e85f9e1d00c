"""A TCP connection somebody has dialled: small packets leave at once, dead peers are noticed, nothing blocks for long."""

from __future__ import annotations

import select
import socket
import threading
import time

_READ_BYTES = 4096


class Link:
    """One connection. The reception's thread reads, lines write; `close` may come from either."""

    def __init__(self, connected: socket.socket, peer: str) -> None:
        prepare(connected)
        self._socket, self.fd, self.peer = connected, connected.fileno(), peer
        self._writing = threading.Lock()

    def receive(self, limit: int = _READ_BYTES) -> bytes | None:
        """Return what has arrived, nothing, or None when the far end is gone."""
        try:
            return self._socket.recv(max(1, limit)) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def send(self, data: bytes, patience_s: float) -> bool:
        """Hand over all bytes within this time; False when the connection does not take them."""
        until = time.monotonic() + patience_s
        left = memoryview(data)
        with self._writing:
            try:
                while left:
                    _, ready, _ = select.select((), (self._socket,), (), max(0.0, until - time.monotonic()))
                    if not ready:
                        return False
                    left = left[self._socket.send(left) :]
            except (OSError, ValueError):
                return False
        return True

    def close(self) -> None:
        """Hang up; twice is harmless."""
        self._socket.close()


def prepare(connected: socket.socket) -> None:
    """Set what every connection of a line needs: no waiting for more bytes, and a dead peer noticed within about a minute."""
    connected.setblocking(False)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 30_000)):
        if hasattr(socket, option):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)

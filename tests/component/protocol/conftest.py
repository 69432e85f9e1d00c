"""Real loopback sockets for the codec peers: a client that asks with our codec, a small byte server to answer foreign clients, and a CRC."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

WAIT_S = 5.0
Answer = Callable[[bytes], bytes]


@pytest.fixture
def ask() -> Callable[..., object]:
    """Send a request to a port and return the first frame the decoder finds; None when the peer closes without one."""

    def exchange(port: int, request: bytes, decoder) -> object:
        with socket.create_connection(("127.0.0.1", port), WAIT_S) as link:
            link.sendall(request)
            while data := link.recv(3):  # a few bytes at a time, as a serial server hands them over
                if frames := decoder.feed(data):
                    return frames[0]
        return None

    return exchange


@pytest.fixture
def with_crc() -> Callable[[str], bytes]:
    """Hex text plus its CRC-16/MODBUS, computed by definition so that nothing rests on the code under test."""

    def frame(text: str) -> bytes:
        body = bytes.fromhex(text)
        crc = 0xFFFF
        for byte in body:
            crc ^= byte
            for _ in range(8):
                crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
        return body + crc.to_bytes(2, "little")

    return frame


class ByteServer:
    """Accepts one connection after the other on a free port and sends what `answer` makes of all bytes received so far."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = int(self._listener.getsockname()[1])
        self.received = b""

    def __enter__(self) -> ByteServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            with link:
                while data := link.recv(1024):
                    self.received += data
                    link.sendall(self._answer(data))


@pytest.fixture
def byte_server() -> Iterator[Callable[[Answer], ByteServer]]:
    servers: list[ByteServer] = []

    def start(answer: Answer) -> ByteServer:
        servers.append(ByteServer(answer))
        return servers[-1].__enter__()

    yield start
    for server in servers:
        server.__exit__()

"""A TCP proxy between gateway and broker that can be silent, reset, refuse, throttle, and repeat or shuffle MQTT messages.

This kernel has no netem; what a link does to packets shows to MQTT as bytes that come late, not at all, or followed by a reset.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

_CHUNK = 4096
_SLOW_CHUNK = 256  # bytes sent in one go on a throttled link: 32 ms at 64 kbit/s
_POLL_S = 0.2
_KEPT = 1000  # publishes that may come again late
_PUBLISH = 3
Filter = Callable[[bytes], bytes]


class Proxy:
    """Listens on `port` of the loopback and passes on to a broker. Thread-safe; `close` ends every connection."""

    def __init__(self, target: tuple[str, int], mangle: Callable[[], Filter] | None = None, rate_bytes_s: float | None = None) -> None:
        self.connections = 0
        self._target = target
        self._mangle = mangle
        self._rate = rate_bytes_s
        self._passing = threading.Event()
        self._passing.set()
        self._refusing = False
        self._closed = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_POLL_S)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def silence(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self._passing.clear()

    def heal(self) -> None:
        """Everything passes again, also what was held."""
        self._refusing = False
        self._passing.set()

    def refuse(self) -> None:
        """New connections are closed at once."""
        self._refusing = True

    def reset(self) -> None:
        """Every connection ends with a reset; what was held is gone."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RD)
                _close(end)

    def close(self) -> None:
        """End."""
        self._closed = True
        self._passing.set()
        self.reset()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        near.settimeout(None)
        if self._refusing:
            _close(near)
            return
        try:
            far = socket.create_connection(self._target, timeout=5)
        except OSError:
            _close(near)
            return
        far.settimeout(None)
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self.connections += 1
            self._pairs.append((near, far))
        change = self._mangle() if self._mangle else None
        threading.Thread(target=self._pump, args=(near, far, change), daemon=True).start()
        threading.Thread(target=self._pump, args=(far, near, None), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, change: Filter | None) -> None:
        with suppress(OSError):
            while data := source.recv(_SLOW_CHUNK if self._rate else _CHUNK):
                self._passing.wait()
                data = change(data) if change else data
                if self._rate:
                    time.sleep(len(data) / self._rate)
                sink.sendall(data)
        self._passing.wait()  # a silent link does not tell that one side has gone, either
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            _close(end)


class Mangler:
    """Repeats and shuffles the QoS 1 publishes of a byte stream; other packets pass in their order.

    A share `repeat` of publishes is followed by a copy of one of the last thousand; those that come in one piece are shuffled. Shared by the
    connections of one gateway, so that copies of an earlier connection come, too.
    """

    def __init__(self, chance: random.Random, repeat: float = 0.1) -> None:
        self.repeated = 0
        self._chance = chance
        self._repeat = repeat
        self._past: deque[bytes] = deque(maxlen=_KEPT)

    def stream(self) -> Filter:
        """A filter for one connection."""
        rest = b""

        def change(data: bytes) -> bytes:
            nonlocal rest
            packets, rest = split_packets(rest + data)
            return b"".join(self._order(packets))

        return change

    def _order(self, packets: list[bytes]) -> list[bytes]:
        publishes = [packet for packet in packets if _is_publish(packet)]
        late = [self._chance.choice(self._past) for _ in publishes if self._past and self._chance.random() < self._repeat]
        self.repeated += len(late)
        self._past.extend(publishes)
        self._chance.shuffle(publishes)
        shuffled = iter(publishes)
        return [next(shuffled) if _is_publish(packet) else packet for packet in packets] + late


def split_packets(data: bytes) -> tuple[list[bytes], bytes]:
    """Whole MQTT packets and the rest (MQTT 5, 2.1: type byte, then a variable length of up to four bytes)."""
    packets, start = [], 0
    while (end := _packet_end(data, start)) is not None:
        packets.append(data[start:end])
        start = end
    return packets, data[start:]


def _packet_end(data: bytes, start: int) -> int | None:
    length = 0
    for digit in range(4):
        position = start + 1 + digit
        if position >= len(data):
            return None
        length |= (data[position] & 0x7F) << 7 * digit
        if not data[position] & 0x80:
            end = position + 1 + length
            return end if end <= len(data) else None
    raise ValueError("not an MQTT stream: a length of more than four bytes")


def _is_publish(packet: bytes) -> bool:
    """A publish of QoS 1 that is not retained: states and births keep their order, their topics have one value only."""
    return packet[0] >> 4 == _PUBLISH and packet[0] & 0x07 == 0x02


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.close()

"""Frames of any known protocol in a stream of bytes whose direction is not known. Pure.

At each byte every protocol is tried; a frame counts only with its checksum right, so what is no frame of ours is skipped as noise. A header that
claims more bytes than have come is waited for until the line falls silent (`flush`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from protocol.errors import WireError
from protocol.profile_items import Protocol
from protocol.wire import cjt188, dlt645, gdw376, mbus, modbus

_WAIT = -1
_LONGEST = 2048  # a concentrator forwards up to about 1000 bytes
_MOST_NOISE = 512  # told in pieces of this size
AnyFrame = dlt645.Frame | cjt188.Frame | mbus.Frame | gdw376.Frame | bytes
Measure = Callable[[bytes, int], Iterator[int]]  # lengths a frame starting there can have; _WAIT: more bytes are needed to say


@dataclass(frozen=True, slots=True)
class Found:
    """A frame, or bytes that belong to none (`protocol` None). `at`: position in the stream."""

    at: int
    data: bytes
    protocol: Protocol | Literal["gdw376"] | None = None
    frame: AnyFrame | None = None


class Scanner:
    """Feed bytes, take what they hold in order. Memory: the longest frame twice."""

    def __init__(self) -> None:
        self._buffer = b""
        self._base = 0
        self._noise = b""

    def feed(self, data: bytes) -> list[Found]:
        """Take bytes; return the frames that are complete and the noise in front of them."""
        self._buffer += data
        return list(self._scan(patient=True))

    def flush(self) -> list[Found]:
        """The line is silent: what is not complete now will not be."""
        found = list(self._scan(patient=False))
        return found + list(self._told_noise())

    def _scan(self, patient: bool) -> Iterator[Found]:
        while self._buffer:
            found = self._first(patient)
            if found is None:
                return
            protocol, size, frame = found
            piece, self._buffer = self._buffer[:size], self._buffer[size:]
            if protocol is None:
                self._noise += piece
                self._base += size
                if len(self._noise) >= _MOST_NOISE:
                    yield from self._told_noise()
                continue
            yield from self._told_noise()
            yield Found(self._base, piece, protocol, frame)
            self._base += size

    def _told_noise(self) -> Iterator[Found]:
        """FE bytes are preamble, of any number, and no noise."""
        if self._noise.strip(b"\xfe"):
            yield Found(self._base - len(self._noise), self._noise)
        self._noise = b""

    def _first(self, patient: bool) -> tuple[Protocol | Literal["gdw376"] | None, int, AnyFrame | None] | None:
        """What begins at the buffer's first byte; (None, 1, None) for a byte of noise; None to wait for more."""
        waiting = False
        for protocol, measure, parse in _KINDS:
            for size in measure(self._buffer, 0):
                if size == _WAIT or size > len(self._buffer):
                    waiting = True
                    continue
                try:
                    return protocol, size, parse(self._buffer[:size])
                except WireError:
                    continue
        if waiting and patient and len(self._buffer) < _LONGEST:
            return None
        return None, 1, None


def _of_645(buffer: bytes, at: int) -> Iterator[int]:
    if buffer[at] == 0x68:
        if len(buffer) < at + 10:
            yield _WAIT
        elif buffer[at + 7] == 0x68:
            yield 12 + buffer[at + 9]


def _of_188(buffer: bytes, at: int) -> Iterator[int]:
    if buffer[at] == 0x68:
        if len(buffer) < at + 11:
            yield _WAIT
        else:
            yield 13 + buffer[at + 10]


def _of_mbus(buffer: bytes, at: int) -> Iterator[int]:
    """Short and long frames. The acknowledgement E5 is a byte like any other here, and told as noise."""
    if buffer[at] == 0x10:
        yield 5
    elif buffer[at] == 0x68:
        if len(buffer) < at + 4:
            yield _WAIT
        elif buffer[at + 1] == buffer[at + 2] and buffer[at + 3] == 0x68:
            yield 6 + buffer[at + 1]


def _of_376(buffer: bytes, at: int) -> Iterator[int]:
    if buffer[at] == 0x68:
        if len(buffer) < at + 6:
            yield _WAIT
        elif buffer[at + 1 : at + 3] == buffer[at + 3 : at + 5] and buffer[at + 5] == 0x68:
            yield 8 + (int.from_bytes(buffer[at + 1 : at + 3], "little") >> 2)


def _of_modbus(buffer: bytes, at: int) -> Iterator[int]:
    if not 0 <= buffer[at] <= 247 and buffer[at] != 0xFE:
        return
    if len(buffer) < at + 4:
        yield _WAIT
        return
    function, third = buffer[at + 1], buffer[at + 2]
    if function & 0x80 and function & 0x7F in (1, 2, 3, 4, 5, 6, 15, 16):
        yield 5
    elif function in (1, 2, 3, 4):
        yield 8
        if third and (function < 3 or third % 2 == 0):
            yield 5 + third
    elif function in (5, 6):
        yield 8
    elif function in (15, 16):
        yield 8
        if len(buffer) < at + 7:
            yield _WAIT
        else:
            yield 9 + buffer[at + 6]


_KINDS: tuple[tuple[Protocol | Literal["gdw376"], Measure, Callable[[bytes], AnyFrame]], ...] = (
    (Protocol.DLT645_2007, _of_645, dlt645.Frame.from_bytes),
    ("gdw376", _of_376, gdw376.Frame.from_bytes),
    (Protocol.CJT188, _of_188, cjt188.Frame.from_bytes),
    (Protocol.MBUS, _of_mbus, mbus.Frame.from_bytes),
    (Protocol.MODBUS_RTU, _of_modbus, modbus.checked),
)

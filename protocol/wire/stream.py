"""A byte stream that may hold noise, turned into the frames inside it.

Every position that could start a frame is a candidate until it is refuted (header, length, end or checksum do not fit). The candidate that ends
first is tried first, so a false start that claims a great length never holds back a good frame behind it, and nothing depends on how the bytes
were chunked. A frame nested inside the data of another would win over the outer one; by chance that takes four fitting bytes.

What a noisy line does: bytes that belong to no frame are skipped and counted (`noise_bytes`, preamble excepted); a frame that has its right
shape and a wrong checksum is counted (`checksum_errors`) and its bytes are searched again from the next one. Memory is bounded by twice the
longest frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from protocol.errors import ChecksumError, WireError

F = TypeVar("F")
NOT_A_FRAME = 0
Length = Callable[[bytearray, int], int]


class FrameStream(Generic[F]):
    """Stream decoder over one frame shape.

    `length(buffer, at)`: total length of the frame that starts at `at`, or the least it can have while its header is incomplete, or NOT_A_FRAME;
    it looks at no more than `header` bytes. `parse(raw)`: the frame in exactly these bytes, or a WireError. `start`: first byte of every frame.
    `preamble`: bytes not counted as noise.
    """

    def __init__(self, start: int, header: int, length: Length, parse: Callable[[bytes], F], longest: int, preamble: bytes = b"") -> None:
        self._start, self._header, self._length, self._parse, self._longest, self._preamble = start, header, length, parse, longest, preamble
        self._buffer = bytearray()
        self._base = 0  # position of the buffer's first byte in the stream; candidates are stream positions
        self._candidates: dict[int, int] = {}  # position -> length known so far, oldest first
        self.noise_bytes = 0
        self.checksum_errors = 0

    def feed(self, data: bytes) -> list[F]:
        """Take bytes of any number and return the frames they complete, in order of arrival. Never raises on content."""
        frames: list[F] = []
        for offset in range(0, len(data), self._longest):
            known = self._end
            self._buffer += data[offset : offset + self._longest]
            self._find(known)
            frames += self._complete()
            self._discard(next(iter(self._candidates), self._end))
        return frames

    @property
    def started(self) -> bool:
        """True while bytes are held that may be the beginning of a frame."""
        return bool(self._buffer)

    @property
    def missing(self) -> int:
        """Bytes still needed at least before a frame can complete; 0 when none is in progress."""
        return min((at + size for at, size in self._candidates.items()), default=self._end) - self._end

    def reset(self) -> None:
        """Forget the frame in progress (its bytes count as noise). Counters go on."""
        self._discard(self._end)

    @property
    def _end(self) -> int:
        return self._base + len(self._buffer)

    def _find(self, known: int) -> None:
        """Look at the headers that bytes from `known` on have begun or carried on."""
        positions = [at for at in self._candidates if at + self._header > known]
        found = self._buffer.find(self._start, known - self._base)
        while found >= 0:
            positions.append(self._base + found)
            found = self._buffer.find(self._start, found + 1)
        for at in positions:
            size = self._length(self._buffer, at - self._base)
            if size == NOT_A_FRAME:
                self._candidates.pop(at, None)
            else:
                self._candidates[at] = size

    def _complete(self) -> Iterator[F]:
        """Try complete candidates, the one that ends first before others, until none is left."""
        while self._candidates:
            end, at = min((at + size, at) for at, size in self._candidates.items())
            if end > self._end:
                return
            try:
                frame = self._parse(bytes(self._buffer[at - self._base : end - self._base]))
            except WireError as error:
                nested = at != next(iter(self._candidates))
                self.checksum_errors += isinstance(error, ChecksumError) and not nested
                del self._candidates[at]
                continue
            self._discard(at)
            self._drop(end)
            yield frame

    def _discard(self, until: int) -> None:
        """Drop bytes that belong to no frame and count them."""
        count = until - self._base
        self.noise_bytes += count - sum(self._buffer.count(byte, 0, count) for byte in self._preamble)
        self._drop(until)

    def _drop(self, until: int) -> None:
        del self._buffer[: until - self._base]
        self._base = until
        self._candidates = {at: size for at, size in self._candidates.items() if at >= until}

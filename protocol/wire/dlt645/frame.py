"""The frame of DL/T 645, the same in 2007 and 1997, and its decoder.

    FE x 0..n  | 68 | A0 A1 A2 A3 A4 A5 | 68 | C | L | DATA x L | CS | 16
    preamble   | 0  | 1 .. 6            | 7  | 8 | 9 | 10 ..    |    |        offsets from the first 68

    A   12 BCD digits, low byte first; digit A is a wildcard, twelve 9 are everybody (broadcast, no reply)
    C   D7 from the meter, D6 refused, D5 more frames follow, D4-D0 function
    DATA each byte sent + 33h; items low byte first; identifier DI0..DI3 (2007) or DI0 DI1 (1997) in front
    CS  sum mod 256 of everything from the first 68 to the last DATA byte

Source: DL/T 645-2007 5.2; DL/T 645-1997 the same frame with two-byte identifiers.

What a noisy line does to it, and what happens then:
    bytes before, between and behind frames     skipped and counted; FE runs of any length are preamble
    16h or 68h inside the data                  harmless, frames are cut by length
    a false 68 ...... 68 with a great length    never holds back a good frame behind it (see `stream`)
    a hit byte                                  wrong checksum, counted, the bytes are searched again from the next one
    our own request echoed by the adapter       a valid frame with D7 = 0: `replies.matches` says no
    a late reply of another meter               a valid frame with another address, function or identifier: `replies.matches` says no
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from protocol.errors import ChecksumError, EncodeError, FrameError
from protocol.wire.bcd import decode_address, encode_address, full_address, is_address
from protocol.wire.stream import NOT_A_FRAME, FrameStream

ADDRESS_BYTES = 6
ANY_ADDRESS = "A" * 12
BROADCAST = "9" * 12
MAX_FRAME_BYTES = 12 + 255  # without preamble
_HEADER_BYTES = 10
_HEAD, _END, _OFFSET, _PREAMBLE = 0x68, 0x16, 0x33, 0xFE
FROM_METER, REFUSED, MORE, FUNCTION = 0x80, 0x40, 0x20, 0x1F  # in C


class Version(Enum):
    """Edition of the standard; value = bytes of a data identifier."""

    V2007 = 4
    V1997 = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `address`: 12 display digits (A = wildcard); `control`: the C byte; `data`: at most 255 bytes, 33h already taken off."""

    address: str
    control: int
    data: bytes = b""

    def __post_init__(self) -> None:
        if len(self.address) != 2 * ADDRESS_BYTES:
            raise EncodeError(f"address {self.address!r}: expected {2 * ADDRESS_BYTES} digits", address=self.address)
        full_address(self.address, ADDRESS_BYTES)
        if not 0 <= self.control <= 0xFF or len(self.data) > 0xFF:
            raise EncodeError("control must be one byte and data at most 255 bytes", control=self.control, data_bytes=len(self.data))

    def to_bytes(self, preamble: int = 4) -> bytes:
        """The frame as sent, after `preamble` bytes FE."""
        data = bytes((byte + _OFFSET) & 0xFF for byte in self.data)
        body = bytes([_HEAD, *encode_address(self.address, ADDRESS_BYTES), _HEAD, self.control, len(data)]) + data
        return bytes([_PREAMBLE]) * preamble + body + bytes([sum(body) & 0xFF, _END])

    @classmethod
    def from_bytes(cls, raw: bytes) -> Frame:
        """Return the one frame in exactly these bytes (FE in front allowed); raise FrameError or ChecksumError."""
        body = raw.lstrip(bytes([_PREAMBLE]))
        size = _length(bytearray(body), 0)
        if size == NOT_A_FRAME or size != len(body) or body[-1] != _END:
            raise FrameError("not one DL/T 645 frame: expected 68 A0..A5 68 C L DATA CS 16", frame=raw.hex(" "))
        if sum(body[:-2]) & 0xFF != body[-2]:
            raise ChecksumError("checksum does not match", expected=f"{sum(body[:-2]) & 0xFF:02X}", got=f"{body[-2]:02X}", frame=raw.hex(" "))
        return cls(decode_address(body[1:7]), body[8], bytes((byte - _OFFSET) & 0xFF for byte in body[10:-2]))


class Decoder(FrameStream[Frame]):
    """Frames out of a byte stream: `feed`, `started`, `missing`, `noise_bytes`, `checksum_errors`, `reset` as in `stream.FrameStream`."""

    def __init__(self) -> None:
        super().__init__(_HEAD, _HEADER_BYTES, _length, Frame.from_bytes, MAX_FRAME_BYTES, bytes([_PREAMBLE]))


def _length(buffer: bytearray, at: int) -> int:
    """Length of the frame starting at `at`, its least length while the header is incomplete, or NOT_A_FRAME."""
    head = buffer[at : at + _HEADER_BYTES]
    if head[:1] != b"\x68" or not is_address(head[1:7]) or (len(head) > 7 and head[7] != _HEAD):
        return NOT_A_FRAME
    return 12 + (head[9] if len(head) > 9 else 0)

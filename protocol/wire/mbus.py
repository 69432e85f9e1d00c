"""M-Bus link layer: frames of EN 13757-2, the requests a master sends, and whether a frame answers one. What an answer says: `mbus_data`.

    E5                                              the acknowledgement, a single byte
    10 | C | A | CS | 16                            short frame, masters only
    68 | L | L | 68 | C | A | CI | data | CS | 16   long frame; L counts C, A, CI and data (3..255), control frame when L = 3

    C   from a master: 40 SND_NKE (link reset), 53/73 SND_UD (send), 5B/7B REQ_UD2 (ask for data); bit 5 is FCB, bit 4 FCV
        from a slave:  08 RSP_UD (data), bits 5 and 4 are ACD and DFC
    A   1..250 primary, 0 as shipped, 253 who was selected, 254 anybody (all answer), 255 everybody (none answers)
    CI  51 data to the slave, 52 selection, 72 variable data, 70 application errors, B8..BF baud rate
    CS  sum mod 256 of C to the last data byte

FCB: a slave that hears REQ_UD2 with the FCB of the last one repeats its last answer; with the other one it goes on to its next telegram. SND_NKE and
a selection start it anew: the first REQ_UD2 behind them has FCB = 1.

Source: EN 13757-2:2004 (link layer: EN 60870-5-1 format class FT 1.2, EN 60870-5-2 functions), EN 13757-3:2013 (CI field, selection).

What a noisy line does to it, and what happens then:
    bytes before, between and behind frames     skipped and counted
    a false 68                                  needs two equal length bytes and a second 68 to be held at all; never holds back a good frame
    a hit byte                                  wrong checksum, counted, the bytes are searched again from the next one
    E5 in noise                                 cannot be told from an acknowledgement; the question that follows stays unanswered then
    E5 inside a frame in progress               data; only between frames it acknowledges
    many slaves selected at once                their E5 add up to one; their answers collide, which is a wrong checksum
    a late answer of another slave              another address (`matches`), or behind 253 another identification (`mbus_data.Telegram`)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from protocol.errors import ChecksumError, EncodeError, FrameError
from protocol.wire.stream import NOT_A_FRAME, FrameStream

SELECTED, ANYBODY, EVERYBODY = 253, 254, 255
LAST_PRIMARY = 250
MAX_FRAME_BYTES = 255 + 6
SEND_DATA, SELECT, APPLICATION_ERROR, VARIABLE_DATA = 0x51, 0x52, 0x70, 0x72
_ACK, _SHORT, _LONG, _END = 0xE5, 0x10, 0x68, 0x16
_NKE, _SEND, _ASK, _FCB = 0x40, 0x53, 0x5B, 0x20
_FROM_MASTER, _FUNCTION, _RESPONSE = 0x40, 0x0F, 0x08
_LEAST_LENGTH = 3
_BAUD_CI = {300: 0xB8, 600: 0xB9, 1200: 0xBA, 2400: 0xBB, 4800: 0xBC, 9600: 0xBD, 19200: 0xBE, 38400: 0xBF}
_MASK = re.compile(r"[0-9F]{8}")
_EACH_ACK = re.compile(b"(\xe5)")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The single byte E5."""

    def to_bytes(self) -> bytes:
        """As sent."""
        return bytes([_ACK])


@dataclass(frozen=True, slots=True)
class Frame:
    """A short frame (`ci` None) or a long one. `data`: at most 252 bytes behind CI."""

    control: int
    address: int
    ci: int | None = None
    data: bytes = b""

    def __post_init__(self) -> None:
        fits = all(0 <= byte <= 0xFF for byte in (self.control, self.address, self.ci or 0)) and len(self.data) <= 0xFF - _LEAST_LENGTH
        if not fits or (self.ci is None and self.data):
            raise EncodeError(
                "control, address and CI must be one byte each, data at most 252 bytes and only behind a CI",
                control=self.control,
                address=self.address,
                data_bytes=len(self.data),
            )

    def to_bytes(self) -> bytes:
        """The frame as sent."""
        if self.ci is None:
            body, head = bytes([self.control, self.address]), bytes([_SHORT])
        else:
            body = bytes([self.control, self.address, self.ci]) + self.data
            head = bytes([_LONG, len(body), len(body), _LONG])
        return head + body + bytes([sum(body) & 0xFF, _END])

    @classmethod
    def from_bytes(cls, raw: bytes) -> Frame:
        """Return the one frame, short or long, in exactly these bytes; raise FrameError or ChecksumError."""
        size = 5 if raw[:1] == bytes([_SHORT]) else _length(bytearray(raw), 0)
        if size == NOT_A_FRAME or size != len(raw) or raw[-1] != _END:
            raise FrameError("not one M-Bus frame: expected 10 C A CS 16 or 68 L L 68 C A CI data CS 16", frame=raw.hex(" "))
        is_short = raw[0] == _SHORT
        body = raw[1:-2] if is_short else raw[4:-2]
        if sum(body) & 0xFF != raw[-2]:
            raise ChecksumError("checksum does not match", expected=f"{sum(body) & 0xFF:02X}", got=f"{raw[-2]:02X}", frame=raw.hex(" "))
        return cls(body[0], body[1]) if is_short else cls(body[0], body[1], body[2], body[3:])


Reply = Frame | Acknowledgement


class Decoder(FrameStream[Reply]):
    """What slaves send, out of a byte stream. Short frames are a master's and count as noise."""

    def __init__(self) -> None:
        super().__init__(_LONG, 4, _length, Frame.from_bytes, MAX_FRAME_BYTES)

    def feed(self, data: bytes) -> list[Reply]:
        """Take bytes of any number and return what they complete, in order of arrival. Never raises on content."""
        found: list[Reply] = []
        for part in _EACH_ACK.split(data):
            if part == bytes([_ACK]) and not self.started:
                found.append(Acknowledgement())
            else:
                found += super().feed(part)
        return found


def _length(buffer: bytearray, at: int) -> int:
    """Length of the long frame starting at `at`, its least length while the header is incomplete, or NOT_A_FRAME."""
    head = buffer[at : at + 4]
    starts = all(byte == _LONG for byte in (*head[:1], *head[3:4]))
    if not starts or any(byte < _LEAST_LENGTH for byte in head[1:3]) or (len(head) > 2 and head[1] != head[2]):
        return NOT_A_FRAME
    return 6 + (head[1] if len(head) > 1 else _LEAST_LENGTH)


def matches(request: Frame, reply: Reply) -> bool:
    """True when this answers the request: E5 to a reset or anything sent, data of the asked slave to a question."""
    if request.ci is not None or request.control == _NKE:
        return isinstance(reply, Acknowledgement)
    if isinstance(reply, Acknowledgement) or reply.ci is None or reply.control & (_FROM_MASTER | _FUNCTION) != _RESPONSE:
        return False
    return request.address in (reply.address, SELECTED, ANYBODY)


# --- requests ----------------------------------------------------------------------------------------------------------


def reset_request(address: int) -> Frame:
    """Reset a slave's link (SND_NKE): its next telegram is the first one, FCB starts anew. Sent to 253 it ends a selection."""
    return Frame(_NKE, address)


def data_request(address: int, fcb: bool) -> Frame:
    """Ask for data (REQ_UD2)."""
    return Frame(_ASK | (_FCB if fcb else 0), address)


def select_request(identification: str, manufacturer: int = 0xFFFF, version: int = 0xFF, medium: int = 0xFF) -> Frame:
    """Select the slave of this identification: it answers at 253 from now on, all others do not.

    Eight digits, F standing for any; FFFF and FF as manufacturer, version and medium as well. All who fit answer E5 at the same time.
    """
    if not _MASK.fullmatch(identification) or not 0 <= manufacturer <= 0xFFFF or not 0 <= version <= 0xFF or not 0 <= medium <= 0xFF:
        raise EncodeError(f"identification {identification!r}: expected eight digits 0-9 (or wildcard F)", address=identification)
    mask = bytes.fromhex(identification)[::-1] + manufacturer.to_bytes(2, "little") + bytes([version, medium])
    return Frame(_SEND, SELECTED, SELECT, mask)


def write_address_request(address: int, new_address: int) -> Frame:
    """Give a slave another primary address (data record 01 7A); never while scanning."""
    if not 0 <= new_address <= LAST_PRIMARY:
        raise EncodeError(f"primary address {new_address}: expected 0..{LAST_PRIMARY}", address=new_address)
    return Frame(_SEND, address, SEND_DATA, bytes([0x01, 0x7A, new_address]))


def baud_request(address: int, baud: int) -> Frame:
    """Switch a slave's baud rate. It answers at the old one; most fall back unless they are asked at the new one soon (often 30 s)."""
    if baud not in _BAUD_CI:
        raise EncodeError(f"{baud} baud: expected one of {', '.join(map(str, _BAUD_CI))}", baud=baud)
    return Frame(_SEND, address, _BAUD_CI[baud])

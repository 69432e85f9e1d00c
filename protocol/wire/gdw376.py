"""Q/GDW 376.1 frames (concentrators, "1376.1"): the codec, the link answers, and the tunnel that carries a meter's own protocol.

    68 | L  L  | L  L  | 68 | C | A1 A1 A2 A2 A3 | AFN | SEQ | DA DA DT DT data .. | AUX | CS | 16
    0  | 1  2  | 3  4  | 5  | 6 | 7 .. 11        | 12  | 13  | 14 ..               |     |    |        offsets

    L    user bytes (C to AUX) << 2 | version, low byte first, sent twice; version 2 = this protocol, 1 = its forerunner Q/GDW 130
    C    D7 from the terminal, D6 from the side that started, D5 FCB down / ACD up, D4 FCV, D3-D0 function
    A    A1 region, 4 BCD digits low byte first; A2 terminal 1..65535 low byte first; A3 D0 group address, D7-D1 master station
    AFN  00 confirm or deny, 02 link (F1 log in, F2 log out, F3 heartbeat), 10 forward (F1 transparent); others are not needed here
    SEQ  D7 TpV (a time tag ends the data), D6 FIR, D5 FIN, D4 CON (confirm me), D3-D0 serial; an answer repeats its request's serial
    DA   DA1 one bit per point of group DA2; 00 00 = p0, the terminal itself      DT  DT1 one bit per F of group DT2; 04 00 = F3
    AUX  down, where something is changed or forwarded: 16 bytes password; up, with ACD: 2 event counters; either way with TpV: 6 bytes Tp
    CS   sum mod 256 of everything from C to AUX; data is sent as it is

    AFN 10 F1 down    port | settings word | wait for the reply | wait for a byte | length 2 | bytes for the meter
           up         port | length 2 | bytes from the meter

Source: Q/GDW 376.1-2009 clause 4 (frame), 5.1 (confirm), 5.3 (link), 5.16 (forward); every field agrees with public captures (tests/golden).

What a noisy line does to it, and what happens then:
    bytes before, between and behind frames     skipped and counted (a TCP stream holds such bytes after a terminal's restart)
    68 or 16 inside the data                    harmless, frames are cut by length; a meter's frame inside is no header of this shape
    a false 68 .. 68 with a plausible length    never holds back a good frame behind it (see `stream`)
    a hit byte                                  wrong checksum, counted, the bytes are searched again from the next one
    a reply that comes late                     carries the serial of its own request: the caller compares `Frame.serial`
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from protocol.errors import ChecksumError, EncodeError, FrameError, PayloadError
from protocol.wire.bcd import decode_bcd, encode_bcd
from protocol.wire.stream import NOT_A_FRAME, FrameStream

CONFIRM, LINK, FORWARD = 0x00, 0x02, 0x10  # AFN
LOGIN, LOGOUT, HEARTBEAT = 1, 2, 3  # Fn of AFN 02
CONFIRMED, DENIED = 1, 2  # Fn of AFN 00
TRANSPARENT = 1  # Fn of AFN 10
MAX_USER_BYTES = 16_383  # 4.3.2.2: what 14 bits of length can say
MAX_FORWARD_BYTES = 512  # more than any meter's request; a concentrator's own limit is near 1000
PASSWORD_BYTES, TAG_BYTES, COUNTER_BYTES = 16, 6, 2
BAUD_CODES = {300: 0, 600: 1, 1200: 2, 2400: 3, 4800: 4, 7200: 5, 9600: 6, 19200: 7}  # table of AFN 10 F1
_HEAD, _END = 0x68, 0x16
_HEADER_BYTES, _AROUND = 6, 8  # before C; before C and behind AUX together
_LEAST_USER_BYTES = 8  # C, A, AFN, SEQ
_VERSIONS = (1, 2)
_FROM_TERMINAL, _STARTED, _ACD = 0x80, 0x40, 0x20
_TAGGED, _SINGLE, _WANTS_CONFIRMATION, _SERIAL = 0x80, 0x60, 0x10, 0x0F
_LINK_STATUS, _ASK_CLASS_2 = 0x0B, 0x0B  # function codes of 4.3.3.3.2: answering side; starting side
_PROTECTED = frozenset({0x01, 0x04, 0x05, 0x06, 0x0F, FORWARD})  # AFN whose downward frames carry a password


@dataclass(frozen=True, slots=True)
class Address:
    """Who is meant. `region`: 4 digits; `terminal`: 0..65535; `station`: the A3 byte (group flag and master station)."""

    region: str
    terminal: int
    station: int = 0

    def to_bytes(self) -> bytes:
        """The five bytes A1 A2 A3."""
        if len(self.region) != 4 or not self.region.isdecimal() or not 0 <= self.terminal <= 0xFFFF or not 0 <= self.station <= 0xFF:
            raise EncodeError(f"expected a region of 4 digits, a terminal 0..65535 and one station byte, got {self}")
        return encode_bcd(int(self.region), 2) + self.terminal.to_bytes(2, "little") + bytes([self.station])

    @classmethod
    def from_bytes(cls, raw: bytes) -> Address:
        """Return the address in five bytes; raise PayloadError when the region is not BCD."""
        return cls(f"{decode_bcd(raw[:2]):04d}", int.from_bytes(raw[2:4], "little"), raw[4])

    def is_same_terminal(self, other: Address) -> bool:
        """True when region and terminal agree; the station byte says which master is meant and changes from frame to frame."""
        return (self.region, self.terminal) == (other.region, other.terminal)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `data`: everything behind SEQ, AUX included. `version`: the two low bits of L."""

    control: int
    address: Address
    afn: int
    seq: int
    data: bytes = b""
    version: int = 2

    def to_bytes(self) -> bytes:
        """The frame as sent."""
        if not all(0 <= value <= 0xFF for value in (self.control, self.afn, self.seq)) or self.version not in _VERSIONS:
            raise EncodeError(f"control, AFN and SEQ must be one byte each and the version 1 or 2, got {self}")
        user = bytes([self.control]) + self.address.to_bytes() + bytes([self.afn, self.seq]) + self.data
        if len(user) > MAX_USER_BYTES:
            raise EncodeError(f"{len(user)} bytes do not fit a frame; expected at most {MAX_USER_BYTES}", afn=self.afn)
        length = (len(user) << 2 | self.version).to_bytes(2, "little")
        return bytes([_HEAD]) + length * 2 + bytes([_HEAD]) + user + bytes([sum(user) & 0xFF, _END])

    @classmethod
    def from_bytes(cls, raw: bytes) -> Frame:
        """Return the one frame in exactly these bytes; raise FrameError, ChecksumError or PayloadError."""
        size = _length(bytearray(raw), 0)
        if size == NOT_A_FRAME or size != len(raw) or len(raw) < _HEADER_BYTES + _LEAST_USER_BYTES or raw[-1] != _END:
            raise FrameError("not one Q/GDW 376.1 frame: expected 68 L L L L 68 C A1..A3 AFN SEQ data CS 16", frame=raw[:64].hex(" "))
        user = raw[_HEADER_BYTES:-2]
        if sum(user) & 0xFF != raw[-2]:
            raise ChecksumError("checksum does not match", expected=f"{sum(user) & 0xFF:02X}", got=f"{raw[-2]:02X}", frame=raw[:64].hex(" "))
        return cls(user[0], Address.from_bytes(user[1:6]), user[6], user[7], user[8:], raw[1] & 3)

    @property
    def from_terminal(self) -> bool:
        """True for frames that go up."""
        return bool(self.control & _FROM_TERMINAL)

    @property
    def serial(self) -> int:
        """PSEQ of a request, RSEQ of its answer: 0..15."""
        return self.seq & _SERIAL

    @property
    def wants_confirmation(self) -> bool:
        """True when the sender repeats the frame until it is confirmed."""
        return bool(self.seq & _WANTS_CONFIRMATION)

    @property
    def units(self) -> tuple[tuple[int, int], ...]:
        """The (point, F) pairs of the first data unit; empty when the frame has none."""
        return tuple(decode_unit(self.data[:4])) if len(self.data) >= 4 else ()

    @property
    def content(self) -> bytes:
        """The data unit's bytes behind DA and DT, without AUX (time tag, event counters, password)."""
        tail = TAG_BYTES if self.seq & _TAGGED else 0
        if self.from_terminal:
            tail += COUNTER_BYTES if self.control & _ACD else 0
        elif self.afn in _PROTECTED:
            tail += PASSWORD_BYTES
        return self.data[4 : len(self.data) - tail] if len(self.data) >= 4 + tail else b""

    def says(self, afn: int, fn: int) -> bool:
        """True when this is F`fn` of `afn` for the terminal itself."""
        return self.afn == afn and (0, fn) in self.units


class Decoder(FrameStream[Frame]):
    """Frames out of a byte stream: `feed`, `started`, `missing`, `noise_bytes`, `checksum_errors`, `reset` as in `stream.FrameStream`."""

    def __init__(self) -> None:
        super().__init__(_HEAD, _HEADER_BYTES, _length, Frame.from_bytes, MAX_USER_BYTES + _AROUND)


def _length(buffer: bytearray, at: int) -> int:
    """Length of the frame starting at `at`, its least length while the header is incomplete, or NOT_A_FRAME."""
    head = buffer[at : at + _HEADER_BYTES]
    if head[:1] != b"\x68" or (len(head) > 1 and head[1] & 3 not in _VERSIONS):
        return NOT_A_FRAME
    if (len(head) > 3 and head[3] != head[1]) or (len(head) > 4 and head[4] != head[2]) or (len(head) > 5 and head[5] != _HEAD):
        return NOT_A_FRAME
    user_bytes = int.from_bytes(head[1:3], "little") >> 2 if len(head) > 2 else _LEAST_USER_BYTES
    return _AROUND + user_bytes if user_bytes >= _LEAST_USER_BYTES else NOT_A_FRAME


# --- data unit designators ---------------------------------------------------------------------------------------------


def encode_unit(point: int, fn: int) -> bytes:
    """Return DA and DT for one point (0 = the terminal) and one F (1..248)."""
    if not 0 <= point <= 2040 or not 1 <= fn <= 248:
        raise EncodeError(f"expected a point 0..2040 and F1..F248, got p{point} F{fn}")
    da = bytes([1 << (point - 1) % 8, (point - 1) // 8 + 1]) if point else bytes(2)
    return da + bytes([1 << (fn - 1) % 8, (fn - 1) // 8])


def decode_unit(raw: bytes) -> Iterator[tuple[int, int]]:
    """The (point, F) pairs that four bytes DA DT name, in rising order; no pair when no bit of DT is set."""
    points = [8 * (raw[1] - 1) + bit + 1 for bit in range(8) if raw[0] & 1 << bit] if raw[1] else [0]
    for point in points:
        yield from ((point, 8 * raw[3] + bit + 1) for bit in range(8) if raw[2] & 1 << bit)


# --- what a master answers ---------------------------------------------------------------------------------------------


def confirm(frame: Frame) -> Frame:
    """Everything in this frame of a terminal is confirmed (AFN 00 F1, 5.1)."""
    return _answer(frame, CONFIRMED)


def deny(frame: Frame) -> Frame:
    """Nothing in this frame is accepted (AFN 00 F2); what a terminal is told whose address nobody expects."""
    return _answer(frame, DENIED)


def _answer(frame: Frame, fn: int) -> Frame:
    return Frame(_LINK_STATUS, replace(frame.address, station=0), CONFIRM, _SINGLE | frame.serial, encode_unit(0, fn), frame.version)


# --- the tunnel --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What came back through the tunnel: the terminal's port and the meter's bytes, none when the meter did not answer."""

    port: int
    payload: bytes


def forward_request(
    address: Address,
    serial: int,
    port: int,
    settings: int,
    reply_s: float,
    byte_s: float,
    payload: bytes,
    tag: bytes = b"",
    password: bytes = bytes(PASSWORD_BYTES),
) -> Frame:
    """Have the terminal send these bytes on one of its ports and return what is answered.

    `settings`: from `settings_word`; `reply_s`, `byte_s`: how long it waits for the reply, and for a byte of it. `tag`: six bytes Tp, or none:
    a terminal throws a frame away whose tag is older than it allows, by its own clock, so a tag is for terminals that demand one.
    """
    if not 0 <= port <= 0xFF or not 0 < len(payload) <= MAX_FORWARD_BYTES or len(password) != PASSWORD_BYTES or len(tag) not in (0, TAG_BYTES):
        raise EncodeError(
            f"expected a port 0..255, 1..{MAX_FORWARD_BYTES} bytes to forward, {PASSWORD_BYTES} bytes password, {TAG_BYTES} or no bytes time tag",
            port=port,
            forward_bytes=len(payload),
        )
    head = bytes([port, settings, wait_byte(reply_s), min(255, math.ceil(round(byte_s * 100, 6)))])
    data = encode_unit(0, TRANSPARENT) + head + len(payload).to_bytes(2, "little") + payload + password + tag
    return Frame(_STARTED | _ASK_CLASS_2, address, FORWARD, (_TAGGED if tag else 0) | _SINGLE | serial & _SERIAL, data)


def forwarded(frame: Frame) -> Forwarded:
    """Return what an AFN 10 F1 frame of a terminal carries; raise PayloadError when it is none or its length field does not fit.

    The length field decides and not AUX: terminals add event counters and time tags as they like.
    """
    if not frame.from_terminal or not frame.says(FORWARD, TRANSPARENT) or len(frame.data) < 7:
        raise PayloadError(
            "not an answer through the tunnel: expected AFN 10 F1 up with port and length", afn=frame.afn, data=frame.data[:64].hex(" ")
        )
    size = int.from_bytes(frame.data[5:7], "little")
    if 7 + size > len(frame.data):
        raise PayloadError(f"the answer says {size} bytes and holds {len(frame.data) - 7}", data=frame.data[:64].hex(" "))
    return Forwarded(frame.data[4], frame.data[7 : 7 + size])


def settings_word(baud: int, parity: str, data_bits: int, stop_bits: int) -> int:
    """The byte of serial settings: D7-D5 baud, D4 two stop bits, D3 parity, D2 odd, D1-D0 data bits - 5. `parity`: N, E or O."""
    if baud not in BAUD_CODES or parity not in ("N", "E", "O") or data_bits not in range(5, 9) or stop_bits not in (1, 2):
        raise EncodeError(
            f"a concentrator cannot do {baud} {data_bits}{parity}{stop_bits}; expected one of {', '.join(map(str, BAUD_CODES))} baud, "
            "parity N, E or O, 5..8 data bits, 1 or 2 stop bits"
        )
    return BAUD_CODES[baud] << 5 | (stop_bits == 2) << 4 | (parity != "N") << 3 | (parity == "O") << 2 | data_bits - 5


def wait_byte(seconds: float) -> int:
    """The byte of a waiting time, rounded up: 10 ms units, or whole seconds with D7 set; at most 127 s."""
    hundredths = math.ceil(round(seconds * 100, 6))
    if hundredths <= 0x7F:
        return max(1, hundredths)
    return 0x80 | min(0x7F, math.ceil(round(seconds, 6)))


def wait_s(code: int) -> float:
    """The waiting time in a byte made by `wait_byte`."""
    return float(code & 0x7F) if code & 0x80 else code / 100

"""DL/T 645 frames, 2007 and 1997: the codec, the requests, and what a reply to them says.

    FE x 0..n  | 68 | A0 A1 A2 A3 A4 A5 | 68 | C | L | DATA x L | CS | 16
    preamble   | 0  | 1 .. 6            | 7  | 8 | 9 | 10 ..    |    |        offsets from the first 68

    A   12 BCD digits, low byte first; digit A is a wildcard, twelve 9 are everybody (broadcast, no reply)
    C   D7 from the meter, D6 refused, D5 more frames follow, D4-D0 function
    DATA each byte sent + 33h; items low byte first; identifier DI0..DI3 (2007) or DI0 DI1 (1997) in front
    CS  sum mod 256 of everything from the first 68 to the last DATA byte

Source: DL/T 645-2007 5.2 (frame), 7.1-7.2 (functions), annex A and B; DL/T 645-1997 the same frame with two-byte identifiers. Functions 1CH and
03H are the later prepaid supplement.

What a noisy line does to it, and what happens then:
    bytes before, between and behind frames     skipped and counted; FE runs of any length are preamble
    16h or 68h inside the data                  harmless, frames are cut by length
    a false 68 ...... 68 with a great length    never holds back a good frame behind it (see `stream`)
    a hit byte                                  wrong checksum, counted, the bytes are searched again from the next one
    our own request echoed by the adapter       a valid frame with D7 = 0: `matches` says no
    a late reply of another meter               a valid frame with another address, function or identifier: `matches` says no
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, IntEnum
from types import MappingProxyType

from protocol.errors import ChecksumError, DeviceRefused, EncodeError, FrameError, UnexpectedReply
from protocol.wire.bcd import address_matches, decode_address, encode_address, full_address, is_address
from protocol.wire.stream import NOT_A_FRAME, FrameStream

ADDRESS_BYTES = 6
ANY_ADDRESS = "A" * 12
BROADCAST = "9" * 12
MAX_FRAME_BYTES = 12 + 255  # without preamble
_HEADER_BYTES = 10
_HEAD, _END, _OFFSET, _PREAMBLE = 0x68, 0x16, 0x33, 0xFE
_FROM_METER, _REFUSED, _MORE, _FUNCTION = 0x80, 0x40, 0x20, 0x1F


class Version(Enum):
    """Edition of the standard; value = bytes of a data identifier."""

    V2007 = 4
    V1997 = 2


class RemoteControl(IntEnum):
    """N1 of function 1CH. Models differ in whether DIRECT_CLOSE or ALLOW_CLOSE closes; the profile knows."""

    TRIP = 0x1A
    ALLOW_CLOSE = 0x1B
    DIRECT_CLOSE = 0x1C
    PRE_TRIP_DIRECT_CLOSE = 0x1D
    PRE_TRIP_ALLOW_CLOSE = 0x1E
    ALARM = 0x2A
    ALARM_OFF = 0x2B
    KEEP_POWER = 0x3A
    KEEP_POWER_OFF = 0x3B


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


# --- replies -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReplyData:
    """What a reply carries behind identifier and sequence number; `more`: ask on with `followup_request`."""

    data: bytes
    more: bool


def reply_data(version: Version, request: Frame, reply: Frame) -> ReplyData:
    """Return the data of a reply; raise UnexpectedReply if it answers another question, DeviceRefused if the meter refused.

    Block replies come back whole: their size is the frame's, not the table's. DeviceRefused details: `reason`, `err` (hex).
    """
    if problem := _mismatch(version, request, reply):
        raise UnexpectedReply(f"reply does not answer the request: {problem}", asked=request.address, got=reply.address)
    if reply.control & _REFUSED:
        reason = _reason(version, request, reply.data)
        raise DeviceRefused(f"meter refused: {reason}", reason=reason, err=reply.data.hex().upper(), device=reply.address)
    data = reply.data[version.value :] if _has_identifier(version, request) else reply.data
    if _has_sequence(version, request):
        data = data[:-1]
    return ReplyData(data, bool(reply.control & _MORE))


def matches(version: Version, request: Frame, reply: Frame) -> bool:
    """True when this frame answers the request (or refuses it): not an echo, not another meter's, not another item's."""
    return _mismatch(version, request, reply) is None


def _mismatch(version: Version, request: Frame, reply: Frame) -> str | None:
    """What tells the frame from an answer to the request, or None."""
    if not reply.control & _FROM_METER:
        return "it comes from a master (an echo of the request, or a second master)"
    if (reply.control ^ request.control) & _FUNCTION:
        return f"function {reply.control & _FUNCTION:02X}, expected {request.control & _FUNCTION:02X}"
    if request.address != BROADCAST and not address_matches(request.address, reply.address):
        return f"address {reply.address}, expected {request.address}"
    if reply.control & _REFUSED or not _has_identifier(version, request):
        return None
    return _other_item(version, request, reply)


def _other_item(version: Version, request: Frame, reply: Frame) -> str | None:
    """What tells a reply's identifier (and sequence number) from the asked one, or None."""
    if (got := reply.data[: version.value]) != (asked := request.data[: version.value]):
        return f"identifier {got[::-1].hex().upper() or '(none)'}, expected {asked[::-1].hex().upper()}"
    if _has_sequence(version, request) and (seq := reply.data[version.value :][-1:]) != request.data[-1:]:
        return f"sequence number {seq.hex() or '(none)'}, expected {request.data[-1:].hex()}"
    return None


def _has_identifier(version: Version, request: Frame) -> bool:
    """Read, read on and (1997) read again, (2007) security repeat the identifier in their replies."""
    return request.control & _FUNCTION in ((0x11, 0x12, 0x03) if version is Version.V2007 else (0x01, 0x02, 0x03))


def _has_sequence(version: Version, request: Frame) -> bool:
    return version is Version.V2007 and request.control & _FUNCTION == 0x12


# Error words, bit 0 first. 2007: annex of 7.1; security replies (03H) use the supplement's own word; 1997: its ERR byte.
_ERR_2007 = (
    "other error",
    "no such data",
    "wrong password or not authorised",
    "baud rate cannot be changed",
    "too many year zones",
    "too many day slots",
    "too many tariffs",
)
_ERR_1997 = (
    "invalid data",
    "no such identifier",
    "wrong password",
    "reserved bit 3",
    "too many year zones",
    "too many day slots",
    "too many tariffs",
)
_SERR = (
    "other error",
    "duplicate recharge",
    "ESAM check failed",
    "identity authentication failed or expired",
    "customer number does not match",
    "recharge count error",
    "purchase above the hoarding limit",
)


def _reason(version: Version, request: Frame, data: bytes) -> str:
    """The standard's words for the bits set in an error word."""
    of_security = request.control & _FUNCTION == 0x03 and len(data) > 1  # one maker answers security requests with the plain ERR byte
    table = _ERR_1997 if version is Version.V1997 else _SERR if of_security else _ERR_2007
    word = int.from_bytes(data, "little")
    bits = [bit for bit in range(8 * len(data)) if word >> bit & 1]
    return ", ".join(table[bit] if bit < len(table) else f"reserved bit {bit}" for bit in bits) or "no reason given"


# --- requests ----------------------------------------------------------------------------------------------------------

BAUD_CODES: MappingProxyType[int, int] = MappingProxyType({600: 0x02, 1200: 0x04, 2400: 0x08, 4800: 0x10, 9600: 0x20, 19200: 0x40})


def read_request(version: Version, address: str, di: str, parameters: bytes = b"") -> Frame:
    """Read an identifier (hex as printed, DI3..DI0 or DI1 DI0). `parameters`: what load records want behind it (count, start time)."""
    return _frame(address, 0x11 if version is Version.V2007 else 0x01, _identifier(version, di) + parameters)


def followup_request(version: Version, address: str, di: str, seq: int) -> Frame:
    """Read on after a reply with `more`; `seq` starts at 1 (the 1997 frame has no place for it)."""
    if version is Version.V1997:
        return _frame(address, 0x02, _identifier(version, di))
    return _frame(address, 0x12, _identifier(version, di) + _bytes([seq]))


def read_address_request() -> Frame:
    """Ask the one meter on the line for its address (13H, 2007 only); the answer is the data, not the address field."""
    return _frame(ANY_ADDRESS, 0x13)


def write_request(version: Version, address: str, di: str, data: bytes, password: str, operator: str = "00000000", level: str = "02") -> Frame:
    """Write an identifier. `password`: 6 digits, `operator`: 8 digits (2007 only), `level`: 00..09, as printed."""
    head = _identifier(version, di) + _access(level, password)
    if version is Version.V1997:
        return _frame(address, 0x04, head + data)
    return _frame(address, 0x14, head + _reversed(operator, 4, "operator") + data)


def write_address_request(new_address: str) -> Frame:
    """Give the one meter on the line a new address (15H); never on a shared line, never while scanning."""
    return _frame(ANY_ADDRESS, 0x15, encode_address(new_address, ADDRESS_BYTES))


def freeze_request(address: str, when: str = "99999999") -> Frame:
    """Freeze registers (16H). `when` is MMDDhhmm; 99 in front means every (month, day, hour), all 99 means now."""
    return _frame(address, 0x16, _reversed(when, 4, "freeze time"))


def change_baud_request(address: str, baud: int) -> Frame:
    """Change the meter's baud (17H); the reply still comes at the old rate."""
    if baud not in BAUD_CODES:
        raise EncodeError(f"baud {baud} has no code; expected one of {', '.join(map(str, BAUD_CODES))}", baud=baud)
    return _frame(address, 0x17, _bytes([BAUD_CODES[baud]]))


def broadcast_time_request(at: datetime, address: str = BROADCAST) -> Frame:
    """Set the clocks of all meters (08H, no reply): ss mm hh DD MM YY in the meters' local time. Meters follow at most 5 minutes once a day."""
    return _frame(address, 0x08, _time(at))


def remote_control_request(
    address: str, n1: int, valid_until: datetime | None, password: str, operator: str = "00000000", level: str = "02", n2: int = 0
) -> Frame:
    """Trip, close, alarm or keep power (1CH); `n1` as in `RemoteControl`. `valid_until`: meter-local time; None sends zeros (one master does)."""
    until = _time(valid_until) if valid_until else bytes(6)
    return _frame(address, 0x1C, _access(level, password) + _reversed(operator, 4, "operator") + _bytes([n1, n2]) + until)


def security_request(address: str, di: str, operator: str, payload: bytes = b"") -> Frame:
    """Security and recharge (03H): identifier, operator code as printed, then the maker's payload as it stands."""
    return _frame(address, 0x03, _identifier(Version.V2007, di) + _reversed(operator, 4, "operator") + payload)


def _frame(address: str, control: int, data: bytes = b"") -> Frame:
    return Frame(full_address(address, ADDRESS_BYTES), control, data)


def _identifier(version: Version, di: str) -> bytes:
    return _reversed(di, version.value, "identifier")


def _access(level: str, password: str) -> bytes:
    """PA P0 P1 P2: the level, then the password low byte first."""
    return _reversed(level, 1, "level") + _reversed(password, 3, "password", secret=True)


def _time(at: datetime) -> bytes:
    return bytes.fromhex(at.strftime("%S%M%H%d%m%y"))


def _reversed(text: str, size: int, what: str, secret: bool = False) -> bytes:
    """Printed hex digits as wire bytes, low byte first."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != size or len(text) != 2 * size:
        raise EncodeError(f"{what}: expected {2 * size} hexadecimal digits, got {'something else' if secret else repr(text)}")
    return data[::-1]


def _bytes(values: list[int]) -> bytes:
    try:
        return bytes(values)
    except ValueError as error:
        raise EncodeError(f"expected values 0..255, got {values}") from error

"""CJ/T 188 frames (water, heat, gas meters): the codec, the requests, and what a reply to them says.

    FE x 2..n  | 68 | T | A0 A1 A2 A3 A4 A5 A6 | C  | L  | DI DI SER data | CS | 16
    preamble   | 0  | 1 | 2 .. 8               | 9  | 10 | 11 ..          |    |        offsets from 68

    T   10 cold water, 11 hot, 12 drinking, 13 reclaimed, 20 heat, 21 cooling, 30 gas, 40 other; AA asks any
    A   14 BCD digits, low byte first, the highest four are the maker's code; digit A is a wildcard
    C   D7 from the meter, D6 refused, D5-D0 function: 01 read, 03 read address, 04 write, 15 write address, 16 write initial reading;
        one maker writes its valve with 2A (answered AA)
    DI  two bytes whose order is the maker's choice, and a reply may use the other one; SER counts requests
    CS  sum mod 256 of everything from 68 to the last data byte; data is sent as it is (no 33h)

Identifiers: 901F reading, D120..D12B registers at the end of the last twelve months, 8102 prices, 8103 settlement day, 8104 reading day, 8105
purchase, 810A address; written: A015 clock, A016 initial reading, A017 valve, A018 address. What stands in a reading: `cjt188_reading`.

On an M-Bus pair the same frames run: the level converter passes bytes through unchanged, so an M-Bus water meter of this standard is spoken to with
this codec, never with `mbus`. Converter and meter want a longer preamble to wake up (20 FE are 92 ms at 2400 baud) and a longer gap (100 ms) for the
pair's voltage to settle: both stand in the profile.

Source: CJ/T 188-2004 clause 6 (frame) and 7 (functions, identifiers). The 2018 edition keeps the frame and adds items.

What a noisy line does to it, and what happens then:
    bytes before, between and behind frames     skipped and counted; FE runs of any length are preamble
    16h or 68h inside the data                  harmless, frames are cut by length
    a false 68 with a plausible address         never holds back a good frame behind it (see `stream`)
    a hit byte                                  wrong checksum, counted, the bytes are searched again from the next one
    our own request echoed by the converter     a valid frame with D7 = 0: `matches` says no
    a late reply of another meter               a valid frame with another address, function or identifier: `matches` says no
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from protocol.errors import ChecksumError, DeviceRefused, EncodeError, FrameError, PayloadError, UnexpectedReply
from protocol.wire.bcd import address_matches, decode_address, decode_bcd, encode_address, encode_bcd, full_address, is_address
from protocol.wire.stream import NOT_A_FRAME, FrameStream

DiOrder = Literal["low_first", "high_first"]
ADDRESS_BYTES = 7
ANY_ADDRESS = "A" * 14
ANY_TYPE = 0xAA
MAX_FRAME_BYTES = 13 + 255  # without preamble
VALVE_OPEN, VALVE_CLOSE = 0x55, 0x99  # data of A017; one maker adds 66 and 77 for "free" open and close
_HEADER_BYTES = 11
_HEAD, _END, _PREAMBLE = 0x68, 0x16, 0xFE
_FROM_METER, _REFUSED, _FUNCTION = 0x80, 0x40, 0x3F
_READ, _READ_ADDRESS, _WRITE, _WRITE_ADDRESS, _WRITE_READING = 0x01, 0x03, 0x04, 0x15, 0x16
WRITE, VALVE_WRITE = _WRITE, 0x2A  # 2A: one maker's valves (public capture)
SETTLEMENT_DAY, READING_DAY = "8103", "8104"
_LAST_MONTH, MONTHS = 0xD120, 12
_CUBIC_METRES = 0x2C

# Unit codes behind registers: the table of EN 1434-3 / EN 13757-3 (fixed data), of which CJ/T 188 uses these. Texts as in `protocol.quantities`
# where it knows the unit; a code not listed here is not to be guessed.
UNIT_CODES: MappingProxyType[int, str] = MappingProxyType(
    {
        0x02: "Wh",
        0x05: "kWh",
        0x08: "MWh",
        0x0B: "kJ",
        0x0E: "MJ",
        0x11: "GJ",
        0x14: "W",
        0x17: "kW",
        0x1A: "MW",
        0x29: "L",
        0x2C: "m3",
        0x32: "L/h",
        0x35: "m3/h",
    }
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. `meter_type`: the T byte; `address`: 14 display digits (A = wildcard); `control`: the C byte; `data`: at most 255 bytes."""

    meter_type: int
    address: str
    control: int
    data: bytes = b""

    def __post_init__(self) -> None:
        if len(self.address) != 2 * ADDRESS_BYTES:
            raise EncodeError(f"address {self.address!r}: expected {2 * ADDRESS_BYTES} digits", address=self.address)
        full_address(self.address, ADDRESS_BYTES)
        if not 0 <= self.meter_type <= 0xFF or not is_address(bytes([self.meter_type])):
            raise EncodeError(f"meter type {self.meter_type:02X}: expected two digits, or AA for any", address=self.address)
        if not 0 <= self.control <= 0xFF or len(self.data) > 0xFF:
            raise EncodeError("control must be one byte and data at most 255 bytes", control=self.control, data_bytes=len(self.data))

    def to_bytes(self, preamble: int = 2) -> bytes:
        """The frame as sent, after `preamble` bytes FE."""
        address = encode_address(self.address, ADDRESS_BYTES)
        body = bytes([_HEAD, self.meter_type, *address, self.control, len(self.data)]) + self.data
        return bytes([_PREAMBLE]) * preamble + body + bytes([sum(body) & 0xFF, _END])

    @classmethod
    def from_bytes(cls, raw: bytes) -> Frame:
        """Return the one frame in exactly these bytes (FE in front allowed); raise FrameError or ChecksumError."""
        body = raw.lstrip(bytes([_PREAMBLE]))
        size = _length(bytearray(body), 0)
        if size == NOT_A_FRAME or size != len(body) or body[-1] != _END:
            raise FrameError("not one CJ/T 188 frame: expected 68 T A0..A6 C L data CS 16", frame=raw.hex(" "))
        if sum(body[:-2]) & 0xFF != body[-2]:
            raise ChecksumError("checksum does not match", expected=f"{sum(body[:-2]) & 0xFF:02X}", got=f"{body[-2]:02X}", frame=raw.hex(" "))
        return cls(body[1], decode_address(body[2:9]), body[9], body[11:-2])


class Decoder(FrameStream[Frame]):
    """Frames out of a byte stream: `feed`, `started`, `missing`, `noise_bytes`, `checksum_errors`, `reset` as in `stream.FrameStream`."""

    def __init__(self) -> None:
        super().__init__(_HEAD, _HEADER_BYTES, _length, Frame.from_bytes, MAX_FRAME_BYTES, bytes([_PREAMBLE]))


def _length(buffer: bytearray, at: int) -> int:
    """Length of the frame starting at `at`, its least length while the header is incomplete, or NOT_A_FRAME."""
    head = buffer[at : at + _HEADER_BYTES]
    if head[:1] != b"\x68" or not is_address(head[1:9]):  # T is two BCD digits (or AA) as well
        return NOT_A_FRAME
    return 13 + (head[10] if len(head) > 10 else 0)


# --- replies -----------------------------------------------------------------------------------------------------------


def reply_data(request: Frame, reply: Frame) -> bytes:
    """Return the data behind identifier and SER; raise UnexpectedReply if it answers another question, DeviceRefused if the meter refused.

    The identifier may stand in either order. SER is not compared: makers answer 00 to any. DeviceRefused details: `reason`, `err` (hex).
    """
    if problem := _mismatch(request, reply):
        raise UnexpectedReply(f"reply does not answer the request: {problem}", asked=request.address, got=reply.address)
    if reply.control & _REFUSED:
        err = reply.data.hex().upper()
        reason = f"error data {err}" if err else "no reason given"
        raise DeviceRefused(f"meter refused: {reason}", reason=reason, err=err, device=reply.address)
    return reply.data[3:]


def day_of_month(data: bytes) -> int:
    """The day in a reply to SETTLEMENT_DAY or READING_DAY; raise PayloadError for what is none."""
    day = decode_bcd(data[:1])
    if not 1 <= day <= 31:
        raise PayloadError(f"{day} is no day of a month", data=data.hex(" "))
    return day


def matches(request: Frame, reply: Frame) -> bool:
    """True when this frame answers the request (or refuses it): not an echo, not another meter's, not another item's."""
    return _mismatch(request, reply) is None


def _mismatch(request: Frame, reply: Frame) -> str | None:
    """What tells the frame from an answer to the request, or None."""
    asked_di, got_di = request.data[:2], reply.data[:2]
    wrong = {
        "it comes from a master (an echo of the request, or a second master)": not reply.control & _FROM_METER,
        f"function {reply.control & _FUNCTION:02X}": (reply.control ^ request.control) & _FUNCTION,
        f"meter type {reply.meter_type:02X}": ANY_TYPE not in (request.meter_type, reply.meter_type) and request.meter_type != reply.meter_type,
        f"address {reply.address}": not address_matches(request.address, reply.address),
        f"identifier {got_di.hex().upper() or '(none)'}": not reply.control & _REFUSED and got_di not in (asked_di, asked_di[::-1]),
    }
    return next((problem for problem, is_so in wrong.items() if is_so), None)


# --- requests ----------------------------------------------------------------------------------------------------------


def read_request(meter_type: int, address: str, di: str, serial: int = 0, di_order: DiOrder = "low_first") -> Frame:
    """Read an identifier (hex as printed, such as 901F)."""
    return _frame(meter_type, address, _READ, di, serial, di_order)


def month_di(back: int) -> str:
    """The identifier of the registers at the end of a month: 1 is the last one (D120), 12 the oldest (D12B)."""
    if not 1 <= back <= MONTHS:
        raise EncodeError(f"month {back}: expected 1 (the last) to {MONTHS}", back=back)
    return f"{_LAST_MONTH + back - 1:04X}"


def write_request(
    meter_type: int, address: str, di: str, data: bytes, serial: int = 0, di_order: DiOrder = "low_first", control: int = WRITE
) -> Frame:
    """Write an identifier's data."""
    return _frame(meter_type, address, control, di, serial, di_order, data)


def time_request(meter_type: int, address: str, now: datetime, serial: int = 0, di_order: DiOrder = "low_first") -> Frame:
    """Set the clock (A015): ss mm hh DD MM YY CC on the wire."""
    return write_request(meter_type, address, "A015", bytes.fromhex(f"{now:%Y%m%d%H%M%S}")[::-1], serial, di_order)


def valve_request(meter_type: int, address: str, action: int, serial: int = 0, di_order: DiOrder = "low_first", control: int = WRITE) -> Frame:
    """Move the valve (A017): VALVE_OPEN or VALVE_CLOSE, or a maker's own action byte. The motor takes 5-30 s: read the status afterwards."""
    if not 0 <= action <= 0xFF:
        raise EncodeError(f"valve action {action}: expected one byte", action=action)
    return write_request(meter_type, address, "A017", bytes([action]), serial, di_order, control)


def initial_reading_request(
    meter_type: int, address: str, hundredths: int, unit_code: int = _CUBIC_METRES, serial: int = 0, di_order: DiOrder = "low_first"
) -> Frame:
    """Set the register (A016), in hundredths of the unit. WARNING: this rewrites what is billed.

    For a bench after a repair only, with the factory switch on: no route, profile or tool may offer it to operators.
    """
    if unit_code not in UNIT_CODES:
        raise EncodeError(f"unit code {unit_code:02X}: expected one of {', '.join(f'{code:02X}' for code in UNIT_CODES)}", unit_code=unit_code)
    return _frame(meter_type, address, _WRITE_READING, "A016", serial, di_order, encode_bcd(hundredths, 4) + bytes([unit_code]))


def read_address_request(meter_type: int = ANY_TYPE, serial: int = 0, di_order: DiOrder = "low_first") -> Frame:
    """Ask the one meter on the line for its address (810A); the answer stands in the reply's address field."""
    return _frame(meter_type, ANY_ADDRESS, _READ_ADDRESS, "810A", serial, di_order)


def write_address_request(meter_type: int, address: str, new_address: str, serial: int = 0, di_order: DiOrder = "low_first") -> Frame:
    """Give a meter a new address (A018); never while scanning."""
    return _frame(meter_type, address, _WRITE_ADDRESS, "A018", serial, di_order, encode_address(new_address, ADDRESS_BYTES))


def _frame(meter_type: int, address: str, control: int, di: str, serial: int, di_order: DiOrder, data: bytes = b"") -> Frame:
    try:
        identifier = bytes.fromhex(di)
    except ValueError:
        identifier = b""
    if len(identifier) != 2 or not 0 <= serial <= 0xFF:
        raise EncodeError(f"expected an identifier of 4 hexadecimal digits and a serial 0..255, got {di!r} and {serial}", di=di, serial=serial)
    ordered = identifier if di_order == "high_first" else identifier[::-1]
    return Frame(meter_type, full_address(address, ADDRESS_BYTES), control, ordered + bytes([serial]) + data)

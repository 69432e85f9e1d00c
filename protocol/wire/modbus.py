"""Modbus RTU: requests, replies and numbers; a thin layer over the framer and PDU classes of pymodbus, which is imported here only.

    request  | unit | function | address 2 | count or value 2 (+ bytes, data for 0F and 10) | CRC lo | CRC hi
    reply    | unit | function | bytes n | data n           (01-04)                         | CRC lo | CRC hi
             | unit | function | address 2 | value or count 2    (05, 06, 0F, 10)           | CRC lo | CRC hi
             | unit | function + 80h | exception code                                       | CRC lo | CRC hi

Numbers stand high byte first; the order of words in numbers of several registers is the maker's choice.
Source: MODBUS application protocol V1.1b3 clauses 6-7, MODBUS over serial line V1.02 clause 2.5.1.

What a noisy line does to it, and what happens then. RTU has no start byte, so a reply is looked for by what the request makes it look like:
    bytes before or behind the reply            skipped and counted (pymodbus' framer drops reply and noise together)
    our own request echoed by the adapter       read requests: not shaped like their reply, skipped. 05 and 06 are answered by their own bytes,
                                                so an echo cannot be told from the answer: confirm writes by reading back
    a hit byte                                  wrong CRC, counted, the bytes are searched again from the next one
    a late reply of another unit or function    does not fit the request, skipped as noise
    a late reply to an older read of equal size  cannot be told from the answer: drain the line after a time-out
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from decimal import Decimal
from types import MappingProxyType

from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest, WriteMultipleCoilsRequest
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from protocol.errors import (
    ChecksumError,
    DeviceBusy,
    DeviceRefused,
    EncodeError,
    FrameError,
    NoSuchData,
    PayloadError,
    TargetSilent,
    UnexpectedReply,
    ValueRefused,
)
from protocol.wire.stream import NOT_A_FRAME, FrameStream

MAX_FRAME_BYTES = 256
_HEADER_BYTES = 6
_COIL_ON, _COIL_OFF = 0xFF00, 0x0000
_REFUSED = 0x80
_BIT_READS, _REGISTER_READS, _SINGLE_WRITES, _BLOCK_WRITES = (1, 2), (3, 4), (5, 6), (15, 16)
_REPLIES = DecodePDU(is_server=False)
_FRAMER = FramerRTU(_REPLIES)
_READS: MappingProxyType[int, type[ModbusPDU]] = MappingProxyType(
    {1: ReadCoilsRequest, 2: ReadDiscreteInputsRequest, 3: ReadHoldingRegistersRequest, 4: ReadInputRegistersRequest}
)

# Application protocol clause 7.
EXCEPTIONS: MappingProxyType[int, str] = MappingProxyType(
    {
        1: "illegal function",
        2: "illegal data address",
        3: "illegal data value",
        4: "device failure",
        5: "accepted, still working on it",
        6: "device busy",
        7: "negative acknowledge",
        8: "memory parity error",
        10: "gateway path unavailable",
        11: "gateway target did not answer",
    }
)
# The others, and the makers' own codes, say that it did not work this time.
_CLASSES: MappingProxyType[int, type[DeviceRefused]] = MappingProxyType(
    {1: NoSuchData, 2: NoSuchData, 3: ValueRefused, 10: TargetSilent, 11: TargetSilent}
)

# --- requests: complete frames, CRC included ---------------------------------------------------------------------------


def read_request(unit: int, function: int, address: int, count: int) -> bytes:
    """Read `count` coils (1), inputs (2), holding (3) or input registers (4) from 0-based `address`; raise EncodeError beyond the limits."""
    if function not in _READS:
        raise EncodeError(f"function {function} is no read; expected 1, 2, 3 or 4", function=function)
    return _request(unit, lambda: _READS[function](dev_id=unit, address=address, count=count))


def write_coil_request(unit: int, address: int, value: bool | int) -> bytes:
    """Write one coil. True and False are FF00 and 0000; a number is sent as it is (relay boards: 5500 toggles, small numbers are pulse times)."""
    raw = (_COIL_ON if value else _COIL_OFF) if isinstance(value, bool) else value
    if not 0 <= raw <= 0xFFFF or not 0 <= address <= 0xFFFF or not 0 <= unit <= 0xFF:
        raise EncodeError("expected unit 0..255, address and value 0..65535", unit=unit, address=address, value=raw)
    return _FRAMER.encode(struct.pack(">BHH", 5, address, raw), unit, 0)


def write_register_request(unit: int, address: int, value: int) -> bytes:
    """Write one holding register (6)."""
    return _request(unit, lambda: WriteSingleRegisterRequest(dev_id=unit, address=address, registers=[value]))


def write_coils_request(unit: int, address: int, values: Sequence[bool]) -> bytes:
    """Write a run of coils (15); raise EncodeError beyond 1..1968 of them."""
    _check_count(len(values), 1968)
    return _request(unit, lambda: WriteMultipleCoilsRequest(dev_id=unit, address=address, bits=list(values)))


def write_registers_request(unit: int, address: int, values: Sequence[int]) -> bytes:
    """Write a run of holding registers (16); raise EncodeError beyond 1..123 of them."""
    _check_count(len(values), 123)
    return _request(unit, lambda: WriteMultipleRegistersRequest(dev_id=unit, address=address, registers=list(values)))


def _check_count(count: int, limit: int) -> None:
    """pymodbus 3.16 lets empty and overlong writes through (application protocol 6.11 and 6.12)."""
    if not 1 <= count <= limit:
        raise EncodeError(f"{count} values in one write; expected 1..{limit}", count=count)


def _request(unit: int, build: Callable[[], ModbusPDU]) -> bytes:
    try:
        return _FRAMER.buildFrame(build())
    except (ModbusException, ValueError, struct.error, OverflowError, TypeError) as error:
        raise EncodeError(f"not a valid Modbus request: {error}", unit=unit) from error


# --- replies -----------------------------------------------------------------------------------------------------------


class ReplyDecoder(FrameStream[bytes]):
    """Finds in a byte stream the frames that can answer `request`: same unit, function and size, right CRC. `feed` returns them whole."""

    def __init__(self, request: bytes) -> None:
        super().__init__(request[0], _HEADER_BYTES, lambda buffer, at: _reply_length(request, buffer, at), checked, MAX_FRAME_BYTES)


def reply_mark(request: bytes) -> bytes:
    """What the replies to a read have in common: unit, function and size. Two reads of one mark have answers that cannot be told apart."""
    count = int.from_bytes(request[4:6], "big")
    return request[:2] + ((count + 7) // 8 if request[1] in _BIT_READS else 2 * count).to_bytes(2, "big")


def reply_registers(request: bytes, reply: bytes) -> list[int]:
    """Return the registers of a reply to functions 3 and 4; raise UnexpectedReply, ChecksumError or a DeviceRefused of the right class."""
    return list(_answer(request, reply, _REGISTER_READS).registers)


def reply_bits(request: bytes, reply: bytes) -> list[bool]:
    """Return the asked number of bits of a reply to functions 1 and 2; errors as `reply_registers`."""
    (count,) = struct.unpack_from(">H", request, 4)
    return list(_answer(request, reply, _BIT_READS).bits)[:count]


def check_write(request: bytes, reply: bytes) -> None:
    """Return when the reply accepts the write (functions 5, 6, 15, 16); raise UnexpectedReply, ChecksumError or DeviceRefused."""
    _answer(request, reply, (*_SINGLE_WRITES, *_BLOCK_WRITES))
    if reply[:6] != request[:6]:
        raise UnexpectedReply("the device answered with another value than the one written", sent=request.hex(" "), got=reply.hex(" "))


def _answer(request: bytes, reply: bytes, functions: tuple[int, ...]) -> ModbusPDU:
    """The reply's PDU, once it is known to answer the request."""
    if request[1] not in functions:
        raise EncodeError(f"request has function {request[1]}; expected one of {functions}", request=request.hex(" "))
    if _reply_length(request, bytearray(reply), 0) != len(checked(reply)):
        raise UnexpectedReply("reply does not answer the request: other unit, function, address or size", asked=request.hex(" "), got=reply.hex(" "))
    pdu = _REPLIES.decode(reply[1:-2])
    if pdu is None:
        raise UnexpectedReply("pymodbus cannot read the reply", got=reply.hex(" "))
    if isinstance(pdu, ExceptionResponse):
        code = pdu.exception_code
        reason = EXCEPTIONS.get(code, f"unknown exception {code}")
        raise _CLASSES.get(code, DeviceBusy)(f"device refused: {reason}", reason=reason, exception_code=code, device=reply[0])
    return pdu


def _reply_length(request: bytes, buffer: bytearray, at: int) -> int:
    """Length of the reply starting at `at` if it can be one to the request, its least length while that is open, or NOT_A_FRAME."""
    head = bytes(buffer[at : at + _HEADER_BYTES])
    function = request[1]
    if head[:1] != request[:1] or head[1:2] not in (b"", request[1:2], bytes([function | _REFUSED])):
        return NOT_A_FRAME
    if len(head) < 2 or head[1] & _REFUSED:
        return 5
    (count,) = struct.unpack_from(">H", request, 4)
    if function in (*_BIT_READS, *_REGISTER_READS):
        size = (count + 7) // 8 if function in _BIT_READS else 2 * count
        return 5 + size if head[2:3] in (b"", bytes([size])) else NOT_A_FRAME
    same = 2 if function in _SINGLE_WRITES else 4  # the address must come back; block writes bring the count as well
    return 8 if head[2 : 2 + same] == request[2 : 2 + same][: len(head) - 2] else NOT_A_FRAME


def checked(frame: bytes) -> bytes:
    """Return the frame itself if its CRC is right; raise FrameError or ChecksumError."""
    if len(frame) < FramerRTU.MIN_SIZE:
        raise FrameError(f"{len(frame)} bytes are no Modbus frame; expected at least {FramerRTU.MIN_SIZE}", frame=frame.hex(" "))
    if not FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big")):
        raise ChecksumError("CRC does not match", frame=frame.hex(" "))
    return frame


# --- numbers -----------------------------------------------------------------------------------------------------------

_NUMBERS: MappingProxyType[str, str] = MappingProxyType(
    {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "u64": ">Q", "i64": ">q", "f32": ">f", "f64": ">d"}
)


def decode_number(registers: Sequence[int], type: str, word_order: str = "big") -> int | Decimal:
    """Return the number in one to four registers. `type`: u16 i16 u32 i32 u64 i64 f32 f64; `word_order`: "big" = high word first, or "little".

    Floats become the shortest decimal that names them (f32 0x43663333 is 230.2). Raises PayloadError for NaN, infinity or a wrong register count.
    """
    layout = _NUMBERS.get(type)
    if layout is None or word_order not in ("big", "little"):
        raise EncodeError(f"type {type!r}, word order {word_order!r}: expected one of {', '.join(_NUMBERS)} and big or little")
    if 2 * len(registers) != struct.calcsize(layout):
        raise PayloadError(f"{type} takes {struct.calcsize(layout) // 2} registers, got {len(registers)}", registers=list(registers))
    words = registers if word_order == "big" else registers[::-1]
    raw = struct.pack(f">{len(words)}H", *words)
    (number,) = struct.unpack(layout, raw)
    return number if type[0] != "f" else _shortest(number, layout, raw)


def _shortest(number: float, layout: str, raw: bytes) -> Decimal:
    """The decimal with the fewest digits that packs to the same bytes."""
    if not math.isfinite(number):
        raise PayloadError(f"register holds {number}, which is no number", data=raw.hex(" "))
    for digits in range(1, 17):
        text = f"{number:.{digits}g}"
        try:
            if struct.pack(layout, float(text)) == raw:
                return Decimal(text)
        except OverflowError:  # rounded up beyond the largest f32; more digits will do
            continue
    return Decimal(f"{number:.17g}")  # 17 digits name every float64

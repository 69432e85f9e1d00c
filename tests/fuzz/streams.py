"""Codecs of frames in a byte stream: DL/T 645, CJ/T 188, Modbus RTU, and M-Bus and Q/GDW 376.1 where they exist."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from pymodbus.framer import FramerRTU

from protocol.errors import CampusError, DeviceRefused, FrameError, PayloadError, UnexpectedReply, WireError
from protocol.wire import cjt188, dlt645, modbus
from protocol.wire.dlt645 import Version
from protocol.wire.wirelog import Received, Sent, parse
from tests.fuzz.mutate import chunked, mangled
from tests.fuzz.subject import Subject, require

GOLDEN = Path(__file__).parents[1] / "golden" / "wire"
Frames = Sequence[Any]


def subjects() -> Iterator[Subject]:
    """One for each codec that exists."""
    yield _stream("dlt645", dlt645, _sum_from_68, bytes.fromhex("68 68 16 FE AA 99 00 33 11 91 0A FF"), (9,), _dlt645_replies)
    yield _stream("cjt188", cjt188, _sum_from_68, bytes.fromhex("68 68 16 FE AA 10 00 01 81 16 0B FF"), (10,), _cjt188_replies)
    yield _modbus()
    if find_spec("protocol.wire.mbus"):
        yield _stream(
            "mbus", import_module("protocol.wire.mbus"), _sum_behind_header(4), bytes.fromhex("68 68 16 10 E5 03 08 72 00 FF"), (1, 2), _nothing_more
        )
    if find_spec("protocol.wire.gdw376"):
        alphabet = bytes.fromhex("68 68 16 32 00 00 01 C9 02 71 10 FF")
        yield _stream("gdw376", import_module("protocol.wire.gdw376"), _sum_behind_header(6), alphabet, (1, 3), _gdw376_contents)


# --- what must hold of every stream ------------------------------------------------------------------------------------


def _stream(
    name: str, codec: ModuleType, repair: Callable[[bytearray], None], alphabet: bytes, length_at: Sequence[int], look: Callable[[Any, Random], None]
) -> Subject:
    valid = _golden(name) or _built(codec)
    good = valid[0]

    def check(data: bytes, rng: Random) -> None:
        frames = _fed(codec.Decoder(), [data, good])
        _whole(codec.Decoder, data + good, frames, rng)
        _found_again(data, good, [frame.to_bytes(0) if _has_preamble(codec) else frame.to_bytes() for frame in frames])
        _parsed_alone(codec.Frame, data)
        for frame in frames:
            look(frame, rng)

    return Subject(name, lambda rng: mangled(rng, valid, repair, alphabet, length_at), check)


def _fed(decoder: Any, pieces: Sequence[bytes]) -> list[Any]:
    """The frames in these pieces; the decoder must never hold more than its bound."""
    frames: list[Any] = []
    for piece in pieces:
        frames += decoder.feed(piece)
        require(decoder.missing >= 0, f"missing is {decoder.missing}")
        require((held := len(decoder._buffer)) <= 2 * decoder._longest, f"holds {held} bytes, more than two of the longest frames")
    return frames


def _whole(decoder: Callable[[], Any], data: bytes, frames: Frames, rng: Random) -> None:
    """Chunking changes nothing."""
    if rng.random() < 0.2:
        require(_fed(decoder(), chunked(rng, data)) == frames, "other frames when the bytes come in other pieces")


def _found_again(data: bytes, good: bytes, encoded: Sequence[bytes]) -> None:
    """Every frame is the bytes it came from, in order; the good frame behind the input is found, unless another one covers it."""
    stream, end = data + good, 0
    for raw in encoded:
        at = stream.find(raw, end)
        require(at >= 0, f"a frame encodes to bytes that did not come: {raw.hex(' ')}")
        end = at + len(raw)
    require(end > len(data), "a good frame behind the input is not found")


def _parsed_alone(frame: Any, data: bytes) -> None:
    """`from_bytes` of anything returns or raises a WireError."""
    try:
        one = frame.from_bytes(data)
    except WireError:
        return
    require(one.to_bytes().lstrip(b"\xfe") == data.lstrip(b"\xfe"), "encode(decode(x)) is not x")


# --- what frames say ---------------------------------------------------------------------------------------------------

_DLT645_ASKED = (
    dlt645.read_request(Version.V2007, "000102030425", "00010000"),
    dlt645.read_request(Version.V2007, dlt645.ANY_ADDRESS, "02010100"),
    dlt645.followup_request(Version.V2007, dlt645.ANY_ADDRESS, "00010000", 1),
    dlt645.read_address_request(),
    dlt645.remote_control_request(dlt645.ANY_ADDRESS, 0x1A, None, "000000"),
    dlt645.security_request(dlt645.ANY_ADDRESS, "078102FF", "00000000"),
)


def _dlt645_replies(frame: dlt645.Frame, rng: Random) -> None:
    asked, version = _DLT645_ASKED[rng.randrange(len(_DLT645_ASKED))], Version.V1997 if rng.random() < 0.2 else Version.V2007
    answers = dlt645.matches(version, asked, frame)
    try:
        dlt645.reply_data(version, asked, frame)
    except UnexpectedReply:
        require(not answers, "matches, and is unexpected")
    except DeviceRefused:
        require(answers and bool(frame.control & 0x40), "refused without the refusal bit")
    else:
        require(answers, "does not match, and has data")


_CJT188_ASKED = (
    cjt188.read_request(0x10, cjt188.ANY_ADDRESS, "901F"),
    cjt188.read_address_request(),
    cjt188.valve_request(0xAA, cjt188.ANY_ADDRESS, 0x55),
)


def _cjt188_replies(frame: cjt188.Frame, rng: Random) -> None:
    try:
        cjt188.reply_data(_CJT188_ASKED[rng.randrange(len(_CJT188_ASKED))], frame)
    except (UnexpectedReply, DeviceRefused, WireError):
        return


def _gdw376_contents(frame: Any, rng: Random) -> None:
    gdw376 = import_module("protocol.wire.gdw376")
    for look in (lambda: frame.units, lambda: frame.content, lambda: gdw376.forwarded(frame), lambda: gdw376.confirm(frame).to_bytes()):
        try:
            look()
        except CampusError:
            continue


def _nothing_more(frame: Any, rng: Random) -> None:
    """What an M-Bus answer says is a payload of its own (`payloads`)."""


# --- Modbus: the stream is read by what was asked ----------------------------------------------------------------------


def _modbus() -> Subject:
    asked = [modbus.read_request(1, function, 0, count) for function in (1, 2, 3, 4) for count in (1, 2, 21, 120)]
    asked += [modbus.write_coil_request(1, 0, True), modbus.write_register_request(1, 7, 9), modbus.write_registers_request(1, 0, [1, 2])]
    replies = {request: _modbus_reply(request) for request in asked}

    def make(rng: Random) -> bytes:
        request = asked[rng.randrange(len(asked))]
        valid = [replies[request], with_crc(bytes([1, request[1] | 0x80, rng.randrange(13)]))]
        return bytes([len(request)]) + request + mangled(rng, valid, _repair_crc, bytes.fromhex("01 01 03 04 83 05 06 10 00 02 FF"), (2,))

    def check(data: bytes, rng: Random) -> None:
        request, data = data[1 : 1 + data[0]], data[1 + data[0] :]
        good = replies[request]
        frames = _fed(modbus.ReplyDecoder(request), [data, good])
        _whole(lambda: modbus.ReplyDecoder(request), data + good, frames, rng)
        _found_again(data, good, frames)
        for frame in (*frames, data):
            _modbus_says(request, frame, in_stream=frame is not data)

    return Subject("modbus", make, check)


def _modbus_says(request: bytes, frame: bytes, in_stream: bool) -> None:
    """A frame the decoder found is answer or refusal; other bytes raise a WireError or UnexpectedReply as well."""
    read = modbus.reply_bits if request[1] in (1, 2) else modbus.reply_registers if request[1] in (3, 4) else modbus.check_write
    try:
        read(request, frame)
    except DeviceRefused:
        return
    except (WireError, UnexpectedReply):
        require(not in_stream or request[1] in (5, 6, 15, 16), "the decoder found a frame that answers nothing")


def _modbus_reply(request: bytes) -> bytes:
    function, count = request[1], int.from_bytes(request[4:6], "big")
    if function in (1, 2, 3, 4):
        size = (count + 7) // 8 if function in (1, 2) else 2 * count
        return with_crc(bytes([request[0], function, size]) + bytes(range(size)))
    return with_crc(request[:6])


def with_crc(body: bytes) -> bytes:
    """A Modbus frame."""
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


def _repair_crc(frame: bytearray) -> None:
    frame[-2:] = FramerRTU.compute_CRC(bytes(frame[:-2])).to_bytes(2, "big")


# --- frames to begin with ----------------------------------------------------------------------------------------------


def _golden(name: str) -> list[bytes]:
    """The frames of the golden wire logs of a protocol, bare."""
    logs = [parse(path.read_text(encoding="utf-8")) for path in sorted(GOLDEN.glob(f"{name}_*.log"))]
    return [entry.data.lstrip(b"\xfe") for log in logs for entry in log if isinstance(entry, Sent | Received)]


def _built(codec: ModuleType) -> list[bytes]:
    """Frames of a codec without logs, as it builds them."""
    raw = bytes.fromhex("68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 01 00 85 16")  # a concentrator's login
    try:
        return [codec.Frame.from_bytes(raw).to_bytes()]
    except (FrameError, PayloadError):
        return [bytes.fromhex("68 08 08 68 08 01 72 78 56 34 12 01 90 16"), bytes.fromhex("10 40 01 41 16")]


def _has_preamble(codec: ModuleType) -> bool:
    return codec in (dlt645, cjt188)


def _sum_from_68(frame: bytearray) -> None:
    start = frame.find(0x68)
    if 0 <= start < len(frame) - 2:
        frame[-2:] = bytes([sum(frame[start:-2]) & 0xFF, 0x16])


def _sum_behind_header(first: int) -> Callable[[bytearray], None]:
    def repair(frame: bytearray) -> None:
        if len(frame) > first + 2:
            frame[-2:] = bytes([sum(frame[first:-2]) & 0xFF, 0x16])

    return repair

from __future__ import annotations

import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ChecksumError, DeviceRefused, EncodeError, FrameError, PayloadError, UnexpectedReply
from protocol.wire import modbus
from protocol.wire.modbus import ReplyDecoder, check_write, decode_number, read_request, reply_bits, reply_registers

READ = read_request(1, 4, 0x0156, 2)
REPLY = bytes.fromhex("01 04 04 43 66 33 34 1B 38")


def crc16(data: bytes) -> bytes:
    """CRC-16/MODBUS by its definition, so that nothing here rests on the code under test."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


def frame(text: str) -> bytes:
    body = bytes.fromhex(text)
    return body + crc16(body)


def test_registers_come_out_of_a_reply():
    assert ReplyDecoder(READ).feed(REPLY) == [REPLY]
    assert reply_registers(READ, REPLY) == [0x4366, 0x3334]


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=125), st.sampled_from([3, 4]), st.integers(1, 247))
def test_register_replies_round_trip(registers: list[int], function: int, unit: int):
    body = struct.pack(f">BBB{len(registers)}H", unit, function, 2 * len(registers), *registers)

    assert reply_registers(read_request(unit, function, 0, len(registers)), body + crc16(body)) == registers


@given(st.lists(st.booleans(), min_size=1, max_size=200), st.sampled_from([1, 2]))
def test_bit_replies_hold_exactly_the_asked_bits(bits: list[bool], function: int):
    packed = sum(bit << at for at, bit in enumerate(bits)).to_bytes((len(bits) + 7) // 8, "little")
    body = bytes([1, function, len(packed)]) + packed

    assert reply_bits(read_request(1, function, 0, len(bits)), body + crc16(body)) == bits


def test_noise_and_echo_are_skipped_and_counted():
    decoder = ReplyDecoder(READ)

    assert decoder.feed(b"\x00\xff" + READ + REPLY + b"\x55") == [REPLY]
    assert decoder.noise_bytes == 2 + len(READ) + 1


def test_hit_reply_is_counted_and_not_delivered():
    decoder = ReplyDecoder(READ)

    assert decoder.feed(REPLY[:-1] + b"\x39") == []
    assert decoder.checksum_errors == 1


@pytest.mark.parametrize(
    "foreign",
    ["02 04 04 43 66 33 34", "01 03 04 43 66 33 34", "01 04 02 43 66", "01 04 06 43 66 33 34 00 00", "01 04 02 43 66 33 34", "01 83 02"],
    ids=["unit", "function", "fewer registers", "more registers", "byte count that lies", "exception to another function"],
)
def test_reply_to_another_question_is_neither_delivered_nor_read(foreign: str):
    assert ReplyDecoder(READ).feed(frame(foreign)) == []
    with pytest.raises(UnexpectedReply):
        reply_registers(READ, frame(foreign))


@pytest.mark.parametrize(("code", "reason"), [(2, "illegal data address"), (6, "device busy"), (99, "unknown exception 99")])
def test_exception_is_a_refusal_with_its_code(code: int, reason: str):
    reply = frame(f"01 84 {code:02X}")

    assert ReplyDecoder(READ).feed(reply) == [reply]
    with pytest.raises(DeviceRefused) as refused:
        reply_registers(READ, reply)
    assert (refused.value.details["exception_code"], refused.value.details["reason"]) == (code, reason)


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (modbus.write_coil_request(1, 3, True), "01 05 00 03 FF 00"),
        (modbus.write_register_request(1, 3, 0x1234), "01 06 00 03 12 34"),
        (modbus.write_coils_request(1, 3, [True, False, True]), "01 0F 00 03 00 03"),
        (modbus.write_registers_request(1, 3, [1, 2]), "01 10 00 03 00 02"),
    ],
)
def test_accepted_write(request_: bytes, reply: str):
    decoder = ReplyDecoder(request_)

    assert decoder.feed(frame(reply)) == [frame(reply)]
    check_write(request_, frame(reply))
    with pytest.raises(DeviceRefused):
        check_write(request_, frame(f"01 {request_[1] | 0x80:02X} 02"))


def test_write_answered_with_another_value_is_unexpected():
    with pytest.raises(UnexpectedReply):
        check_write(modbus.write_register_request(1, 3, 100), frame("01 06 00 03 00 63"))


@pytest.mark.parametrize(
    ("request_", "foreign"),
    [
        (modbus.write_register_request(1, 3, 100), "01 06 00 04 00 64"),
        (modbus.write_registers_request(1, 3, [1, 2]), "01 10 00 04 00 02"),
        (modbus.write_registers_request(1, 3, [1, 2]), "01 10 00 03 00 03"),
    ],
    ids=["address", "block address", "block count"],
)
def test_answer_to_another_write_is_not_taken_for_ours(request_: bytes, foreign: str):
    assert ReplyDecoder(request_).feed(frame(foreign)) == []
    with pytest.raises(UnexpectedReply):
        check_write(request_, frame(foreign))


def test_echo_of_a_block_write_is_skipped():
    request = modbus.write_registers_request(1, 3, [1, 2])
    decoder = ReplyDecoder(request)

    assert decoder.feed(request + frame("01 10 00 03 00 02")) == [frame("01 10 00 03 00 02")]


@pytest.mark.parametrize(("reply", "error"), [(REPLY[:3], FrameError), (REPLY[:-1] + b"\x39", ChecksumError)])
def test_reply_readers_check_the_frame_themselves(reply: bytes, error: type[Exception]):
    with pytest.raises(error):
        reply_registers(READ, reply)


@pytest.mark.parametrize(
    "build",
    [
        lambda: read_request(1, 3, 0, 126),
        lambda: read_request(1, 1, 0, 2001),
        lambda: read_request(1, 3, 0, 0),
        lambda: read_request(1, 3, 65536, 1),
        lambda: read_request(1, 5, 0, 1),
        lambda: read_request(256, 3, 0, 1),
        lambda: read_request(-1, 3, 0, 1),
        lambda: modbus.write_coil_request(1, 0, 65536),
        lambda: modbus.write_register_request(1, 0, 65536),
        lambda: modbus.write_register_request(1, 0, -1),
        lambda: modbus.write_registers_request(1, 0, []),
        lambda: modbus.write_registers_request(1, 0, [0] * 124),
        lambda: reply_bits(READ, REPLY),
    ],
)
def test_what_cannot_be_sent_is_refused_before_sending(build):
    with pytest.raises(EncodeError):
        build()


# --- numbers ---


@pytest.mark.parametrize(
    ("registers", "kind", "order", "number"),
    [
        ([0xFFFF], "u16", "big", 65535),
        ([0xFFFF], "i16", "big", -1),
        ([0x0001, 0x0002], "u32", "big", 65538),
        ([0x0002, 0x0001], "u32", "little", 65538),
        ([0xFFFF, 0xFFFE], "i32", "big", -2),
        ([0xFFFE, 0xFFFF], "i32", "little", -2),
        ([0, 0, 1, 0], "u64", "big", 65536),
        ([0xFFFF] * 4, "i64", "little", -1),
        ([0x4366, 0x3333], "f32", "big", Decimal("230.2")),
        ([0x3333, 0x4366], "f32", "little", Decimal("230.2")),
        ([0x0000, 0x0000], "f32", "big", Decimal(0)),
        ([0x7F7F, 0xFFFF], "f32", "big", Decimal("3.4028235E+38")),
        ([0x0000, 0x0001], "f32", "big", Decimal("1E-45")),
        ([0x406C, 0xC666, 0x6666, 0x6666], "f64", "big", Decimal("230.2")),
    ],
)
def test_number_in_registers(registers: list[int], kind: str, order: str, number: int | Decimal):
    assert decode_number(registers, kind, order) == number


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_f32_is_the_shortest_decimal_that_names_the_same_float(number: float):
    raw = struct.pack(">f", number)

    decimal = decode_number(struct.unpack(">2H", raw), "f32")

    assert isinstance(decimal, Decimal)
    assert struct.pack(">f", float(decimal)) == raw
    assert len(decimal.as_tuple().digits) <= 9


@given(st.integers(-100_000_000, 100_000_000).map(lambda n: Decimal(n).scaleb(-2)))
def test_f64_gives_back_the_decimal_a_meter_meant(meant: Decimal):
    assert decode_number(struct.unpack(">4H", struct.pack(">d", float(meant))), "f64") == meant


@pytest.mark.parametrize("registers", [[0x7FC0, 0], [0x7F80, 0], [0xFF80, 0]])
def test_nan_and_infinity_are_no_numbers(registers: list[int]):
    with pytest.raises(PayloadError):
        decode_number(registers, "f32")


@pytest.mark.parametrize(("registers", "kind"), [([1], "u32"), ([1, 2], "u16"), ([], "f32")])
def test_wrong_register_count_is_a_payload_error(registers: list[int], kind: str):
    with pytest.raises(PayloadError):
        decode_number(registers, kind)


@pytest.mark.parametrize(("kind", "order"), [("u8", "big"), ("u16", "middle")])
def test_unknown_type_or_order_is_refused(kind: str, order: str):
    with pytest.raises(EncodeError):
        decode_number([1], kind, order)

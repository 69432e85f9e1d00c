"""Prepaid payloads, against a maker's example frames (style C), a captured status query, and lay-outs written by hand."""

from __future__ import annotations

from datetime import datetime

import pytest

from protocol.errors import EncodeError, PayloadError
from protocol.wire import recharge
from protocol.wire.dlt645 import Frame, Version, reply_data, security_request
from protocol.wire.recharge import (
    Authenticated,
    Authentication,
    Order,
    Preset,
    Purchase,
    PurchaseRecord,
    SessionEnd,
    SessionLength,
    Status,
    Wallet,
    decode,
    decode_record,
    encode,
    plain_order,
    plain_purchase,
)

METER = "260305510012"
RECHARGED = (
    "68 12 00 51 05 03 26 68 03 22 32 35 34 3A 77 66 55 44 43 5A 33 33 6B 74 45 35 95 B5 73 45 33 33 33 33 45 33 84 38 36 59 33 33 33 33 8A 16"
)
REFUNDED = "68 12 00 51 05 03 26 68 03 22 32 3B 34 3A 77 66 55 44 1B 36 33 33 6C 74 45 35 95 B5 73 45 33 33 33 33 45 33 84 38 36 59 33 33 33 33 45 16"
STATUS_ASKED = "68 12 00 51 05 03 26 68 03 08 32 35 B4 3A 44 55 66 77 37 16"
MAC_1, MAC_2 = bytes.fromhex("A1 A2 A3 A4"), bytes.fromhex("B1 B2 B3 B4")

LAYOUTS = [
    (Purchase(5000, 3, MAC_1, "000000123456", MAC_2), "88 13 00 00 03 00 00 00 A1 A2 A3 A4 56 34 12 00 00 00 B1 B2 B3 B4"),
    (plain_purchase(5000, 3, "000000123456"), "88 13 00 00 03 00 00 00 00 00 00 00 56 34 12 00 00 00 00 00 00 00"),
    (Preset(5000, MAC_1, 0, MAC_2), "88 13 00 00 A1 A2 A3 A4 00 00 00 00 B1 B2 B3 B4"),
    (Wallet(70_000, 259, "987654321012"), "70 11 01 00 03 01 00 00 12 10 32 54 76 98"),
    (
        Status(70_000, MAC_1, 259, MAC_2, "987654321012", b"\x00\x01\x02\x03"),
        "70 11 01 00 A1 A2 A3 A4 03 01 00 00 B1 B2 B3 B4 12 10 32 54 76 98 00 01 02 03",
    ),
    (Authentication(b"cipher 8", b"random 8", b"spread 8"), (b"cipher 8" + b"random 8" + b"spread 8").hex()),
    (Authenticated(b"rand", b"serial 8"), b"randserial 8".hex()),
    (SessionLength(300, MAC_1), "2C 01 A1 A2 A3 A4"),
    (SessionEnd("987654321012", 70_000, 259, MAC_2), "12 10 32 54 76 98 70 11 01 00 03 01 00 00 B1 B2 B3 B4"),
]


@pytest.mark.parametrize(
    ("di", "order", "frame"),
    [
        (recharge.RECHARGE, plain_order(10_000, "1240826202124138", METER), RECHARGED),
        (recharge.REFUND, plain_order(1000, "1240826202124139", METER), REFUNDED),
    ],
    ids=["recharge", "refund"],
)
def test_style_c_makes_the_makers_example_frame(di: str, order: Order, frame: str):
    assert security_request(METER, di, "11223344", encode(order)).to_bytes(0) == bytes.fromhex(frame)
    assert decode(Order, Frame.from_bytes(bytes.fromhex(frame)).data[8:]) == order


def test_status_query_is_the_captured_frame():
    assert security_request(METER, recharge.STATUS, "44332211").to_bytes(0) == bytes.fromhex(STATUS_ASKED)


@pytest.mark.parametrize(("message", "payload"), LAYOUTS, ids=lambda one: type(one).__name__)
def test_layout_both_ways(message: recharge.Message, payload: str):
    assert encode(message) == bytes.fromhex(payload)
    assert decode(type(message), bytes.fromhex(payload)) == message


@pytest.mark.parametrize(
    ("di", "message", "size"),
    [
        (recharge.OPEN_ACCOUNT, plain_purchase(1, 1, "0" * 12), 0x1E),
        (recharge.RECHARGE, plain_purchase(1, 1, "0" * 12), 0x1E),
        (recharge.PRESET, Preset(1, MAC_1, 0, MAC_2), 0x18),
        (recharge.RECHARGE, plain_order(1, "0" * 16, "0" * 12), 0x22),
        (recharge.AUTHENTICATE, Authentication(bytes(8), bytes(8), bytes(8)), 0x20),
        (recharge.SESSION_LENGTH, SessionLength(5, MAC_1), 0x0E),
    ],
)
def test_request_has_the_length_the_supplement_names(di: str, message: recharge.Message, size: int):
    assert len(security_request(METER, di, "00000000", encode(message)).data) == size


def test_reply_to_a_recharge_of_style_b_tells_the_wallet():
    asked = security_request(METER, recharge.RECHARGE, "00000000", encode(plain_purchase(1, 3, "123456123456")))
    reply = Frame(METER, 0x83, bytes.fromhex("FF 02 01 07 70 11 01 00 03 00 00 00 56 34 12 56 34 12"))

    assert decode(Wallet, reply_data(Version.V2007, asked, reply).data) == Wallet(70_000, 3, "123456123456")


@pytest.mark.parametrize("message", [one for one, _ in LAYOUTS], ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("change", [-1, 1])
def test_payload_of_another_length_is_refused(message: recharge.Message, change: int):
    payload = encode(message)

    with pytest.raises(PayloadError):
        decode(type(message), payload[:-1] if change < 0 else payload + b"\x00")


def test_customer_number_with_other_digits_is_refused():
    with pytest.raises(PayloadError, match="customer"):
        decode(Wallet, bytes(8) + b"\x0a\x00\x00\x00\x00\x00")


@pytest.mark.parametrize(
    "message",
    [
        plain_purchase(-1, 1, "0" * 12),
        plain_purchase(1 << 32, 1, "0" * 12),
        plain_purchase(1, 1 << 32, "0" * 12),
        plain_purchase(1, 1, "0" * 11),
        plain_purchase(1, 1, "0" * 11 + "A"),
        plain_purchase(1, 1, "0" * 11 + "²"),
        Purchase(1, 1, bytes(3), "0" * 12, bytes(4)),
        plain_order(1, "0" * 15, "0" * 12),
    ],
)
def test_what_does_not_fit_is_refused_before_sending(message: recharge.Message):
    with pytest.raises(EncodeError):
        encode(message)


# --- what was bought ---

BOUGHT = [bytes.fromhex(text) for text in ("05 13 22 11 26", "03 00", "00 50 00 00", "42 06 00 00", "42 56 00 00", "00 50 01 00")]


def test_purchase_is_read_back():
    assert decode_record(*BOUGHT) == PurchaseRecord(datetime(2026, 11, 22, 13, 5), 3, 5000, 642, 5642, 15_000)


@pytest.mark.parametrize("date", [bytes(5), b"\xff" * 5])
def test_place_not_used_yet_is_no_purchase(date: bytes):
    assert decode_record(date, *BOUGHT[1:]) is None


@pytest.mark.parametrize("place", range(1, 6))
@pytest.mark.parametrize("data", [b"", b"\x01" * 5, b"\x0a\x00\x00\x00"])
def test_purchase_with_a_bad_part_is_a_payload_error(place: int, data: bytes):
    parts = [*BOUGHT[:place], data, *BOUGHT[place + 1 :]]

    with pytest.raises(PayloadError):
        decode_record(*parts)


def test_purchase_without_a_time_is_a_payload_error():
    with pytest.raises(PayloadError, match="time"):
        decode_record(b"\x05\x13\x32\x11\x26", *BOUGHT[1:])

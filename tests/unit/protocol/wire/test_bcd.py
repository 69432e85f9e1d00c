from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import EncodeError, PayloadError
from protocol.wire import bcd

SIZES = st.integers(1, 8)


@pytest.mark.parametrize(
    ("value", "data"),
    [(12345678, "78 56 34 12"), (0, "00 00 00 00"), (99999999, "99 99 99 99"), (120642, "42 06 12 00")],
)
def test_low_byte_comes_first(value: int, data: str):
    assert bcd.encode_bcd(value, 4) == bytes.fromhex(data)
    assert bcd.decode_bcd(bytes.fromhex(data)) == value


def test_top_bit_of_highest_byte_is_the_sign():
    # -1.2345 kW as three bytes XX.XXXX
    assert bcd.decode_signed_bcd(bytes.fromhex("45 23 81")) == -12345
    assert bcd.encode_signed_bcd(-12345, 3) == bytes.fromhex("45 23 81")


def test_negative_zero_reads_as_zero():
    assert bcd.decode_signed_bcd(bytes.fromhex("00 00 80")) == 0


@given(size=SIZES, data=st.data())
def test_unsigned_round_trip(size: int, data):
    value = data.draw(st.integers(0, 100**size - 1))

    assert bcd.decode_bcd(bcd.encode_bcd(value, size)) == value


@given(size=SIZES, data=st.data())
def test_signed_round_trip(size: int, data):
    limit = 8 * 10 ** (2 * size - 1)
    value = data.draw(st.integers(1 - limit, limit - 1))

    assert bcd.decode_signed_bcd(bcd.encode_signed_bcd(value, size)) == value


@given(data=st.binary(max_size=8))
def test_any_bytes_decode_or_raise_payload_error(data: bytes):
    is_bcd = bool(data) and all(nibble in "0123456789" for nibble in data.hex())
    if is_bcd:
        assert bcd.encode_bcd(bcd.decode_bcd(data), len(data)) == data
    else:
        with pytest.raises(PayloadError):
            bcd.decode_bcd(data)


@pytest.mark.parametrize(("value", "size"), [(-1, 4), (100_000_000, 4), (1, 0)])
def test_unsigned_out_of_range_is_refused(value: int, size: int):
    with pytest.raises(EncodeError):
        bcd.encode_bcd(value, size)


@pytest.mark.parametrize("value", [800_000, -800_000])
def test_signed_values_that_would_hit_the_sign_bit_are_refused(value: int):
    with pytest.raises(EncodeError):
        bcd.encode_signed_bcd(value, 3)


@pytest.mark.parametrize(
    ("address", "fill", "wire"),
    [("123456789", "0", "89 67 45 23 01 00"), ("123456789", "A", "89 67 45 23 A1 AA"), ("A" * 12, "0", "AA AA AA AA AA AA")],
)
def test_address_goes_low_byte_first(address: str, fill: str, wire: str):
    assert bcd.encode_address(address, 6, fill) == bytes.fromhex(wire)


@given(address=st.text("0123456789A", min_size=12, max_size=12))
def test_address_round_trip(address: str):
    assert bcd.decode_address(bcd.encode_address(address, 6)) == address


@pytest.mark.parametrize("address", ["", "1" * 13, "12345678901F", "12 34", "-1", "aaaaaaaaaaaa", "１２"])
def test_address_of_other_characters_is_refused(address: str):
    with pytest.raises(EncodeError):
        bcd.encode_address(address, 6)


def test_address_bytes_beyond_digits_are_no_address():
    assert not bcd.is_address(b"\x12\x3b")
    with pytest.raises(PayloadError):
        bcd.decode_address(b"\x12\x3b")


@pytest.mark.parametrize(
    ("asked", "got", "same"),
    [
        ("AAAAAAAAAA25", "000102030425", True),
        ("AAAAAAAAAA25", "000102030426", False),
        ("000102030425", "AAAAAAAAAAAA", False),
        ("0001", "00010", False),
    ],
)
def test_wildcard_digits_match_any_digit_of_the_reply(asked: str, got: str, same: bool):
    assert bcd.address_matches(asked, got) is same

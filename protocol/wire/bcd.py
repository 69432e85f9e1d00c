"""Packed BCD as meters send it: low byte first, two digits a byte, an optional sign in the top bit of the highest byte.

    12345678  ->  78 56 34 12            -12345 (3 bytes, signed)  ->  45 23 81

What a noisy line does: a hit nibble above 9 is no digit and raises PayloadError; a hit that yields another digit is the checksum's business.
Source: DL/T 645-2007 annex A (formats, sign bit); CJ/T 188-2004 uses the same packing without a sign.
"""

from __future__ import annotations

import re
from datetime import datetime

from protocol.errors import EncodeError, PayloadError

WILDCARD = "A"  # the digit that matches every digit of an address
_ADDRESS = re.compile(r"[0-9A]*")
_SIGN = 0x80


def decode_bcd(data: bytes) -> int:
    """Return the unsigned integer in low-byte-first BCD; raise PayloadError on a nibble above 9 or no bytes at all."""
    digits = data[::-1].hex()
    if not digits.isdecimal():
        raise PayloadError("data is not BCD: expected digits 0-9 in every nibble", data=data.hex(" ") or "(empty)")
    return int(digits)


def encode_bcd(value: int, size: int) -> bytes:
    """Return a non-negative integer as `size` bytes of BCD; raise EncodeError when it does not fit."""
    if not 0 <= value < 100**size:
        raise EncodeError(f"{value} does not fit {size} BCD bytes; expected 0..{100**size - 1}", value=value, size=size)
    return bytes.fromhex(f"{value:0{2 * size}d}")[::-1] if size else b""


def decode_signed_bcd(data: bytes) -> int:
    """Return the integer in BCD whose highest byte carries the sign in its top bit; errors as `decode_bcd`."""
    if not data or not data[-1] & _SIGN:
        return decode_bcd(data)
    return -decode_bcd(data[:-1] + bytes([data[-1] & ~_SIGN]))


def encode_signed_bcd(value: int, size: int) -> bytes:
    """Return an integer as `size` bytes of BCD with a sign bit, so the highest digit is at most 7; raise EncodeError when it does not fit."""
    limit = 8 * 10 ** (2 * size - 1) if size else 0
    if not -limit < value < limit:
        raise EncodeError(f"{value} does not fit {size} signed BCD bytes; expected less than {limit} either way", value=value, size=size)
    data = bytearray(encode_bcd(abs(value), size))
    if value < 0:
        data[-1] |= _SIGN
    return bytes(data)


def decode_minute(data: bytes) -> datetime:
    """Return mm hh DD MM YY as a naive time of this century; raise PayloadError when it is none."""
    try:
        minute, hour, day, month, year = (decode_bcd(data[at : at + 1]) for at in range(len(data)))
        return datetime(2000 + year, month, day, hour, minute)
    except ValueError as error:
        raise PayloadError("expected a time mm hh DD MM YY", data=data.hex(" ") or "(empty)") from error


def encode_address(address: str, size: int, fill: str = "0") -> bytes:
    """Return display digits (left-filled with `fill` to `size` bytes) as wire bytes, low byte first; digit `A` is the wildcard."""
    return bytes.fromhex(full_address(address, size, fill))[::-1]


def decode_address(data: bytes) -> str:
    """Return wire bytes as display digits, highest first; raise PayloadError on nibbles B-F."""
    text = data[::-1].hex().upper()
    if not _ADDRESS.fullmatch(text):
        raise PayloadError("address holds a nibble that is neither a digit nor the wildcard A", data=data.hex(" "))
    return text


def full_address(address: str, size: int, fill: str = "0") -> str:
    """Return display digits left-filled to `size` bytes; raise EncodeError on other characters or too many digits."""
    text = address.rjust(2 * size, fill)
    if not address or len(text) > 2 * size or not _ADDRESS.fullmatch(text):
        raise EncodeError(f"address {address!r}: expected 1 to {2 * size} digits 0-9 (or wildcard A)", address=address)
    return text


def address_matches(asked: str, got: str) -> bool:
    """True when every digit is equal or asked for with the wildcard."""
    return len(asked) == len(got) and all(one in (WILDCARD, other) for one, other in zip(asked, got, strict=True))


def is_address(data: bytes | bytearray) -> bool:
    """True when every nibble is a digit or the wildcard: what tells an address field from noise."""
    return all(byte & 0x0F <= 0x0A and byte >> 4 <= 0x0A for byte in data)

"""Integers in base units -> the bytes or registers of an item, exactly: a value the item cannot show is refused, never rounded.

The inverse of `fields`. What stands around the item (other fields of an identifier, other bits of a word) is kept as it was read.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from typing import TypeVar

from edge_agent.drivers.fields import byte_value, factor_in, register_value
from edge_agent.drivers.plan import Field
from protocol.errors import EncodeError
from protocol.profile_items import ByteItem, RegisterItem
from protocol.wire import bcd, modbus

T = TypeVar("T", bytes, list[int])
_LAYOUTS = {"u16": ">H", "i16": ">h", "u32": ">I", "i32": ">i", "u64": ">Q", "i64": ">q", "f32": ">f", "f64": ">d"}


def with_value(item: ByteItem, data: bytes, value: int) -> bytes:
    """The data of an identifier as it was read, with `value` in the item's place; raise EncodeError when the item cannot show it."""
    start = item.offset if item.offset >= 0 else len(data) + item.offset
    old = data[start : start + item.size] if start >= 0 else b""
    if len(old) < item.size:
        raise EncodeError(f"{item.quantity}: the device's data has {len(data)} bytes, too few for the item", value=value)
    count = _count(item, value, factor_in(item, data))
    if item.bits is not None:
        count = _spliced(int.from_bytes(old, "little"), count, item.bits, item.quantity)
    new = data[:start] + _encoded(item, count) + data[start + item.size :]
    return _proven(new, byte_value(Field(item, item.offset), new), item.quantity, value)  # type: ignore[arg-type]


def registers_with_value(item: RegisterItem, old: Sequence[int], value: int) -> list[int]:
    """The registers of an item as they were read, with `value` in them; raise EncodeError when the item cannot show it."""
    if item.type == "bit":
        raise EncodeError(f"{item.quantity} is a coil: a command switches it, no setting", value=value)
    number: float = float(Fraction(value) / item.factor()) if item.type.startswith("f") else _count(item, value, item.factor())
    if item.bits is not None:
        number = _spliced(int(modbus.decode_number(old, item.type, item.word_order)), int(number), item.bits, item.quantity)
    try:
        new = _words(item, struct.pack(_LAYOUTS[item.type], number))
    except (struct.error, OverflowError) as error:
        raise EncodeError(f"{item.quantity}: {value} does not fit {item.type}", value=value) from error
    return _proven(new, register_value(Field(item, 0), new), item.quantity, value)


def _count(item: ByteItem | RegisterItem, value: int, factor: Fraction) -> int:
    """The raw integer of a value."""
    exact = Fraction(value) / factor
    if exact.denominator != 1:
        raise EncodeError(f"{item.quantity}: {value} is no multiple of {factor} {item.spec.base_unit}, the step of the item", value=value)
    return exact.numerator


def _spliced(word: int, count: int, bits: tuple[int, int], quantity: str) -> int:
    lowest, width = bits
    if not 0 <= count < 1 << width:
        raise EncodeError(f"{quantity}: {count} does not fit {width} bits", value=count)
    return word & ~(((1 << width) - 1) << lowest) | count << lowest


def _encoded(item: ByteItem, count: int) -> bytes:
    if not item.is_bcd:
        if not 0 <= count < 256**item.size:
            raise EncodeError(f"{item.quantity}: {count} does not fit {item.format}", value=count)
        return count.to_bytes(item.size, "little")
    return bcd.encode_signed_bcd(count, item.size) if item.signed else bcd.encode_bcd(count, item.size)


def _words(item: RegisterItem, raw: bytes) -> list[int]:
    words = list(struct.unpack(f">{len(raw) // 2}H", raw))
    return words if item.word_order == "big" else words[::-1]


def _proven(new: T, shows: int | None, quantity: str, value: int) -> T:
    """The new data, once reading it gives the value again."""
    if shows != value:
        raise EncodeError(f"{quantity}: {value} cannot be written exactly; the item would show {shows}", value=value)
    return new

"""Reply bytes or registers -> integers in base units, exactly: no float, one rounding, half to even."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from edge_agent.drivers.plan import Field
from protocol.errors import CampusError, PayloadError
from protocol.profile_items import ByteItem, Item188, ItemMbus, RegisterItem
from protocol.quantities import UNIT_FACTORS
from protocol.wire import bcd, cjt188, mbus_data, mbus_value, modbus
from protocol.wire.mbus_record import Record

_INT64 = 1 << 63


@dataclass(frozen=True, slots=True)
class Decoded:
    """Values of one reply: (quantity, integer in base units). `bad`: what was there and could not be used, one message each."""

    values: tuple[tuple[str, int], ...]
    bad: tuple[str, ...] = ()


def decode_fields(fields: Iterable[Field], value_of: Callable[[Field], int | None]) -> Decoded:
    """Decode each field by itself: a broken one is told in `bad` and leaves the others; None (the meter has no such value) is left out."""
    values: list[tuple[str, int]] = []
    bad: list[str] = []
    for one in fields:
        try:
            value = value_of(one)
        except CampusError as error:
            bad.append(f"{one.item.quantity}: {error}")
            continue
        if value is not None:
            values.append((one.item.quantity, value))
    return Decoded(tuple(values), tuple(bad))


def byte_value(one: Field, data: bytes) -> int | None:
    """The value of an item in DL/T 645 or CJ/T 188 data; None if the data ends before it or holds FF filler. Raises PayloadError."""
    item = one.item
    if not isinstance(item, ByteItem):
        raise PayloadError("a register item cannot be read from bytes", quantity=item.quantity)
    start = one.offset if one.offset >= 0 else len(data) + one.offset
    raw = data[start : start + item.size] if start >= 0 else b""
    if len(raw) < item.size or (item.is_bcd and raw.count(0xFF) == len(raw)):
        return None
    return _base_units(_number(item, raw), factor_in(item, data), item.bits)


def register_value(one: Field, raw: Sequence[int] | Sequence[bool]) -> int | None:
    """The value of an item in the registers (functions 3, 4) or bits (1, 2) of a Modbus reply, None if there is none. Raises PayloadError."""
    item = one.item
    if not isinstance(item, RegisterItem):
        raise PayloadError("a byte item cannot be read from registers", quantity=item.quantity)
    words = raw[one.offset : one.offset + item.count]
    number = int(words[0]) if item.type == "bit" else modbus.decode_number(words, item.type, item.word_order)
    return None if number == item.absent_raw else _base_units(Fraction(number), item.factor(), item.bits)


def record_value(one: Field, records: Sequence[Record]) -> int | None:
    """The value of an item in the records of an M-Bus answer, scaled by the record's own VIF; None if no record holds it. Raises PayloadError."""
    item = one.item
    if not isinstance(item, ItemMbus):
        raise PayloadError("an item without a measure cannot be read from M-Bus records", quantity=item.quantity)
    record = mbus_data.find(records, item.measures, item.function, item.storage, item.tariff, item.subunit)
    if record is None:
        return None
    unit = record.meaning.unit
    factor = UNIT_FACTORS.get((unit, item.spec.base_unit))
    if factor is None:
        raise PayloadError(f"{item.measures} is measured in {unit}, which does not convert to {item.spec.base_unit}", quantity=item.quantity)
    return _base_units(mbus_value.number(record), factor, item.bits)


def _number(item: ByteItem, raw: bytes) -> Fraction:
    if not item.is_bcd:
        return Fraction(int.from_bytes(raw, "little"))
    return Fraction(bcd.decode_signed_bcd(raw) if item.signed else bcd.decode_bcd(raw))


def factor_in(item: ByteItem, data: bytes) -> Fraction:
    """The item's factor, or the one the wire's own unit byte demands (CJ/T 188)."""
    if not isinstance(item, Item188) or item.unit_at is None:
        return item.factor()
    code = data[item.unit_at] if -len(data) <= item.unit_at < len(data) else None
    unit = cjt188.UNIT_CODES.get(code) if code is not None else None
    factor = UNIT_FACTORS.get((unit, item.spec.base_unit)) if unit is not None else None
    if factor is None:
        shown = "nothing" if code is None else f"{code:02X}h"
        raise PayloadError(f"unit byte {shown} does not convert to {item.spec.base_unit}", quantity=item.quantity, unit=unit)
    return factor / Fraction(10**item.decimals)


def _base_units(number: Fraction, factor: Fraction, bits: tuple[int, int] | None) -> int:
    """Bits picked out of the raw word first, then the factor, then one rounding half to even."""
    if bits is not None:
        lowest, width = bits
        number = Fraction((int(number) >> lowest) & ((1 << width) - 1))
    value = round(number * factor)
    if not -_INT64 <= value < _INT64:
        raise PayloadError("value does not fit 64 bits", value=value)
    return value

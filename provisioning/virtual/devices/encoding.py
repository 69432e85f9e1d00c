"""Base-unit integers -> the raw counts and bytes a device keeps, by the profile's format, scale and ratio. The inverse of what the agent does."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from protocol.profile_items import ByteItem, Item, Ratio, RegisterItem
from protocol.quantities import Kind


@dataclass(frozen=True, slots=True)
class RawScale:
    """Exact conversion of one item: raw = value x numerator / denominator, wrapped at `wrap` (cumulative registers)."""

    numerator: int
    denominator: int
    wrap: int | None
    floors: bool

    def raw(self, value: int) -> int:
        """Return the raw count of a base-unit value: counters show completed steps, momentary values the nearest one."""
        scaled = value * self.numerator
        raw = scaled // self.denominator if self.floors else (2 * scaled + self.denominator) // (2 * self.denominator)
        return raw % self.wrap if self.wrap and raw >= 0 else raw  # a signed register below zero has not wrapped

    def real(self, value: int) -> float:
        """Return the unrounded raw number, for float registers."""
        return value * self.numerator / self.denominator

    def value(self, raw: int) -> int:
        """Return the base-unit value of a raw count."""
        return raw * self.denominator // self.numerator


def raw_scale(item: Item, ct: int, pt: int) -> RawScale:
    """Return the conversion of an item for a device behind the given transformer ratios (registers hold secondary values)."""
    ratio = {Ratio.NONE: 1, Ratio.CT: ct, Ratio.PT: pt, Ratio.CT_PT: ct * pt}[item.ratio]
    factor = item.factor() * ratio
    rollover = item.rollover() if isinstance(item, ByteItem | RegisterItem) else None
    wrap = None if rollover is None else int(rollover / item.factor())
    sign = -1 if factor < 0 else 1
    return RawScale(factor.denominator * sign, factor.numerator * sign, wrap, floors=item.spec.kind in (Kind.CUMULATIVE, Kind.STATE))


def encode_bytes(item: ByteItem, raw: int) -> bytes:
    """Return an item's raw count low byte first: packed BCD with the sign in the top bit (DL/T 645-2007 annex A), or binary.

    What a register cannot hold stays at its end, as in a meter.
    """
    if not item.is_bcd:
        return max(0, min((1 << 8 * item.size) - 1, raw)).to_bytes(item.size, "little")
    highest = (8 if item.signed else 10) * 10 ** (2 * item.size - 1) - 1  # the sign takes the top digit's highest bit
    encoded = bytearray(bcd(min(abs(raw), highest) if raw > 0 or item.signed else 0, item.size))
    if raw < 0 and item.signed:
        encoded[-1] |= 0x80
    return bytes(encoded)


def decode_bytes(item: ByteItem, data: bytes) -> int:
    """Return the raw count somebody wrote, low byte first. Raises ValueError for digits that are none."""
    raw = int.from_bytes(data, "little") if not item.is_bcd else int(bytes((*data[:-1], data[-1] & (0x7F if item.signed else 0xFF)))[::-1].hex())
    if item.bits is not None:
        raw = raw >> item.bits[0] & (1 << item.bits[1]) - 1
    return -raw if item.is_bcd and item.signed and data[-1] & 0x80 else raw


def bcd(number: int, size: int) -> bytes:
    """Return a number as packed BCD, low byte first, the lowest 2 x size digits."""
    digits = str(number).zfill(2 * size)[-2 * size :]
    return bytes.fromhex(digits)[::-1]


def encode_registers(item: RegisterItem, scale: RawScale, value: int) -> list[int]:
    """Return the 16-bit registers of an item, in address order."""
    if item.type in ("f32", "f64"):
        packed = struct.pack(">f" if item.type == "f32" else ">d", scale.real(value))
    else:
        size = 2 * item.count
        raw = scale.raw(value)
        if item.bits is not None:
            raw = (raw & (1 << item.bits[1]) - 1) << item.bits[0]
        if item.type.startswith("i"):
            limit = 1 << 8 * size - 1
            raw = max(-limit, min(limit - 1, raw))
        elif scale.wrap is None:
            raw = max(0, min((1 << 8 * size) - 1, raw))
        packed = (raw % 256**size).to_bytes(size, "big")
    words = [int.from_bytes(packed[at : at + 2], "big") for at in range(0, len(packed), 2)]
    return words if item.word_order == "big" else words[::-1]


def decode_registers(item: RegisterItem, scale: RawScale, words: Sequence[int]) -> int:
    """Return the base-unit value somebody wrote into an item's registers, given in address order."""
    ordered = words if item.word_order == "big" else words[::-1]
    packed = b"".join(word.to_bytes(2, "big") for word in ordered)
    if item.type in ("f32", "f64"):
        number: float = struct.unpack(">f" if item.type == "f32" else ">d", packed)[0]
        return round(number * scale.denominator / scale.numerator)
    raw = int.from_bytes(packed, "big", signed=item.type.startswith("i"))
    if item.bits is not None:
        raw = raw >> item.bits[0] & (1 << item.bits[1]) - 1
    return scale.value(raw)

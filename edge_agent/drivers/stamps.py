"""Instants by a device's own clock, as bytes and back. All are naive: the device's local time, whatever the device believes that to be.

A format names two-digit fields highest first (`YYMMDDhhmm`); two `YY` are century and year. DL/T 645 and CJ/T 188 send the lowest field first,
Modbus registers hold the fields in order, one a byte or one a register.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from edge_agent.drivers.asking import read_data
from edge_agent.drivers.procedure import Procedure
from protocol.errors import PayloadError
from protocol.profile import AnyProfile
from protocol.profile_logs import Period, Stamp188, Stamp1997, Stamp2007, StampModbus
from protocol.site_plan import Device

Stamp = Stamp2007 | Stamp1997 | Stamp188 | StampModbus
_FIELD = re.compile("YY|MM|DD|WW|hh|mm|ss")
_CENTURY = 2000  # of two-digit years; no meter of these protocols is older


def read_stamp(profile: AnyProfile, device: Device, stamp: Stamp) -> Procedure[datetime | None]:
    """The instant at a place of the device; None where it holds none (all zeros or filler)."""
    if isinstance(stamp, StampModbus):
        raw = yield from read_data(profile, device, (stamp.function, stamp.address, register_count(stamp)))
        return decode_registers(stamp, raw)
    return decode_instant(stamp.format, (yield from read_data(profile, device, (stamp.di,))), stamp.offset)


def decode_instant(format: str, data: bytes, offset: int = 0) -> datetime | None:
    """The instant in packed BCD, lowest field first. None for all zeros, filler, or data that ends before it. Raises PayloadError."""
    raw = data[offset : offset + len(format) // 2]
    if len(raw) < len(format) // 2 or _is_empty(raw):
        return None
    return _instant(format, [_bcd(byte) for byte in reversed(raw)], raw)


def encode_instant(format: str, at: datetime) -> bytes:
    """An instant as `decode_instant` takes it."""
    return bytes(_to_bcd(value) for value in reversed(_values(format, at)))


def decode_registers(stamp: StampModbus, raw: bytes) -> datetime | None:
    """The instant in registers (high byte first); errors as `decode_instant`."""
    width = 2 if stamp.width == "register" else 1
    cells = [raw[at : at + width] for at in range(0, width * (len(stamp.format) // 2), width)]
    if len(cells[-1]) < width or _is_empty(b"".join(cells)):
        return None
    numbers = [int.from_bytes(cell, "big") if stamp.coding == "binary" else _bcd_number(cell) for cell in cells]
    return _instant(stamp.format, numbers, raw)


def encode_registers(stamp: StampModbus, at: datetime) -> list[int]:
    """An instant as the registers of a stamp."""
    values = _values(stamp.format, at)
    cells = values if stamp.coding == "binary" else [_to_bcd(value) for value in values]
    if stamp.width == "register":
        return cells
    even = cells if len(cells) % 2 == 0 else [*cells, 0]
    return [high << 8 | low for high, low in zip(even[::2], even[1::2], strict=True)]


def register_count(stamp: StampModbus) -> int:
    """Registers a stamp takes."""
    fields = len(stamp.format) // 2
    return fields if stamp.width == "register" else (fields + 1) // 2


def period_end(now: datetime, period: Period, back: int = 0) -> datetime:
    """When the last period ended, seen from `now`, or the one `back` periods before it."""
    if period == "hour":
        return now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=back)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return midnight - timedelta(days=back)
    months = midnight.year * 12 + midnight.month - 1 - back
    return midnight.replace(year=months // 12, month=months % 12 + 1, day=1)


def _is_empty(raw: bytes) -> bool:
    return raw.count(0) == len(raw) or raw.count(0xFF) == len(raw) or raw.count(0xEE) == len(raw)


def _instant(format: str, numbers: list[int], raw: bytes) -> datetime:
    """Fields, highest first, as an instant. What a format leaves out is its least value; hour 24 is the next day's 0."""
    fields: dict[str, int] = {}
    for name, number in zip(_FIELD.findall(format), numbers, strict=True):
        fields[name] = 100 * fields[name] + number if name in fields else number
    year = fields.get("YY", 0)
    day_over = fields.get("hh", 0) == 24
    try:
        at = datetime(
            year if year >= 100 else _CENTURY + year,
            fields.get("MM", 1),
            fields.get("DD", 1),
            0 if day_over else fields.get("hh", 0),
            fields.get("mm", 0),
            fields.get("ss", 0),
        )
        return at + timedelta(days=day_over)
    except (ValueError, OverflowError) as error:
        raise PayloadError(f"no instant in the format {format}: {error}", data=raw.hex(" ")) from error


def _values(format: str, at: datetime) -> list[int]:
    """The fields of an instant, highest first; Sunday is day 0 of the week (DL/T 645-2007 annex A)."""
    years = [at.year // 100, at.year % 100] if format.startswith("YYYY") else [at.year % 100]
    of = {"MM": at.month, "DD": at.day, "WW": at.isoweekday() % 7, "hh": at.hour, "mm": at.minute, "ss": at.second}
    return [years.pop(0) if name == "YY" else of[name] for name in _FIELD.findall(format)]


def _bcd(byte: int) -> int:
    if byte >> 4 > 9 or byte & 0x0F > 9:
        raise PayloadError("an instant is not packed BCD", data=f"{byte:02x}")
    return 10 * (byte >> 4) + (byte & 0x0F)


def _bcd_number(cell: bytes) -> int:
    number = 0
    for byte in cell:
        number = 100 * number + _bcd(byte)
    return number


def _to_bcd(value: int) -> int:
    return value // 10 << 4 | value % 10

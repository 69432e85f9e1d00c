"""What the data of an M-Bus record mean: an exact number, a text, a point in time.

Types of EN 13757-3:2013 annex A, low byte first:
    A  BCD, a highest digit F is a minus sign            B  two's complement, the most negative number says "invalid"
    H  32-bit real                                       variable: text, BCD (C0.. positive, D0.. negative), binary (E0.., F0..)
    G  | year low 3, day 5 | year high 4, month 4 |      F  | invalid 1, minute 6 | century 2, hour 5 | type G |
    I  | second 6 | minute 6 | hour 5 | type G | week |

Raises PayloadError for one record alone; the others of the telegram are not touched.
"""

from __future__ import annotations

from datetime import date, datetime
from fractions import Fraction

from protocol.errors import PayloadError
from protocol.wire.bcd import decode_bcd
from protocol.wire.mbus_record import VARIABLE, Record
from protocol.wire.modbus import decode_number

_REAL, _BCD = 0x5, (0x9, 0xA, 0xB, 0xC, 0xE)
_INVALID = 0x80
_LAST_YEAR = 99


def number(record: Record) -> Fraction:
    """Return the value in its meaning's unit, exactly. A 32-bit real means the shortest decimal that names it. Raises PayloadError."""
    meaning = record.meaning
    if meaning.error:
        raise PayloadError(f"the slave marks the value: {meaning.error}")
    return _raw_number(record) * meaning.factor


def text(record: Record) -> str:
    """Return a text sent as variable-length data; raise PayloadError for anything else."""
    if record.coding != VARIABLE or record.data[0] > 0xBF:
        raise PayloadError("record holds no text", data=record.data.hex(" "))
    return record.data[:0:-1].decode("latin-1")


def instant(record: Record) -> datetime | date:
    """Return a point in time of the slave's clock: type G (two bytes, a date), F (four, to the minute) or I (six, to the second).

    Raises PayloadError for anything else and for what the slave marks as invalid or no calendar has ("every month", 00).
    """
    try:
        return _instant(record.data)
    except ValueError as error:
        raise PayloadError(f"record holds no point in time: {error}", data=record.data.hex(" ")) from error


def _raw_number(record: Record) -> Fraction:
    if record.coding == _REAL:
        low, high = (int.from_bytes(record.data[at : at + 2], "little") for at in (0, 2))
        return Fraction(decode_number([high, low], "f32"))
    if record.coding == VARIABLE:
        return _variable_number(record.data[0], record.data[1:])
    if record.coding in _BCD:
        return Fraction(_signed_bcd(record.data))
    return Fraction(_integer(record.data))


def _variable_number(lvar: int, data: bytes) -> Fraction:
    if 0xC0 <= lvar <= 0xC9 and data:
        return Fraction(decode_bcd(data))
    if 0xD0 <= lvar <= 0xD9 and data:
        return Fraction(-decode_bcd(data))
    if lvar < 0xE0:
        raise PayloadError("record holds no number", data=data.hex(" ") or "(empty)")
    return Fraction(_integer(data))


def _signed_bcd(data: bytes) -> int:
    """Type A: a highest digit F is a minus sign."""
    if data[-1] >> 4 != 0xF:
        return decode_bcd(data)
    return -decode_bcd(data[:-1] + bytes([data[-1] & 0x0F]))


def _integer(data: bytes) -> int:
    """Type B: two's complement; the most negative number says "invalid"."""
    value = int.from_bytes(data, "little", signed=True)
    if not data or value == -(1 << 8 * len(data) - 1):
        raise PayloadError("record holds no number" if not data else "the slave marks the value as invalid", data=data.hex(" ") or "(empty)")
    return value


def _instant(data: bytes) -> datetime | date:
    if len(data) == 2:
        return _day(data[0], data[1], 0)
    if len(data) not in (4, 6):
        raise ValueError(f"{len(data)} bytes")
    second = data[0] & 0x3F if len(data) == 6 else 0
    minute, hour, low, high = data[-5:-1] if len(data) == 6 else data
    if minute & _INVALID:
        raise ValueError("marked invalid")
    day = _day(low, high, hour >> 5 & 3 if len(data) == 4 else 0)
    return datetime(day.year, day.month, day.day, hour & 0x1F, minute & 0x3F, second)


def _day(low: int, high: int, century: int) -> date:
    """Without a century, years up to 80 are in 2000 (EN 13757-3 annex A, type G)."""
    year = low >> 5 | high >> 4 << 3
    if year > _LAST_YEAR:
        raise ValueError(f"year {year}")
    base = 1900 + 100 * century if century else 2000 if year <= 80 else 1900
    return date(base + year, high & 0x0F, low & 0x1F)

"""What stands in a CJ/T 188 reading (901F), told by its length: makers answer it in three layouts.

    6 bytes    | total 4 | ST0 ST1 |                                                                     no unit: cubic metres by custom
    19         | total 4, unit | settlement 4, unit | clock 7 | ST0 ST1 |                                water, gas (CJ/T 188-2004)
    43         | settled energy 4, unit | energy 4, unit | power 4, unit | flow 4, unit | total 4, unit |
               | supply temperature 3 | return temperature 3 | hours 3 | clock 7 | ST0 ST1 |             heat, and ultrasonic water meters

Registers are BCD with two decimals (flow four), temperatures BCD with two, low byte first; clock ss mm hh DD MM YY CC. The frame's L counts three
bytes more (identifier and SER): 09, 16h, 2E. Profiles name the places they read themselves; this is for readings nobody wrote a profile for.
What the status bytes mean: `protocol.status_words`.

Source: CJ/T 188-2004 annex A (water, heat); the short form and the heat layout of water meters from published drivers (one source each).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from protocol.errors import PayloadError
from protocol.wire.bcd import decode_bcd
from protocol.wire.cjt188 import UNIT_CODES

SHORT_BYTES, WATER_BYTES, HEAT_BYTES = 6, 19, 43
_FILLER = 0xFF
_NO_UNIT = "m3"


@dataclass(frozen=True, slots=True)
class Amount:
    """An exact number and its unit, as `UNIT_CODES` writes it."""

    value: Fraction
    unit: str


@dataclass(frozen=True, slots=True)
class Reading188:
    """One reading. `total`: the volume register; `settled`: as it was at the settlement day. None: not in this layout, or FF filler."""

    total: Amount | None
    status: bytes
    settled: Amount | None = None
    clock: datetime | None = None
    energy: Amount | None = None
    power: Amount | None = None
    flow: Amount | None = None
    supply_temperature: Fraction | None = None
    return_temperature: Fraction | None = None
    hours: int | None = None


def reading(data: bytes) -> Reading188:
    """Return what stands behind identifier and SER of a 901F reply; raise PayloadError for another length, a unit nobody knows, or no BCD."""
    if len(data) == SHORT_BYTES:
        return Reading188(_plain(data[:4]), data[-2:])
    if len(data) == WATER_BYTES:
        return Reading188(_amount(data, 0), data[-2:], _amount(data, 5), _clock(data[10:17]))
    if len(data) != HEAT_BYTES:
        raise PayloadError(f"a reading takes {SHORT_BYTES}, {WATER_BYTES} or {HEAT_BYTES} bytes, got {len(data)}", data=data.hex(" "))
    hours = None if _is_filler(data[31:34]) else decode_bcd(data[31:34])
    return Reading188(
        total=_amount(data, 20),
        status=data[-2:],
        settled=_amount(data, 0),
        clock=_clock(data[34:41]),
        energy=_amount(data, 5),
        power=_amount(data, 10),
        flow=_amount(data, 15, decimals=4),
        supply_temperature=_temperature(data[25:28]),
        return_temperature=_temperature(data[28:31]),
        hours=hours,
    )


def _plain(raw: bytes) -> Amount | None:
    return None if _is_filler(raw) else Amount(Fraction(decode_bcd(raw), 100), _NO_UNIT)


def _amount(data: bytes, at: int, decimals: int = 2) -> Amount | None:
    raw, code = data[at : at + 4], data[at + 4]
    if _is_filler(raw):
        return None
    if code not in UNIT_CODES:
        raise PayloadError(f"unit byte {code:02X} is none this standard lists", data=data.hex(" "), offset=at + 4)
    return Amount(Fraction(decode_bcd(raw), 10**decimals), UNIT_CODES[code])


def _temperature(raw: bytes) -> Fraction | None:
    return None if _is_filler(raw) else Fraction(decode_bcd(raw), 100)


def _clock(raw: bytes) -> datetime | None:
    """None for a clock that stands on no date: meters without one send zeros or filler."""
    if _is_filler(raw) or not any(raw):
        return None
    second, minute, hour, day, month, year, century = (decode_bcd(bytes([byte])) for byte in raw)
    try:
        return datetime(100 * century + year, month, day, hour, minute, second)
    except ValueError:
        return None


def _is_filler(raw: bytes) -> bool:
    return all(byte == _FILLER for byte in raw)

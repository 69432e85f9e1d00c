"""What an M-Bus record measures: its value information block (VIF and VIFE bytes) -> meaning and exact factor.

    | VIF | VIFE 0..10 |      bit 7 of each byte: another one follows
    VIF   00..7B what and in which power of ten; FB, FD: the first VIFE says it, from a further table; 7C, FC: plain text; 7F, FF: the maker's own
    VIFE  00..1F what is wrong with the value; 70..77, 7D a further factor; 7F: all behind is the maker's own; others change what is meant

Units are one per measured thing, whatever the VIF counts in: energy Wh, volume m3, mass kg, power W, flow m3/h, temperatures °C, times s.
A VIFE that changes what is meant (per pulse, only negative, at a maximum, ...) stands in `modifiers`, so that a record with it is not taken for the
plain register.

Source: EN 13757-3:2013 clause 6.4, its tables of the primary VIF, the extensions FB and FD, the combinable VIFE and the record errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

MAX_VIFE = 10
ONLY_POSITIVE, ONLY_NEGATIVE = 0x3B, 0x3C
_JOULE = Fraction(1, 3600)  # Wh
_DATA_BITS, _MAKER = 0x7F, 0x7F
_SECONDS = (1, 60, 3600, 86_400)

UNITS: MappingProxyType[str, str] = MappingProxyType(
    {
        "energy": "Wh",
        "volume": "m3",
        "mass": "kg",
        "power": "W",
        "volume_flow": "m3/h",
        "mass_flow": "kg/h",
        "flow_temperature": "°C",
        "return_temperature": "°C",
        "external_temperature": "°C",
        "temperature_difference": "K",
        "pressure": "bar",
        "on_time": "s",
        "operating_time": "s",
        "averaging_duration": "s",
        "actuality_duration": "s",
        "battery_time": "s",
        "humidity": "%",
        "voltage": "V",
        "current": "A",
    }
)

# What is wrong with a record's value, told in a VIFE.
ERRORS: MappingProxyType[int, str] = MappingProxyType(
    {
        0x01: "too many DIFE",
        0x02: "storage number not implemented",
        0x03: "unit number not implemented",
        0x04: "tariff number not implemented",
        0x05: "function not implemented",
        0x06: "data class not implemented",
        0x07: "data size not implemented",
        0x0B: "too many VIFE",
        0x0C: "illegal VIF group",
        0x0D: "illegal VIF exponent",
        0x0E: "VIF and DIF do not match",
        0x0F: "unimplemented action",
        0x15: "no data available",
        0x16: "data overflow",
        0x17: "data underflow",
        0x18: "data error",
        0x1C: "premature end of record",
    }
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a record measures ("" = not known), the exact factor from its raw number to `unit`, what else its VIFE say."""

    measures: str = ""
    factor: Fraction = Fraction(1)
    modifiers: tuple[int, ...] = ()
    error: str = ""

    @property
    def unit(self) -> str:
        """Unit of raw number x factor; "" when it has none."""
        return UNITS.get(self.measures, "")


def meaning(vib: bytes) -> Meaning:
    """What a value information block says. Never raises: what no table knows measures nothing."""
    table, extensions = _TABLES.get(vib[0], _PRIMARY), vib[1:]
    code = vib[0] & _DATA_BITS
    if vib[0] in _TABLES:
        code, extensions = vib[1] & _DATA_BITS, vib[2:]
    if code == _MAKER and table is _PRIMARY:
        return Meaning()
    measures, factor = table.get(code, ("", Fraction(1)))
    return _extended(measures, factor, extensions)


def _extended(measures: str, factor: Fraction, extensions: bytes) -> Meaning:
    modifiers: list[int] = []
    error = ""
    for place, code in enumerate(byte & _DATA_BITS for byte in extensions):
        if code == _MAKER:
            modifiers += [byte & _DATA_BITS for byte in extensions[place:]]
            break
        if code <= 0x1F:
            error = ERRORS.get(code, f"record error {code:02X}") if code else error
        elif code <= 0x6F or 0x78 <= code <= 0x7C or code == 0x7E:
            modifiers.append(code)
        else:
            factor *= _ten(code - 0x70 - 6) if code <= 0x77 else 1000
    return Meaning(measures, factor, tuple(modifiers), error)


def _ten(power: int) -> Fraction:
    return Fraction(10) ** power


Row = tuple[str, Fraction]


def _tens(first: int, count: int, measures: str, least: Fraction) -> Iterator[tuple[int, Row]]:
    """`count` codes from `first` on, each ten times the one before."""
    return ((first + place, (measures, least * 10**place)) for place in range(count))


def _times(first: int, measures: str) -> Iterator[tuple[int, Row]]:
    return ((first + place, (measures, Fraction(seconds))) for place, seconds in enumerate(_SECONDS))


def _plain(**codes: int) -> Iterator[tuple[int, Row]]:
    return ((code, (measures, Fraction(1))) for measures, code in codes.items())


_PRIMARY: MappingProxyType[int, Row] = MappingProxyType(
    dict(
        (
            *_tens(0x00, 8, "energy", _ten(-3)),
            *_tens(0x08, 8, "energy", _JOULE),
            *_tens(0x10, 8, "volume", _ten(-6)),
            *_tens(0x18, 8, "mass", _ten(-3)),
            *_times(0x20, "on_time"),
            *_times(0x24, "operating_time"),
            *_tens(0x28, 8, "power", _ten(-3)),
            *_tens(0x30, 8, "power", _JOULE),
            *_tens(0x38, 8, "volume_flow", _ten(-6)),
            *_tens(0x40, 8, "volume_flow", _ten(-7) * 60),
            *_tens(0x48, 8, "volume_flow", _ten(-9) * 3600),
            *_tens(0x50, 8, "mass_flow", _ten(-3)),
            *_tens(0x58, 4, "flow_temperature", _ten(-3)),
            *_tens(0x5C, 4, "return_temperature", _ten(-3)),
            *_tens(0x60, 4, "temperature_difference", _ten(-3)),
            *_tens(0x64, 4, "external_temperature", _ten(-3)),
            *_tens(0x68, 4, "pressure", _ten(-3)),
            *_plain(date=0x6C, date_time=0x6D, heat_cost_units=0x6E),
            *_times(0x70, "averaging_duration"),
            *_times(0x74, "actuality_duration"),
            *_plain(fabrication_number=0x78, identification=0x79, bus_address=0x7A),
        )
    )
)
_FB: MappingProxyType[int, Row] = MappingProxyType(
    dict(
        (
            *_tens(0x00, 2, "energy", _ten(5)),  # 0.1 MWh
            *_tens(0x08, 2, "energy", _ten(8) * _JOULE),  # 0.1 GJ
            *_tens(0x10, 2, "volume", _ten(2)),
            *_tens(0x18, 2, "mass", _ten(5)),  # 100 t
            *_tens(0x1A, 2, "humidity", _ten(-1)),
            *_tens(0x28, 2, "power", _ten(5)),
            *_tens(0x30, 2, "power", _ten(8) * _JOULE),
        )
    )
)
_FD: MappingProxyType[int, Row] = MappingProxyType(
    dict(
        (
            *_plain(access_number=0x08, medium=0x09, manufacturer=0x0A, parameter_set=0x0B, model=0x0C),
            *_plain(hardware=0x0D, firmware=0x0E, software=0x0F, customer=0x11, error_flags=0x17),
            *_plain(digital_output=0x1A, digital_input=0x1B, dimensionless=0x3A),
            *_tens(0x40, 16, "voltage", _ten(-9)),
            *_tens(0x50, 16, "current", _ten(-12)),
            *_plain(reset_counter=0x60),
            (0x6C, ("battery_time", Fraction(3600))),
            (0x6D, ("battery_time", Fraction(86_400))),
            *_plain(battery_changed=0x70),
        )
    )
)
_TABLES: MappingProxyType[int, MappingProxyType[int, Row]] = MappingProxyType({0xFB: _FB, 0xFD: _FD})

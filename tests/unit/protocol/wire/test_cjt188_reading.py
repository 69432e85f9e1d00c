from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from fractions import Fraction

import pytest

from protocol.errors import PayloadError
from protocol.wire.cjt188_reading import Amount, Reading188, reading

# Public captures, 2015 and 2017: the data behind identifier and SER.
WATER = bytes.fromhex("00 77 66 55 2C 00 77 66 55 2C 31 01 22 11 05 15 20 21 84")
EMPTY = bytes.fromhex("00 00 00 00 2C 00 00 00 00 2C 06 20 17 09 01 17 20 00 00")
# By hand, from the layout of the heat reading.
HEAT = bytes.fromhex(
    "00 34 12 00 05 56 34 12 00 05 50 00 00 00 17 00 25 01 00 35 27 04 85 02 2C 16 46 00 19 10 00 46 35 00 20 13 22 21 09 26 20 00 00"
)


def test_water_reading_of_a_capture():
    assert reading(WATER) == Reading188(
        Amount(Fraction(556_677), "m3"), b"\x21\x84", Amount(Fraction(556_677), "m3"), datetime(2015, 5, 11, 22, 1, 31)
    )
    assert reading(EMPTY) == Reading188(Amount(Fraction(0), "m3"), b"\x00\x00", Amount(Fraction(0), "m3"), datetime(2017, 1, 9, 17, 20, 6))


def test_short_reading_has_total_and_status():
    assert reading(bytes.fromhex("34 12 00 00 01 00")) == Reading188(Amount(Fraction(1234, 100), "m3"), b"\x01\x00")


def test_heat_reading_has_every_register_in_its_place():
    assert reading(HEAT) == Reading188(
        total=Amount(Fraction(2_850_427, 100), "m3"),
        status=b"\x00\x00",
        settled=Amount(Fraction(123_400, 100), "kWh"),
        clock=datetime(2026, 9, 21, 22, 13, 20),
        energy=Amount(Fraction(123_456, 100), "kWh"),
        power=Amount(Fraction(50, 100), "kW"),
        flow=Amount(Fraction(12_500, 10_000), "m3/h"),
        supply_temperature=Fraction(4616, 100),
        return_temperature=Fraction(1019, 100),
        hours=3546,
    )


def test_filler_is_absent_and_not_zero():
    assert reading(b"\xff" * 4 + WATER[4:]).total is None
    assert reading(HEAT[:25] + b"\xff" * 9 + HEAT[34:]) == replace(reading(HEAT), supply_temperature=None, return_temperature=None, hours=None)


@pytest.mark.parametrize("clock", ["00 00 00 00 00 00 00", "00 00 00 31 02 26 20", "FF FF FF FF FF FF FF"])
def test_clock_that_stands_on_no_date_is_absent(clock: str):
    assert reading(WATER[:10] + bytes.fromhex(clock) + WATER[17:]).clock is None


@pytest.mark.parametrize("data", [WATER[:-1], WATER + b"\x00", b"", WATER[:4] + b"\x77" + WATER[5:], b"\x0a" + WATER[1:]])
def test_other_lengths_units_and_digits_are_told(data: bytes):
    with pytest.raises(PayloadError):
        reading(data)

"""Load records, against bytes written by hand from the table of annex B."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import EncodeError, PayloadError
from protocol.quantities import QUANTITIES
from protocol.wire.load_record import LoadRecord, decode, encode

VOLTAGES = "97 22 02 23 00 00"  # 229.7 230.2 0.0 V
CURRENTS = "45 23 01 45 23 81 00 00 00"  # 12.345 -12.345 0 A
CLASS_1 = f"{VOLTAGES} {CURRENTS} 01 50"  # 50.01 Hz
CLASS_2 = "45 23 01 00 10 00 00 00 00 45 23 81" + " 00 00 00" * 4  # P 1.2345 0.1000 0 -1.2345 kW, no Q
CLASS_3 = "00 10 98 09 00 00 50 87"  # 1.000 0.998 0 -0.750
CLASS_4 = "42 06 12 00 00 00 00 00 01 00 00 00 01 00 00 80"
CLASS_5 = "01 00 00 00 02 00 00 00 03 00 00 00 04 00 00 00"
CLASS_6 = "45 23 01 10 00 00"
AT = datetime(2026, 11, 22, 13, 15)
TIME = "15 13 22 11 26"


def record(*classes: str, start: str = "A0 A0", time: str = TIME) -> bytes:
    """A record around these classes, each closed by AA, with length and checksum."""
    body = bytes.fromhex(time) + b"".join(bytes.fromhex(one) + b"\xaa" for one in classes)
    head = bytes.fromhex(start) + bytes([len(body)]) + body
    return head + bytes([sum(head) % 256, 0xE5])


FULL = record(CLASS_1, CLASS_2, CLASS_3, CLASS_4, CLASS_5, CLASS_6)


def test_full_record_has_every_value_in_base_units():
    (one,) = decode(FULL)

    assert (one.at, one.good, len(FULL)) == (AT, True, 103)
    assert one.values == {
        "voltage_a": 229_700,
        "voltage_b": 230_200,
        "voltage_c": 0,
        "current_a": 12_345,
        "current_b": -12_345,
        "current_c": 0,
        "frequency": 50_010,
        "power_active": 1_234_500,
        "power_active_a": 100_000,
        "power_active_b": 0,
        "power_active_c": -1_234_500,
        "power_reactive": 0,
        "power_reactive_a": 0,
        "power_reactive_b": 0,
        "power_reactive_c": 0,
        "power_factor": 1000,
        "power_factor_a": 998,
        "power_factor_b": 0,
        "power_factor_c": -750,
        "energy_active_forward": 1_206_420,
        "energy_active_reverse": 0,
        "energy_reactive_1": 10,
        "energy_reactive_2": -10,
        "energy_reactive_q1": 10,
        "energy_reactive_q2": 20,
        "energy_reactive_q3": 30,
        "energy_reactive_q4": 40,
        "demand_now": 1_234_500,
        "demand_reactive_now": 1000,
    }


def test_every_value_is_in_the_vocabulary():
    (one,) = decode(FULL)

    assert one.values.keys() <= QUANTITIES.keys()


def test_class_that_is_not_recorded_has_no_values():
    (one,) = decode(record("", "", "", CLASS_4, "", ""))

    assert list(one.values) == ["energy_active_forward", "energy_active_reverse", "energy_reactive_1", "energy_reactive_2"]


def test_phase_the_meter_lacks_has_no_value():
    (one,) = decode(record("97 22 FF FF FF FF 45 23 01 FF FF FF FF FF FF 01 50", "", "", "", "", ""))

    assert dict(one.values) == {"voltage_a": 229_700, "current_a": 12_345, "frequency": 50_010}


def test_records_follow_each_other():
    later = record("", "", "", CLASS_4, "", "", time="30 13 22 11 26")

    assert [one.at.minute for one in decode(FULL + later + later)] == [15, 30, 30]


def test_no_record_is_no_error():
    assert decode(b"") == ()


def test_record_the_meter_marks_as_wrong_is_told_apart():
    (one,) = decode(record(CLASS_1, "", "", "", "", "", start="E0 E0"))

    assert not one.good


def test_single_class_without_separators_is_understood_when_asked_for():
    (one,) = decode(record(CLASS_4), classes=(4,))

    assert one.values["energy_active_forward"] == 1_206_420


def test_single_class_with_all_separators_is_understood_as_well():
    assert decode(record("", "", "", CLASS_4, "", ""), classes=(4,)) == decode(record(CLASS_4), classes=(4,))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x00" + FULL, "expected A0 A0"),
        (b"\xa0\xe0" + FULL[2:], "expected A0 A0"),
        (FULL + b"\xa0", "expected A0 A0"),
        (FULL[:-1], "expected E5"),
        (FULL[:-1] + b"\xe6", "expected E5"),
        (FULL[:2] + bytes([FULL[2] - 1]) + FULL[3:], "expected E5"),
        (FULL[:-2] + bytes([FULL[-2] ^ 1]) + FULL[-1:], "checksum"),
        (record(CLASS_1, "", "", "", ""), "neither all six"),
        (record(CLASS_1[:-3], "", "", "", "", ""), "neither all six"),
        (record(CLASS_1, "", "", "", "", "", ""), "neither all six"),
        (record("9A" + CLASS_1[2:], "", "", "", "", ""), "not BCD"),
        (record(CLASS_1, "", "", "", "", "", time="60 13 22 11 26"), "expected a time"),
        (record(CLASS_1, "", "", "", "", "", time="15 13 31 11 26"), "expected a time"),
        (bytes.fromhex("A0 A0 00 40 E5"), "neither all six"),
    ],
)
def test_anything_else_is_a_payload_error(data: bytes, words: str):
    with pytest.raises(PayloadError, match=words):
        decode(data)


@pytest.mark.parametrize("raw", [FULL, record("", "", "", CLASS_4, "", ""), record(CLASS_1, "", "", "", "", CLASS_6, start="E0 E0")])
def test_encode_gives_the_bytes_back(raw: bytes):
    assert encode(decode(raw)[0]) == raw


def test_minus_zero_is_zero():
    (one,) = decode(record("", "", "00 80 00 80 00 80 00 80", "", "", ""))

    assert set(one.values.values()) == {0}


STEPS = {"voltage_a": 100, "current_a": 1, "frequency": 10, "power_active": 100, "power_factor": 1, "energy_active_forward": 10, "demand_now": 100}
TOP = {"voltage_a": 9999, "current_a": 799_999, "frequency": 9999, "power_active": 799_999, "power_factor": 7999, "energy_active_forward": 99_999_999}


@given(st.data())
def test_what_was_encoded_is_decoded(data: Any):
    picked = data.draw(st.lists(st.sampled_from(sorted(TOP)), unique=True))
    values = {quantity: data.draw(st.integers(0, TOP[quantity])) * STEPS[quantity] for quantity in picked}

    assert decode(encode(LoadRecord(AT, values))) == (LoadRecord(AT, values),)


@pytest.mark.parametrize(
    "values",
    [
        {"voltage_a": 229_750},
        {"voltage_a": -100},
        {"voltage_a": 1_000_000},
        {"current_a": 800_000},
        {"water_volume": 1},
    ],
)
def test_what_has_no_place_is_refused(values: dict[str, int]):
    with pytest.raises(EncodeError):
        encode(LoadRecord(AT, values))

"""Modbus devices: published frames, declared registers, exceptions, writes."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from provisioning.virtual.devices.modbus import ModbusUnit, crc16, find_request
from provisioning.virtual.instrument import Instrument

NOW_S = 1_790_000_000.0


def frame(text: str) -> str:
    data = bytes.fromhex(text)
    return (data + crc16(data)).hex(" ").upper()


@pytest.mark.parametrize("published", ["01 04 01 56 00 02 90 27", "01 05 00 00 FF 00 8C 3A", "FE 0F 00 00 00 10 02 FF FF A6 64"])
def test_published_checksums(published: str) -> None:
    data = bytes.fromhex(published)

    assert find_request(data) == (0, len(data))
    assert find_request(data[:-1] + bytes((data[-1] ^ 1,))) is None


def test_published_float_reply_is_given_byte_for_byte(profile: Any, instrument: Instrument, ask: Any) -> None:
    unit = ModbusUnit(profile("modbus_rtu"), instrument, "1", captured={"4:0x0156": bytes.fromhex("43663334")})

    assert ask(unit, "01 04 01 56 00 02 90 27") == "01 04 04 43 66 33 34 1B 38"


def test_registers_hold_scaled_secondary_values(profile: Any, instrument: Instrument, ask: Any) -> None:
    unit = ModbusUnit(profile("modbus_rtu"), instrument, "1", ct=30)

    reply = bytes.fromhex(ask(unit, frame("01 03 00 00 00 03")))

    assert int.from_bytes(reply[3:7], "big") == instrument.value("energy_active_forward", NOW_S) // 30 // 10
    assert int.from_bytes(reply[7:9], "big") == pytest.approx(instrument.value("voltage_a", NOW_S) / 100, abs=0.5)


def test_little_word_order_swaps_the_words(profile: Any, instrument: Instrument, ask: Any) -> None:
    reply = bytes.fromhex(ask(ModbusUnit(profile("modbus_rtu"), instrument, "1"), frame("01 04 01 60 00 02")))

    (shown,) = struct.unpack(">f", reply[5:7] + reply[3:5])
    assert shown == pytest.approx(instrument.value("frequency", NOW_S) / 1000)


@pytest.mark.parametrize(
    ("request_hex", "code"),
    [
        ("01 07 00 00 00 01", 1),
        ("01 03 00 0D 00 01", 2),  # beyond the declared block
        ("01 03 00 0C 00 02", 2),  # half beyond
        ("01 04 00 00 00 01", 2),  # declared for another function
        ("01 03 00 00 00 00", 3),
        ("01 03 00 00 00 7E", 3),
        ("01 05 00 00 12 34", 3),
        ("01 05 00 09 FF 00", 2),
        ("01 06 00 02 00 01", 2),  # a measurement
        ("01 10 00 09 00 01 03 00 01", 3),
    ],
)
def test_exceptions(profile: Any, instrument: Instrument, ask: Any, request_hex: str, code: int) -> None:
    reply = bytes.fromhex(ask(ModbusUnit(profile("modbus_rtu"), instrument, "1"), frame(request_hex)))

    assert reply[1:3] == bytes((int(request_hex[3:5], 16) | 0x80, code))


def test_coils_switch_toggle_and_read_back(profile: Any, instrument: Instrument, ask: Any) -> None:
    unit = ModbusUnit(profile("modbus_rtu"), instrument, "1")

    assert ask(unit, "01 05 00 00 FF 00 8C 3A") == "01 05 00 00 FF 00 8C 3A"
    ask(unit, frame("01 05 00 01 55 00"))

    assert ask(unit, frame("01 01 00 00 00 02")) == frame("01 01 01 03")
    assert instrument.value("relay_1", NOW_S) == 1


def test_many_coils_and_all_coils(profile: Any, instrument: Instrument, ask: Any) -> None:
    unit = ModbusUnit(profile("modbus_rtu"), instrument, "1")

    assert ask(unit, frame("01 0F 00 00 00 02 01 02")) == frame("01 0F 00 00 00 02")
    assert ask(unit, frame("01 01 00 00 00 02")) == frame("01 01 01 02")
    ask(unit, "01 05 00 FF FF 00 BC 0A")
    assert ask(unit, frame("01 01 00 00 00 02")) == frame("01 01 01 03")


def test_written_registers_read_back(profile: Any, instrument: Instrument, ask: Any) -> None:
    unit = ModbusUnit(profile("modbus_rtu"), instrument, "1")

    assert ask(unit, frame("01 10 00 0A 00 02 04 12 34 56 78")) == frame("01 10 00 0A 00 02")
    assert ask(unit, frame("01 06 00 09 00 01")) == frame("01 06 00 09 00 01")

    assert ask(unit, frame("01 03 00 09 00 03")) == frame("01 03 06 00 01 12 34 56 78")
    assert not instrument.on


def test_profile_command_has_the_effect_its_read_back_expects(profile: Any, instrument: Instrument, ask: Any) -> None:
    command = {
        "name": "meter_disconnect",
        "write": {"function": 6, "address": 0x2000, "value": 0xAA},
        "confirm": {"quantity": "meter_relay_open", "value": 1},
    }
    unit = ModbusUnit(profile("modbus_rtu", commands=[command]), instrument, "1")

    assert ask(unit, frame("01 06 20 00 00 AA")) == frame("01 06 20 00 00 AA")

    assert not instrument.on


def test_broadcast_acts_in_silence_and_other_units_do_not_act(profile: Any, instrument: Instrument, ask: Any) -> None:
    unit = ModbusUnit(profile("modbus_rtu"), instrument, "1")

    assert ask(unit, frame("02 05 00 01 FF 00")) is None
    assert ask(unit, frame("00 05 00 00 FF 00")) is None

    assert (instrument.value("relay_1", NOW_S), instrument.value("relay_2", NOW_S)) == (1, 0)

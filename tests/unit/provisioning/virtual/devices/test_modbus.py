"""Modbus devices: published frames, declared registers, exceptions, writes."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from provisioning.virtual.devices.modbus import ModbusUnit, crc16, find_request, gateway_timeout
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


SETTINGS = {
    "items": [
        {"function": 3, "address": 0, "type": "u16", "quantity": "ac_power", "unit": "state", "bits": [0, 1]},
        {"function": 3, "address": 4, "type": "i16", "scale": "0.1", "quantity": "ac_setpoint", "unit": "°C"},
        {"function": 3, "address": 6, "type": "f32", "word_order": "little", "quantity": "alarm_1_energy", "unit": "kWh"},
    ],
    "blocks": [],
    "settings": [
        {"name": "set_setpoint", "quantity": "ac_setpoint", "least": -5000, "most": 30000, "function": 6},
        {"name": "set_alarm", "quantity": "alarm_1_energy", "least": 0, "most": 50000, "function": 16},
    ],
    "freezes": [
        {
            "period": "day",
            "depth": 3,
            "step": 8,
            "time": {"function": 3, "address": 0x6000, "format": "YYMMDDhh", "coding": "binary"},
            "items": [{"function": 3, "address": 0x6002, "type": "u32", "scale": "0.01", "quantity": "energy_active_forward_daily", "unit": "kWh"}],
        }
    ],
    "clock": {"read": {"function": 3, "address": 0x2F, "format": "YYMMDDhhmmss", "width": "register"}, "set_function": 16},
    "facts": [{"name": "model", "function": 3, "address": 0x500, "coding": "ascii", "count": 4}],
}


@pytest.mark.parametrize(("word", "told"), [("00 E1", 22_500), ("FF CE", -5_000)])
def test_setting_is_written_through_its_scale(profile: Any, instrument: Instrument, ask: Any, word: str, told: int) -> None:
    unit = ModbusUnit(profile("modbus_rtu", **SETTINGS), instrument, "1")

    ask(unit, frame(f"01 06 00 04 {word}"))

    assert instrument.value("ac_setpoint", NOW_S) == told


def test_setting_out_of_range_is_an_illegal_value(profile: Any, instrument: Instrument, ask: Any) -> None:
    unit = ModbusUnit(profile("modbus_rtu", **SETTINGS), instrument, "1")

    reply = ask(unit, frame("01 06 00 04 01 2D"))  # 30.1

    assert reply.startswith("01 86 03")
    assert "ac_setpoint" not in instrument.state


def test_wide_setting_is_written_whole_in_its_word_order(profile: Any, instrument: Instrument, ask: Any) -> None:
    unit = ModbusUnit(profile("modbus_rtu", **SETTINGS), instrument, "1")

    half = ask(unit, frame("01 06 00 06 41 48"))
    ask(unit, frame("01 10 00 06 00 02 04 00 00 41 48"))  # 12.5, low word first

    assert half.startswith("01 86 03")
    assert instrument.value("alarm_1_energy", NOW_S) == 12_500


def test_frozen_registers_stand_step_by_step(profile: Any, instrument: Instrument, ask: Any) -> None:
    unit = ModbusUnit(profile("modbus_rtu", **SETTINGS), instrument, "1")

    newest = bytes.fromhex(ask(unit, frame("01 03 60 00 00 04")))
    second = bytes.fromhex(ask(unit, frame("01 03 60 0A 00 02")))
    beyond = ask(unit, frame("01 03 60 18 00 04"))

    assert newest[3:7] == bytes((26, 9, 21, 0))
    midnight_s = NOW_S - (22 * 3600 + 13 * 60 + 20)
    assert int.from_bytes(newest[7:11], "big") == instrument.value("energy_active_forward", midnight_s) // 10
    assert int.from_bytes(second[3:7], "big") == instrument.value("energy_active_forward", midnight_s - 86_400) // 10
    assert beyond.startswith("01 83 02")


def test_clock_registers_are_read_and_written(profile: Any, instrument: Instrument, ask: Any) -> None:
    unit = ModbusUnit(profile("modbus_rtu", **SETTINGS), instrument, "1")

    before = bytes.fromhex(ask(unit, frame("01 03 00 2F 00 06")))
    ask(unit, frame("01 10 00 2F 00 06 0C 00 26 00 09 00 21 00 22 00 10 00 05"))

    assert before[3:-2].hex() == "002600090021002200130020"
    assert instrument.local_time(NOW_S).isoformat() == "2026-09-21T22:10:05"


def test_fact_is_told_high_byte_first(profile: Any, instrument: Instrument, ask: Any) -> None:
    unit = ModbusUnit(profile("modbus_rtu", **SETTINGS), instrument, "1")

    assert bytes.fromhex(ask(unit, frame("01 03 05 00 00 04")))[3:-2] == b"test\0\0\0\0"


def test_gateway_answers_for_a_silent_device() -> None:
    assert gateway_timeout(bytes.fromhex(frame("01 03 00 00 00 02"))).hex(" ").upper() == frame("01 83 0B")

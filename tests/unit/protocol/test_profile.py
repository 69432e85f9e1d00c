from __future__ import annotations

from fractions import Fraction

import pytest
from pydantic import TypeAdapter, ValidationError

from protocol.document import parse_yaml
from protocol.errors import ConfigError
from protocol.profile import AnyProfile, Profile, Profile188, Profile2007, ProfileModbus, Serial
from protocol.profile_items import ByteItem, Item2007, RegisterBlock, RegisterItem
from protocol.profile_writes import Confirm

PROFILE: TypeAdapter[AnyProfile] = TypeAdapter(Profile)
METER = """\
schema: 1
profile: meters/plain
protocol: dlt645_2007
name: {zh: 电表, en: Meter}
maker: {zh: 某厂, en: Some maker}
model: X1
kind: electricity_meter
source: DL/T 645-2007 annex A
verified: simulated
serial: {baud: 2400, parity: E}
groups: {energy: 900}
items:
- {quantity: energy_active_forward, unit: kWh, di: "00010000", format: XXXXXX.XX}
"""


def byte_item(**changes: object) -> ByteItem:
    return ByteItem.model_validate({"quantity": "energy_active_forward", "unit": "kWh", "format": "XXXXXX.XX"} | changes)


def register(**changes: object) -> RegisterItem:
    fields = {"quantity": "energy_active_forward", "unit": "kWh", "function": 3, "address": 0, "type": "u32"}
    return RegisterItem.model_validate(fields | changes)


def test_profile_is_read_by_its_protocol():
    assert isinstance(parse_yaml(METER, "x1.yaml", PROFILE), Profile2007)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('"00010000"', "00010000", 13),
        ('"00010000"', '"9010"', 13),
        ("unit: kWh", "unit: V", 13),
        ("energy_active_forward", "energy_of_the_stars", 13),
        ("XXXXXX.XX", "XXXXX.XX", 13),
        ("XXXXXX.XX", "XX.XX.XX", 13),
        ("energy: 900", "energy: 0", 11),
        ("parity: E", "parity: even", 10),
        ("dlt645_2007", "dlt645_2107", 1),
        ("verified: simulated", "verified: surely", 9),
    ],
)
def test_mistake_is_named_with_its_line(old: str, new: str, line: int):
    with pytest.raises(ConfigError) as error:
        parse_yaml(METER.replace(old, new), "x1.yaml", PROFILE)

    assert str(error.value.message).startswith(f"x1.yaml:{line}: ")


@pytest.mark.parametrize(
    ("changes", "size", "factor"),
    [
        ({}, 4, 10),  # 0.01 kWh = 10 Wh
        ({"quantity": "voltage_a", "unit": "V", "format": "XXX.X"}, 2, 100),
        ({"quantity": "current_a", "unit": "A", "format": "XXX.XXX"}, 3, 1),
        ({"quantity": "power_active", "unit": "kW", "format": "XX.XXXX"}, 3, 100),
        ({"quantity": "power_factor", "unit": "1", "format": "X.XXX"}, 2, 1),
        ({"quantity": "water_volume", "unit": "m3", "format": "XXXXXX.XX"}, 4, 10),
        ({"quantity": "status_word_3", "unit": "word", "format": "u16"}, 2, 1),
        ({"quantity": "battery_voltage", "unit": "mV", "format": "XX.XX"}, 2, Fraction(1, 100)),
    ],
)
def test_byte_item_knows_its_size_and_exact_factor(changes: dict[str, object], size: int, factor: Fraction | int):
    item = byte_item(**changes)

    assert (item.size, item.factor()) == (size, factor)


@pytest.mark.parametrize(
    ("item", "rollover"),
    [
        (byte_item(), 1_000_000_000),  # 1,000,000 kWh
        (byte_item(format="u32"), 2**32 * 1000),
        (byte_item(quantity="voltage_a", unit="V", format="XXX.X"), None),
        (register(scale="0.01"), 2**32 * 10),
        (register(type="f32"), None),
        (register(type="i32"), None),
        (register(rollover_raw="1000000"), 1_000_000_000),
        (register(quantity="voltage_a", unit="V"), None),
    ],
)
def test_rollover_of_cumulative_registers(item: ByteItem | RegisterItem, rollover: int | None):
    assert item.rollover() == rollover


def test_register_scale_is_exact():
    assert register(scale="0.001").factor() == 1
    assert register(scale="-0.1", quantity="power_active", unit="W", type="i16").factor() == -100


@pytest.mark.parametrize("scale", [0.1, 1, "0", "1e-3", "0.1.2", "", "1/3"])
def test_scale_must_be_decimal_text(scale: object):
    with pytest.raises(ValidationError, match="scale"):
        register(scale=scale)


@pytest.mark.parametrize(
    "changes",
    [{"type": "bit"}, {"function": 1}, {"address": 0xFFFF}, {"address": -1}, {"type": "u64", "address": 0xFFFD}, {"function": 5}, {"type": "u24"}],
)
def test_impossible_registers_are_refused(changes: dict[str, object]):
    with pytest.raises(ValidationError):
        register(**changes)


@pytest.mark.parametrize(
    ("function", "first", "last", "fits"), [(3, 0, 124, True), (3, 0, 125, False), (1, 0, 1999, True), (1, 0, 2000, False), (3, 5, 4, False)]
)
def test_block_holds_what_one_request_can_carry(function: int, first: int, last: int, fits: bool):
    fields = {"function": function, "first": first, "last": last}

    if fits:
        RegisterBlock.model_validate(fields)
    else:
        with pytest.raises(ValidationError):
            RegisterBlock.model_validate(fields)


@pytest.mark.parametrize(
    ("fields", "bits"), [({"parity": "E"}, 11), ({"parity": "N"}, 10), ({"parity": "N", "stop_bits": 2}, 11), ({"parity": "O", "data_bits": 7}, 10)]
)
def test_bits_a_byte_takes_on_the_line(fields: dict[str, object], bits: int):
    assert Serial.model_validate({"baud": 2400, **fields}).bits_per_byte == bits


def test_identifiers_are_kept_in_capitals():
    assert Item2007.model_validate({"quantity": "voltage_a", "unit": "V", "format": "XXX.X", "di": "0201ff00"}).di == "0201FF00"


def test_water_and_modbus_profiles_are_told_apart():
    water = METER.replace("dlt645_2007", "cjt188\nmeter_type: '10'").replace(
        'energy_active_forward, unit: kWh, di: "00010000"', "water_volume, unit: m3"
    )
    modbus = METER.replace("dlt645_2007", "modbus_rtu").replace('di: "00010000", format: XXXXXX.XX', "function: 3, address: 0, type: u32")

    assert isinstance(parse_yaml(water, "w.yaml", PROFILE), Profile188)
    assert isinstance(parse_yaml(modbus, "m.yaml", PROFILE), ProfileModbus)


@pytest.mark.parametrize("within_s", [0, 601])
def test_confirmation_has_a_bounded_wait(within_s: int):
    with pytest.raises(ValidationError):
        Confirm(quantity="meter_relay_open", value=1, within_s=within_s)

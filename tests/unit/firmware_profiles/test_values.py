"""The arithmetic of shipped profiles: one count in base units, where registers wrap, what is read from where."""

from __future__ import annotations

from fractions import Fraction

import pytest

from firmware_profiles.loader import load_profiles
from protocol.profile import ProfileModbus, Verified
from protocol.profile_items import AnyItem, ByteItem, Item188, Item2007, RegisterItem
from protocol.profile_writes import Write2007

REGISTRY = load_profiles(strict=True)


def _item(key: str, quantity: str) -> AnyItem:
    return next(item for item in REGISTRY[key].items if item.quantity == quantity)


# profile, quantity, one count (or 1.0) in base units
FACTORS = [
    ("generic/dlt645_2007_single_phase", "energy_active_forward", 10),  # XXXXXX.XX kWh
    ("generic/dlt645_2007_single_phase", "voltage_a", 100),  # XXX.X V
    ("generic/dlt645_2007_single_phase", "current_a", 1),  # XXX.XXX A
    ("generic/dlt645_2007_single_phase", "power_active", 100),  # XX.XXXX kW
    ("generic/dlt645_2007_single_phase", "power_factor", 1),  # X.XXX
    ("generic/dlt645_2007_single_phase", "frequency", 10),  # XX.XX Hz
    ("generic/dlt645_2007_single_phase_prepaid", "balance_energy", 10),
    ("generic/dlt645_2007_single_phase_prepaid", "purchase_count", 1),
    ("generic/dlt645_2007_single_phase_prepaid_money", "balance_money", 1),  # XXXXXX.XX yuan, in fen
    ("generic/dlt645_1997_three_phase", "voltage_a", 1_000),  # whole volts
    ("generic/dlt645_1997_three_phase", "power_reactive", 10_000),  # XX.XX kvar
    ("generic/cjt188_cold_water", "water_volume", 10),  # XXXXXX.XX m3, in litres
    ("acrel/adl400", "energy_active_total", 10),
    ("acrel/adl400", "power_active", 1_000),
    ("acrel/adl400", "current_a", 10),
    ("chint/dtsu666", "voltage_a", 100),  # floats of 0.1 V
    ("chint/dtsu666", "current_a", 1),  # floats of 0.001 A
    ("chint/dtsu666", "power_active", 100),  # floats of 0.1 W
    ("chint/dtsu666", "frequency", 10),
    ("chint/dtsu666", "power_factor", 1),
    ("chint/dtsu666", "energy_active_forward", 1_000),
    ("chint/ddsu666", "voltage_a", 1_000),  # floats of volts
    ("chint/ddsu666", "power_active", 1_000_000),
    ("eastron/sdm630", "power_active", 1_000),
    ("sfere/pd194e_9s4", "energy_active_forward", 1),
    ("generic/xy_md02", "temperature", 100),
    ("generic/xy_md02", "humidity", 1),
    ("waveshare/modbus_rtu_relay_8ch", "relay_1", 1),
]


@pytest.mark.parametrize(("key", "quantity", "expected"), FACTORS, ids=str)
def test_one_count_in_base_units(key: str, quantity: str, expected: int) -> None:
    assert _item(key, quantity).factor() == Fraction(expected)


ROLLOVERS = [
    ("generic/dlt645_2007_single_phase", "energy_active_forward", 1_000_000_000),  # 1,000,000.00 kWh
    ("generic/dlt645_2007_three_phase", "energy_active_total", 800_000_000),  # the sign takes a bit: 799,999.99 kWh
    ("generic/dlt645_2007_single_phase_prepaid", "purchase_count", 10_000),
    ("generic/dlt645_1997_single_phase", "energy_active_forward", 1_000_000_000),
    ("generic/cjt188_cold_water", "water_volume", 1_000_000_000),
    ("acrel/adl400", "energy_active_total", 42_949_672_960),  # 2^32 counts of 10 Wh
    ("chint/dtsu666", "energy_active_forward", None),  # floats: not published
    ("generic/dlt645_2007_single_phase", "voltage_a", None),
    ("acrel/adl400", "voltage_a", None),
]


@pytest.mark.parametrize(("key", "quantity", "expected"), ROLLOVERS, ids=str)
def test_register_wraps_at(key: str, quantity: str, expected: int | None) -> None:
    assert _item(key, quantity).rollover() == expected


def test_given_rollover_goes_before_the_width_of_the_register() -> None:
    item = RegisterItem(quantity="energy_active_total", unit="kWh", function=3, address=0, type="f32", scale="0.1", rollover_raw="1000000")

    assert item.rollover() == 100_000_000


def test_signed_binary_register_loses_half_its_range() -> None:
    item = ByteItem(quantity="energy_active_total", unit="kWh", format="u32", signed=True)

    assert item.rollover() == 2**31 * 1_000


def test_water_meter_carries_its_unit_beside_each_total() -> None:
    total, settlement = _item("generic/cjt188_cold_water", "water_volume"), _item("generic/cjt188_cold_water", "water_volume_settlement")

    assert isinstance(total, Item188)
    assert isinstance(settlement, Item188)
    assert (total.offset, total.unit_at, settlement.offset, settlement.unit_at) == (0, 4, 5, 9)


def test_water_meter_status_is_the_last_byte_but_one() -> None:
    valve, battery = _item("generic/cjt188_cold_water", "valve_state"), _item("generic/cjt188_cold_water", "battery_low")

    assert isinstance(valve, Item188)
    assert isinstance(battery, Item188)
    assert (valve.offset, valve.bits, battery.offset, battery.bits) == (-2, (0, 2), -2, (2, 1))


def test_relay_bit_of_status_word_3() -> None:
    item = _item("generic/dlt645_2007_single_phase", "meter_relay_open")

    assert isinstance(item, Item2007)
    assert (item.di, item.bits) == ("04000503", (4, 1))


def test_meter_relay_commands_use_trip_and_direct_close() -> None:
    words = {command.name: command.write for command in REGISTRY["generic/dlt645_2007_single_phase"].commands}

    assert words == {"meter_disconnect": Write2007(n1="1A"), "meter_reconnect": Write2007(n1="1C")}


@pytest.mark.parametrize(
    ("key", "relays"),
    [
        ("waveshare/modbus_rtu_relay_4ch", 4),
        ("waveshare/modbus_rtu_relay_8ch", 8),
        ("waveshare/modbus_rtu_relay_16ch", 16),
        ("juying/jy_dam0404", 4),
        ("juying/jy_dam0808", 8),
        ("juying/jy_dam1616", 16),
        ("juying/jy_dam3200", 32),
        ("generic/lighting_relay_4ch", 4),
        ("generic/lighting_relay_8ch", 8),
        ("generic/lighting_relay_16ch", 16),
    ],
)
def test_relay_board_switches_each_relay_both_ways(key: str, relays: int) -> None:
    names = {command.name for command in REGISTRY[key].commands} - {"relays_all_on", "relays_all_off"}

    assert names == {f"relay_{number}_{state}" for number in range(1, relays + 1) for state in ("on", "off")}


@pytest.mark.parametrize("key", sorted(REGISTRY))
def test_money_is_never_written_by_a_profile_without_a_bench_test(key: str) -> None:
    profile = REGISTRY[key]

    assert profile.prepay is None or profile.prepay.bench_log is None or profile.verified in (Verified.BENCH, Verified.FIELD)


@pytest.mark.parametrize("key", [key for key, profile in REGISTRY.items() if isinstance(profile, ProfileModbus)])
def test_modbus_meter_is_read_in_few_requests(key: str) -> None:
    profile = REGISTRY[key]
    assert isinstance(profile, ProfileModbus)

    alone = [
        item
        for item in profile.items
        if not any(block.function == item.function and block.first <= item.address <= block.last for block in profile.blocks)
    ]

    assert len(profile.blocks) + len(alone) <= 8

"""Status words, against words seen in captures and the table of the standard."""

from __future__ import annotations

import pytest

from protocol.status_words import flags, flags_188


def codes(number: int, value: int) -> list[str]:
    return [flag.code for flag in flags(number, value)]


@pytest.mark.parametrize(
    ("number", "value", "said"),
    [
        (3, 0x0000, ""),
        (3, 0x0050, "relay_open relay_told_open"),  # read back after a trip, public capture
        (3, 0x0152, "supply_auxiliary relay_open relay_told_open prepaid_energy"),
        (3, 0x0204, "supply_battery prepaid_money"),
        (3, 0x0306, "supply_unknown prepaid_unknown"),
        (
            3,
            0xFC29,
            "slot_table_2 programming_allowed zone_table_2 price_set_2 "
            "ladder_set_2 keep_power authenticated account_not_opened_locally account_not_opened_remotely",
        ),
        (3, 0x0080, "trip_announced"),
        (3, 0x050A, "supply_auxiliary programming_allowed prepaid_energy price_set_2"),
        (3, 0x060C, "supply_battery programming_allowed prepaid_money price_set_2"),
        (3, 0x070E, "supply_unknown programming_allowed prepaid_unknown price_set_2"),
        (1, 0x003E, "demand_by_interval clock_battery_low reading_battery_low active_power_reverse reactive_power_reverse"),
        (1, 0xF340, "metering_chip_fault control_circuit_fault esam_fault program_fault memory_fault overdraft clock_fault"),
        (2, 0x0007, "active_power_reverse_a active_power_reverse_b active_power_reverse_c"),
        (2, 0x0070, "reactive_power_reverse_a reactive_power_reverse_b reactive_power_reverse_c"),
        (4, 0x0020, "overload_a"),
        (5, 0x00FF, "voltage_loss_b under_voltage_b over_voltage_b current_loss_b over_current_b overload_b power_reverse_b phase_break_b"),
        (6, 0x0080, "phase_break_c"),
        (
            7,
            0x007F,
            "voltage_sequence_reverse current_sequence_reverse voltage_unbalance "
            "current_unbalance auxiliary_supply_lost power_down demand_over_limit",
        ),
        (1, 0x0881, "reserved_0 reserved_7 reserved_11"),
    ],
)
def test_bits_of_a_word(number: int, value: int, said: str):
    assert codes(number, value) == said.split()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0x00, ""),
        (0x01, "valve_closed"),
        (0x02, "valve_unknown"),
        (0x05, "valve_closed battery_low"),
        (0x06, "valve_unknown battery_low"),
        (0x07, "valve_abnormal battery_low"),
        (0x8010, "reserved_4 reserved_15"),
    ],
)
def test_bits_of_a_water_meter(value: int, said: str):
    assert [flag.code for flag in flags_188(value)] == said.split()


@pytest.mark.parametrize("number", range(1, 8))
@pytest.mark.parametrize("bit", range(16))
def test_every_bit_says_one_thing(number: int, bit: int):
    (flag,) = flags(number, 1 << bit)

    assert all((flag.code, flag.zh, flag.en))


def test_a_code_stands_for_one_thing():
    said = [flag for number in range(1, 8) for value in (0x5555, 0xAAAA, 0xFFFF, 0x0306) for flag in flags(number, value)]

    assert len({flag.code for flag in said}) == len(set(said))


@pytest.mark.parametrize("number", [0, 8])
def test_there_are_seven_words(number: int):
    with pytest.raises(KeyError):
        flags(number, 0)


def test_a_fault_is_an_error_and_a_state_is_none():
    assert [flag.severity for flag in flags(1, 0x8004)] == ["warning", "error"]
    assert [flag.severity for flag in flags(3, 0x0010)] == ["info"]

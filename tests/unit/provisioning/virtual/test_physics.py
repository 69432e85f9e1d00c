"""Loads and counters: exact, monotonic, and the same after a restart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.quantities import QUANTITIES
from provisioning.virtual.instrument import Instrument
from provisioning.virtual.physics import ANCHOR_S, TARIFF_HOURS, Load, Shape, voltage_mv

NOW_S = 1_790_000_000.0
LOAD = Load(3, "d1", Shape.DORM, 250_000)


def test_energy_taken_equals_the_sum_of_power_over_slots() -> None:
    start_ms = (ANCHOR_S + 12 * 86_400) * 1000

    summed = sum(LOAD.rate(start_ms + slot * 300_000) * 300_000 for slot in range(8 * 288))

    assert LOAD.taken(start_ms + 8 * 86_400_000) - LOAD.taken(start_ms) == summed


@given(st.integers(0, 10**11), st.integers(0, 10**9), st.sampled_from(list(Shape)))
def test_energy_never_falls(since_anchor_ms: int, later_ms: int, shape: Shape) -> None:
    load = Load(5, "any", shape, 300_000)
    at_ms = ANCHOR_S * 1000 + since_anchor_ms

    assert load.taken(at_ms + later_ms) >= load.taken(at_ms)


@given(st.integers(0, 10**11))
def test_tariffs_share_the_day_without_rest(since_anchor_ms: int) -> None:
    at_ms = ANCHOR_S * 1000 + since_anchor_ms

    assert sum(LOAD.taken(at_ms, hours) for hours in TARIFF_HOURS.values()) == LOAD.taken(at_ms)


def test_a_restarted_device_continues_its_counters() -> None:
    before = Instrument(7, "m", LOAD).value("energy_active_forward", NOW_S)

    after = Instrument(7, "m", LOAD).value("energy_active_forward", NOW_S + 3_600)

    assert 0 < after - before < 3_000


def test_given_start_shows_at_the_first_start_of_the_site() -> None:
    one = Instrument(7, "m", LOAD, start=42_000_000, epoch_s=NOW_S)

    assert one.value("energy_active_forward", NOW_S) == 42_000_000
    assert one.value("energy_active_forward", NOW_S + 86_400) > 42_002_000


def test_open_relay_stops_the_counter_and_the_current(instrument: Instrument) -> None:
    before = instrument.value("energy_active_forward", NOW_S)

    instrument.set_state("meter_relay_open", 1, NOW_S)

    assert instrument.value("energy_active_forward", NOW_S + 86_400) == before
    assert instrument.value("current_a", NOW_S + 86_400) == 0


def test_closed_relay_goes_on_from_where_the_counter_stood(instrument: Instrument) -> None:
    before = instrument.value("energy_active_forward", NOW_S)
    instrument.set_state("meter_relay_open", 1, NOW_S)
    instrument.set_state("meter_relay_open", 0, NOW_S + 86_400)

    gained = instrument.value("energy_active_forward", NOW_S + 90_000) - before

    assert 0 < gained < 2_000


def test_memory_carries_relay_and_withheld_energy_over_a_restart(instrument: Instrument) -> None:
    instrument.set_state("meter_relay_open", 1, NOW_S)
    again = Instrument(instrument.seed, instrument.device, instrument.load)

    again.remember(instrument.memory())

    assert not again.on
    assert again.value("energy_active_forward", NOW_S + 5_000) == instrument.value("energy_active_forward", NOW_S + 5_000)


@pytest.mark.parametrize("phase", ["a", "b", "c"])
def test_voltage_stays_in_the_band(phase: str) -> None:
    values = [voltage_mv(1, "m", phase, NOW_S + 61 * step) for step in range(2_000)]

    assert min(values) >= 220_000
    assert max(values) <= 235_000
    assert len(set(values)) > 100


def test_three_phases_carry_the_whole_power() -> None:
    one = Instrument(7, "m3", Load(7, "m3", Shape.OFFICE, 9_000_000), phases=3)

    phases = sum(one.value(f"power_active_{phase}", NOW_S) for phase in "abc")

    assert one.value("power_active", NOW_S) == pytest.approx(phases, abs=3)


def test_power_voltage_and_current_agree(instrument: Instrument) -> None:
    power, voltage = instrument.value("power_active_a", NOW_S), instrument.value("voltage_a", NOW_S)

    expected_ma = power * 1_000_000 / (voltage * instrument.value("power_factor_a", NOW_S))

    assert instrument.value("current_a", NOW_S) == pytest.approx(expected_ma, abs=10)


def test_water_moves_in_pulses_and_a_closed_valve_stops_it() -> None:
    meter = Instrument(7, "w", Load(7, "w", Shape.WATER, 40_000))
    before = meter.value("water_volume", NOW_S)
    meter.set_state("valve_state", 1, NOW_S)

    assert before % 10 == 0
    assert meter.value("water_volume", NOW_S + 86_400) == before
    assert meter.value("water_volume_settlement", NOW_S) < before


def test_every_quantity_has_an_integer_value(instrument: Instrument) -> None:
    values = {code: instrument.value(code, NOW_S) for code in QUANTITIES}

    assert {code for code, value in values.items() if not isinstance(value, int)} == set()
    assert values["voltage_a"] > values["relay_1"]


def test_daily_freeze_is_the_register_of_the_last_local_midnight(instrument: Instrument) -> None:
    midnight_s = NOW_S - (NOW_S + instrument.utc_offset_s) % 86_400

    frozen = instrument.value("energy_active_forward_daily", NOW_S)

    assert frozen == instrument.value("energy_active_forward", midnight_s)
    assert frozen == instrument.value("energy_active_forward_daily", midnight_s + 86_399)


def test_prepaid_credit_falls_with_use_and_is_bought_again(instrument: Instrument) -> None:
    days = [NOW_S + day * 86_400 for day in range(120)]

    credit = [instrument.value("balance_energy", at_s) for at_s in days]
    bought = [instrument.value("purchase_count", at_s) for at_s in days]

    assert min(credit) > 0
    assert bought == sorted(bought)
    assert bought[-1] > bought[0]

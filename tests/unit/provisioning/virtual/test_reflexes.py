"""What devices do by themselves, at the instant it falls due and not when somebody looks."""

from __future__ import annotations

import pytest

from provisioning.virtual import reflexes
from provisioning.virtual.instrument import Instrument
from provisioning.virtual.physics import Load, Shape

NOW_S = 1_790_000_000.0


def test_relay_opens_when_the_credit_runs_out_and_the_counter_stops_there(instrument: Instrument) -> None:
    began = instrument.counter(NOW_S)
    reflexes.live(instrument, NOW_S)
    instrument.opened_account(NOW_S).set_balance(1_000, began)

    reflexes.live(instrument, NOW_S + 86_400)  # nobody looked for a day

    assert not instrument.on
    assert 1_000 <= instrument.counter(NOW_S + 86_400) - began <= 1_001
    assert instrument.value("balance_energy", NOW_S + 86_400) == 0


def test_overdraft_is_used_up_first(instrument: Instrument) -> None:
    began = instrument.counter(NOW_S)
    instrument.opened_account(NOW_S).set_balance(0, began)
    instrument.state["overdraft_limit_energy"] = 500

    reflexes.live(instrument, NOW_S + 86_400)

    assert 500 <= instrument.counter(NOW_S + 86_400) - began <= 501
    assert instrument.value("overdraft_energy", NOW_S + 86_400) in (500, 501)


def test_supply_that_is_kept_on_outlives_the_credit(instrument: Instrument) -> None:
    instrument.set_state("keep_power", 1, NOW_S)
    instrument.opened_account(NOW_S).set_balance(0, instrument.counter(NOW_S))

    reflexes.live(instrument, NOW_S + 86_400)

    assert instrument.on


def test_only_want_of_credit_is_cured_by_credit(instrument: Instrument) -> None:
    account = instrument.opened_account(NOW_S)
    account.set_balance(0, instrument.counter(NOW_S))
    reflexes.live(instrument, NOW_S + 60)
    account.set_balance(5_000, instrument.counter(NOW_S + 60))

    reflexes.close_if_credit_returned(instrument, NOW_S + 60)
    assert instrument.on

    reflexes.trip(instrument, NOW_S + 70)
    reflexes.close_if_credit_returned(instrument, NOW_S + 80)
    assert not instrument.on


def test_malicious_load_trips_at_once_and_again_while_it_is_plugged_in(instrument: Instrument) -> None:
    instrument.state["malicious_load_limit"] = 800_000
    instrument.supply.plug_in("kettle", 1_800_000, NOW_S)

    reflexes.live(instrument, NOW_S)
    reflexes.close(instrument, NOW_S + 60)
    reflexes.live(instrument, NOW_S + 61)

    assert not instrument.on
    assert instrument.value("malicious_load_trips", NOW_S + 61) == 2
    assert instrument.value("relay_trips", NOW_S + 61) == 2


def test_appliance_below_the_limit_runs_and_is_counted(instrument: Instrument) -> None:
    twin = Instrument(instrument.seed, instrument.device, instrument.load)
    instrument.state["malicious_load_limit"] = 800_000

    instrument.supply.plug_in("lamp", 500_000, NOW_S)
    reflexes.live(instrument, NOW_S)
    instrument.supply.unplug("lamp", NOW_S + 3_600)

    assert instrument.on
    assert instrument.value("power_active", NOW_S + 10) - twin.value("power_active", NOW_S + 10) == 500_000
    for later_s in (3_600, 7_200):
        assert instrument.counter(NOW_S + later_s) - twin.counter(NOW_S + later_s) == 500


def test_appliance_takes_nothing_while_the_relay_is_open(instrument: Instrument) -> None:
    instrument.supply.plug_in("lamp", 3_600_000, NOW_S)
    instrument.set_state("meter_relay_open", 1, NOW_S + 100)
    stood = instrument.counter(NOW_S + 100)
    instrument.set_state("meter_relay_open", 0, NOW_S + 1_100)

    assert instrument.counter(NOW_S + 1_100) == stood
    assert instrument.counter(NOW_S + 1_200) - stood >= 100


def test_newest_event_is_record_one(instrument: Instrument) -> None:
    instrument.set_state("meter_relay_open", 1, NOW_S)
    instrument.set_state("meter_relay_open", 0, NOW_S + 10)
    instrument.set_state("meter_relay_open", 1, NOW_S + 20)

    first, second = (instrument.journal.record("relay_opened", number) for number in (1, 2))

    assert first is not None
    assert second is not None
    assert (first.began - second.began).total_seconds() == 20
    assert instrument.journal.record("relay_opened", 3) is None


@pytest.mark.parametrize(("passed_s", "on"), [(9, True), (10, False)])
def test_overload_trips_after_its_delay(instrument: Instrument, passed_s: int, on: bool) -> None:
    instrument.state.update(overload_limit=3_000_000, overload_delay=10_000)
    instrument.supply.plug_in("oven", 3_000_000, NOW_S)
    reflexes.live(instrument, NOW_S)

    reflexes.live(instrument, NOW_S + passed_s)

    assert instrument.on is on
    assert instrument.value("overload_trips", NOW_S + passed_s) == int(not on)
    assert instrument.value("status_word_4", NOW_S + passed_s) == (0 if on else 1 << 5)


def test_tariffs_of_an_appliance_add_up(instrument: Instrument) -> None:
    instrument.supply.plug_in("heater", 1_000_000, NOW_S - 200_000)
    names = ("sharp", "peak", "flat", "valley")

    total = instrument.counter(NOW_S)

    assert abs(sum(instrument.counter(NOW_S, name) for name in names) - total) <= len(names)


def test_valve_takes_its_time(instrument: Instrument) -> None:
    instrument.state["motor_s"] = 8

    reflexes.move_valve(instrument, 1, NOW_S)
    reflexes.live(instrument, NOW_S + 7)
    moving = instrument.value("valve_state", NOW_S + 7)
    reflexes.live(instrument, NOW_S + 8)

    assert (moving, instrument.value("valve_state", NOW_S + 8)) == (0, 1)


def test_everything_outlives_a_restart(instrument: Instrument) -> None:
    instrument.set_state("meter_relay_open", 1, NOW_S - 500)
    instrument.set_state("meter_relay_open", 0, NOW_S - 400)
    instrument.supply.plug_in("lamp", 500_000, NOW_S - 300)
    instrument.set_state("ac_power", 1, NOW_S - 200)
    instrument.opened_account(NOW_S).set_balance(9_000, instrument.counter(NOW_S))
    again = Instrument(instrument.seed, instrument.device, instrument.load)

    again.remember(instrument.memory())

    for quantity in ("energy_active_forward", "power_active", "temperature", "balance_energy", "relay_trips", "energy_active_forward_daily"):
        assert again.value(quantity, NOW_S + 86_400) == instrument.value(quantity, NOW_S + 86_400), quantity


def test_memory_of_an_earlier_program_is_understood() -> None:
    one = Instrument(7, "m", Load(7, "m", Shape.DORM, 300_000))
    withheld = '{"all": 7200000000, "sharp": 0, "peak": 0, "flat": 7200000000, "valley": 0}'

    one.remember('{"state": {"keep_power": 1}, "withheld": ' + withheld + ', "off_since_s": null, "clock_offset_s": 5}')

    assert (one.value("keep_power", NOW_S), one.clock_offset_s) == (1, 5)
    assert one.counter(NOW_S) == Instrument(7, "m", one.load).counter(NOW_S) - 2


def test_room_moves_toward_the_setpoint_and_the_machine_draws_power(instrument: Instrument) -> None:
    warm = instrument.value("temperature", NOW_S)
    idle = instrument.value("power_active", NOW_S)
    aim = warm - 4_000
    instrument.set_state("ac_setpoint", aim, NOW_S)
    instrument.set_state("ac_power", 1, NOW_S)

    after = [instrument.value("temperature", NOW_S + minutes * 60) for minutes in (0, 15, 60, 120)]

    assert after[0] == warm
    assert after[1] - aim == pytest.approx(4_000 / 2.718, abs=5)  # one time constant
    assert abs(after[3] - aim) < 10
    assert instrument.value("power_active", NOW_S) - idle > 1_500_000
    instrument.set_state("ac_power", 0, NOW_S + 7_200)
    assert instrument.value("temperature", NOW_S + 7_200) == pytest.approx(aim, abs=10)
    assert instrument.value("temperature", NOW_S + 40_000) > aim + 1_000


@pytest.mark.parametrize("state", [{"ac_mode": 3}, {"ac_mode": 1}, {"ac_unplugged": 1}])
def test_fan_wrong_mode_and_an_unheard_order_cool_nothing(instrument: Instrument, state: dict[str, int]) -> None:
    twin = Instrument(instrument.seed, instrument.device, instrument.load)
    instrument.set_state("ac_setpoint", instrument.value("temperature", NOW_S) - 5_000, NOW_S)
    for quantity, value in state.items():
        instrument.set_state(quantity, value, NOW_S)

    instrument.set_state("ac_power", 1, NOW_S)

    assert instrument.value("ac_power", NOW_S + 3_600) == 1
    assert abs(instrument.value("temperature", NOW_S + 3_600) - twin.value("temperature", NOW_S + 3_600)) <= 1

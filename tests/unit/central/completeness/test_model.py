"""Rates that never flatter, and what profiles lead to expect."""

from __future__ import annotations

import pytest

from central.completeness.expected import expectations, period_s
from central.completeness.model import Completeness, share_bp
from firmware_profiles.loader import load_profiles


def test_rates_with_and_without_made_up():
    day = Completeness("m1", "表", "Meter", 1, 96, 90, 4, None)

    assert (day.measured_bp, day.with_made_up_bp, day.missing) == (9375, 9792, 2)


@pytest.mark.parametrize(("part", "whole", "bp"), [(0, 0, None), (0, 5, 0), (5, 5, 10_000), (999_999, 1_000_000, 9999), (1, 3, 3333), (2, 3, 6667)])
def test_all_is_said_only_of_all(part: int, whole: int, bp: int | None):
    assert share_bp(part, whole) == bp


def test_a_register_stands_for_a_meter_and_the_first_item_for_the_rest():
    expected = {(one.profile, one.rank): (one.quantity, one.poll_group, one.period_s) for one in expectations(load_profiles())}

    assert expected["generic/dlt645_2007_single_phase", 0] == ("energy_active_forward", "energy", 900)
    assert expected["generic/cjt188_cold_water", 0] == ("water_volume", "volume", 900)
    assert expected["waveshare/modbus_rtu_relay_8ch", 0] == ("relay_1", "status", 60)


def test_every_profile_leads_to_expect_something():
    profiles = load_profiles()

    assert {one.profile for one in expectations(profiles)} == set(profiles)


def test_the_device_s_own_period_goes_before_its_profile_s():
    profile = load_profiles()["generic/dlt645_2007_single_phase"]

    assert period_s(profile, {}, "voltage_a") == 300
    assert period_s(profile, {"electrical": 60}, "voltage_a") == 60
    assert period_s(profile, {"electrical": 0}, "voltage_a") == 300
    assert period_s(None, {}, "voltage_a") == 900

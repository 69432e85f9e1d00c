"""The reference site has exactly the inventory of the real university."""

from __future__ import annotations

from collections import Counter

import pytest

from firmware_profiles.loader import load_profiles
from protocol.errors import ConfigError
from protocol.plan_text import plan_text
from protocol.profile import DeviceKind
from protocol.site_plan import SitePlan, problems
from provisioning.plan_check import PlanReport, check_plan
from provisioning.reference_site import reference_site


@pytest.fixture(scope="module")
def profiles():
    return load_profiles()


@pytest.fixture(scope="module")
def plan(profiles) -> SitePlan:
    return reference_site(profiles)


def test_meters_gateways_and_boxes_are_counted(plan, profiles):
    meters = Counter(profiles[device.profile].kind for gateway, _, device in plan.devices() if gateway.id.startswith("gw"))

    assert meters == {DeviceKind.ELECTRICITY_METER: 12_605, DeviceKind.WATER_METER: 624}
    assert Counter(gateway.id.split("-")[0] for gateway in plan.gateways) == {"gw": 129, "box": 54}


def test_every_classroom_has_its_switches_and_an_air_conditioner(plan, profiles):
    boxes = [(line, device) for gateway, line, device in plan.devices() if gateway.id.startswith("box")]
    kinds = Counter(profiles[device.profile].kind for _, device in boxes)

    assert kinds == {DeviceKind.RELAY: 139 + 70, DeviceKind.AIR_CONDITIONER: 70, DeviceKind.SENSOR: 70}
    assert all(line.stop_bits == profiles[device.profile].serial.stop_bits for line, device in boxes)


def test_every_maker_has_its_count(plan):
    makers = Counter(device.name.en.rpartition(" ")[0] for gateway, _, device in plan.devices() if gateway.id.startswith("gw"))

    assert makers == {
        "Changgong": 6746 + 1163,
        "Chint": 1524,
        "Shengfan": 2733,
        "Langhua": 624,
        "Acrel": 185,
        "Dandong Huatong": 29,
        "Nanjing Tonghui": 110,
        "Shanghai Guanghe": 69,
        "KG": 12,
        "Shanghai Shuangbin": 33,
        "Hangzhou Tanling": 1,
    }


def test_water_meters_with_an_iot_card_stand_behind_no_gateway(plan, profiles):
    reporting = plan.reporting_devices

    assert len({one.imei for one in reporting}) == len({one.address for one in reporting}) == len(reporting) == 182
    assert {one.name.en.rpartition(" ")[0] for one in reporting} == {"Nanjing Maituo"}
    assert {profiles[one.profile].kind for one in reporting} == {DeviceKind.WATER_METER}
    assert len({one.place for one in reporting}) == 35


def test_dorm_meters_stand_one_to_a_room(plan):
    rooms = [device.place for _, _, device in plan.devices() if device.id.startswith("m-dorm")]

    assert len(rooms) == len(set(rooms)) == 11_003


def test_every_gateway_has_four_lines_of_one_setting_each(plan, profiles):
    lines = [line for gateway in plan.gateways if gateway.id.startswith("gw") for line in gateway.lines]
    settings = {profiles[device.profile].serial for line in lines for device in line.devices if device.id == line.devices[0].id}

    assert len(lines) == 129 * 4
    assert all(len({profiles[device.profile].serial for device in line.devices}) == 1 for line in lines)
    assert {serial.baud for serial in settings} == {1200, 2400, 9600}


def test_the_plan_has_no_mistakes_even_when_written_and_read(plan, profiles):
    assert list(problems(plan)) == []

    text = plan_text(plan)

    assert check_plan(text, "reference.yaml", profiles) == PlanReport(plan, ())


def test_building_it_twice_gives_the_same_plan(plan, profiles):
    assert reference_site(profiles) == plan


def test_a_missing_profile_is_named():
    with pytest.raises(ConfigError, match="the reference site needs it"):
        reference_site({})

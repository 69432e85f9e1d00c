"""What people type about a meter, and what the platform takes of it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from central.web.meter_forms import BAD_FIELD, BAD_NUMBER, BAD_TIME, Typed, base_units, correction_of, instant, swap_of
from protocol.errors import ConfigError
from protocol.quantities import QUANTITIES

ENERGY, WATER = QUANTITIES["energy_active_forward"], QUANTITIES["water_volume"]
ZONE = ZoneInfo("Asia/Shanghai")
FIELDS = {
    "key": "a-key-of-its-own",
    "removed_at": "2026-11-22T08:30",
    "installed_at": "2026-11-22T08:40",
    "closing": "1,234.56",
    "opening": "0.01",
    "address": "77",
    "person": "Wang",
    "reason": "display dark",
}


def typed(**changes: str) -> Typed:
    return Typed(FIELDS | changes, ZONE, ENERGY, ENERGY)


@pytest.mark.parametrize(("text", "quantity", "value"), [("12,345.67", ENERGY, 12_345_670), ("0", ENERGY, 0), ("518.862", WATER, 518_862)])
def test_register_is_typed_as_the_meter_shows_it(text, quantity, value):
    assert base_units(text, quantity, "closing") == value


@pytest.mark.parametrize("text", ["", "12 kWh", "1.0001", "NaN", "Infinity", "1e30"])
def test_what_no_register_shows_is_refused(text):
    with pytest.raises(ConfigError) as refused:
        base_units(text, ENERGY, "closing")
    assert refused.value.details == {"field": "closing", "problem": BAD_NUMBER}


def test_time_is_the_site_s():
    assert instant("2026-11-22T08:30", ZONE, "removed_at") == 1_795_307_400_000


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ConfigError) as refused:
        instant(text, ZONE, "removed_at")
    assert refused.value.details["problem"] == BAD_TIME


def test_form_becomes_the_replacement_it_describes():
    swap = swap_of(typed(ct="60", readings_are_new="1"), "p1", "m1")
    assert (swap.point, swap.device, swap.closing, swap.opening) == ("p1", "m1", {ENERGY.code: 1_234_560}, {ENERGY.code: 10})
    assert (swap.new.address, swap.new.ct, swap.new.pt, swap.new.profile) == ("77", 60, None, None)
    assert (swap.readings_are_new, swap.confirmed, swap.allow_closed) == (True, False, False)


def test_register_that_cannot_be_read_is_left_out_with_its_reason():
    swap = swap_of(typed(closing="", unreadable="display dark"), "p1", "m1")
    assert (swap.closing, swap.unreadable) == ({}, "display dark")


def test_field_that_cannot_be_so_is_named():
    with pytest.raises(ConfigError) as refused:
        swap_of(typed(address="M 77"), "p1", "m1")
    assert refused.value.details == {"field": "address", "problem": BAD_FIELD}


def test_empty_parts_of_a_ratio_stay():
    correction = correction_of(Typed({"installation": "4", "ct": "30", "pt": "", "reason": "wrong plate"}, ZONE, None, None))
    assert (correction.installation, correction.ratio.model_dump(exclude_none=True)) == (4, {"ct": 30})

"""Which register of a model counts, and where it wraps."""

from __future__ import annotations

import pytest

from central.metering.meters import Model, shipped_models
from protocol.profile import DeviceKind


@pytest.mark.parametrize(
    ("profile", "model"),
    [
        ("generic/dlt645_2007_three_phase", Model(DeviceKind.ELECTRICITY_METER, "energy_active_forward", 1_000_000_000)),
        ("acrel/ddsy1352", Model(DeviceKind.ELECTRICITY_METER, "energy_active_total", 42_949_672_960)),
        ("eastron/sdm630", Model(DeviceKind.ELECTRICITY_METER, "energy_active_forward", None)),
        ("generic/cjt188_cold_water", Model(DeviceKind.WATER_METER, "water_volume", 1_000_000_000)),
        ("generic/xy_md02", Model(DeviceKind.SENSOR, None, None)),
    ],
)
def test_register_that_counts_comes_from_the_profile(profile: str, model: Model):
    assert shipped_models()[profile] == model

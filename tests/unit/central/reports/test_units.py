"""Units of charts and tables: one for all of it, by the largest value."""

from __future__ import annotations

from decimal import Decimal

import pytest

from central.reports.units import amount_unit, intensity_unit, mass_unit, power_unit, shown


@pytest.mark.parametrize(
    ("medium", "values", "unit", "text"),
    [
        ("electricity", [100_000_000, 5], "kWh", "100,000"),
        ("electricity", [100_000_001, 5], "MWh", "100.0"),
        ("electricity", [1_250, None], "kWh", "1.3"),
        ("electricity", [125, None], "kWh", "0.125"),
        ("electricity", [-2_000_000_000, 1], "MWh", "-2,000"),
        ("water", [1_234_567], "m³", "1,235"),
    ],
)
def test_the_largest_value_decides_for_all(medium, values, unit, text):
    found = amount_unit(medium, values)

    assert (found.unit, shown(found, values[0])) == (unit, text)


def test_missing_is_a_dash_and_stays_none_in_charts():
    unit = amount_unit("electricity", [None, 2_000])

    assert (shown(unit, None), unit.number(None), unit.number(2_000)) == ("—", None, 2.0)
    assert shown(amount_unit("electricity", []), 0) == "0.0"


def test_water_by_weight_is_the_same_number():
    assert (amount_unit("water", [5_000], tonnes=True).unit, amount_unit("water", [5_000], tonnes=True).of(5_000)) == ("t", Decimal("5.0"))


def test_power_intensity_and_mass_have_units_of_their_own():
    assert power_unit("electricity", [42_000_000]).unit == "kW"
    assert power_unit("water", [900]).unit == "m³/h"
    assert shown(intensity_unit("electricity", "m²", [1_500_000]), 1_500_000) == "1.5"
    assert (mass_unit([999_999]).unit, mass_unit([1_000_000]).unit) == ("kg", "t")

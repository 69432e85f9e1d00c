from __future__ import annotations

from collections import Counter
from decimal import Decimal
from fractions import Fraction

import pytest

from protocol import quantities
from protocol.quantities import QUANTITIES, UNIT_FACTORS, Kind, Quantity

# Display texts that people read differently from the unit texts profiles use.
WRITTEN = {"m³": "m3", "m³/h": "m3/h", "元": "yuan", "元/kWh": "yuan/kWh", "°": "deg"}
every_quantity = pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=lambda q: q.code)


def test_no_code_stands_twice():
    rows = [*quantities._energies(), *quantities._electrical(), *quantities._prepaid(), *quantities._others()]

    assert [code for code, times in Counter(row.code for row in rows).items() if times > 1] == []
    assert len(QUANTITIES) == len(rows)


@every_quantity
def test_base_unit_is_its_own_unit_with_factor_one(quantity: Quantity):
    assert UNIT_FACTORS[quantity.base_unit, quantity.base_unit] == 1


@every_quantity
def test_display_shifts_by_the_display_units_factor(quantity: Quantity):
    unit = WRITTEN.get(quantity.display_unit, quantity.display_unit)

    if unit:
        assert UNIT_FACTORS[unit, quantity.base_unit] == 10**quantity.decimals


@every_quantity
def test_names_stand_in_both_languages(quantity: Quantity):
    assert quantity.name_zh
    assert quantity.name_en.isascii()
    assert any("\u4e00" <= letter <= "\u9fff" for letter in quantity.name_zh)


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("energy_active_forward", 1_206_420, "1206.420"),
        ("voltage_a", 229_700, "229.700"),
        ("power_active", -1_234_500, "-1.234500"),
        ("balance_money", 5, "0.05"),
        ("humidity", 455, "45.5"),
        ("energy_active_total", 9_223_372_036_854_775_807, "9223372036854775.807"),
    ],
)
def test_display_is_exact(code: str, value: int, shown: str):
    assert str(QUANTITIES[code].display(value)) == shown
    assert isinstance(QUANTITIES[code].display(value), Decimal)


def test_states_have_no_decimals():
    assert {q.decimals for q in QUANTITIES.values() if q.kind is Kind.STATE} == {0}


def test_factors_are_exact_and_whole_in_base_units():
    assert {type(factor) for factor in UNIT_FACTORS.values()} == {Fraction}
    assert all(factor >= 1 and factor.denominator == 1 for factor in UNIT_FACTORS.values())


def test_the_vocabulary_cannot_be_changed():
    with pytest.raises(TypeError):
        QUANTITIES["voltage_a"] = QUANTITIES["voltage_b"]  # type: ignore[index]

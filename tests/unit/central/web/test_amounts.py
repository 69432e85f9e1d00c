"""Numbers with their units: kWh until 100,000, then MWh; unknown is a dash."""

from __future__ import annotations

import pytest

from central.web.amounts import amount, percent, rate


@pytest.mark.parametrize(
    ("medium", "value", "shown"),
    [
        ("electricity", 12_340, ("12.3", "kWh")),
        ("electricity", 99_999_000, ("99,999", "kWh")),
        ("electricity", 100_000_000, ("100.0", "MWh")),
        ("electricity", -100_000_000, ("-100.0", "MWh")),
        ("electricity", 0, ("0.0", "kWh")),
        ("electricity", None, ("—", "kWh")),
        ("water", 123_456_789, ("123,457", "m³")),
        ("water", None, ("—", "m³")),
    ],
)
def test_amount(medium: str, value: int | None, shown: tuple[str, str]) -> None:
    assert amount(medium, value) == shown


def test_rates_are_per_hour() -> None:
    assert rate("electricity", 2_500) == ("2.5", "kW")
    assert rate("water", 800) == ("0.8", "m³/h")


@pytest.mark.parametrize(("basis_points", "shown"), [(9_876, "98.7"), (9_999, "99.9"), (10_000, "100"), (0, "0.0"), (None, "—")])
def test_a_share_is_never_rounded_up(basis_points: int | None, shown: str) -> None:
    assert percent(basis_points) == shown

"""In which unit a chart or table shows its amounts: one unit for all of it, chosen by the largest. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

MWH_ABOVE = 100_000_000  # Wh: above 100,000 kWh a chart or table is in MWh


@dataclass(frozen=True, slots=True)
class Unit:
    """`factor`: what a base-unit amount is multiplied with to be shown. `decimals`: digits behind the point."""

    unit: str
    factor: Decimal
    decimals: int

    def of(self, value: int) -> Decimal:
        """The amount as it is shown."""
        return (value * self.factor).quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)

    def number(self, value: int | None) -> float | None:
        """The amount for a chart; None stays None."""
        return None if value is None else float(value * self.factor)


def amount_unit(medium: str, values: Iterable[int | None], tonnes: bool = False) -> Unit:
    """Unit of consumption. `tonnes`: water by weight (吨) instead of volume (m³), the same numbers."""
    largest = _largest(values)
    if medium == "water":
        return _unit("t" if tonnes else "m³", 3, largest)
    return _unit("MWh", 6, largest) if largest > MWH_ABOVE else _unit("kWh", 3, largest)


def power_unit(medium: str, values: Iterable[int | None]) -> Unit:
    """Unit of demand, from W (water: litres an hour): kW, above 100,000 kW MW; m³/h."""
    largest = _largest(values)
    if medium == "water":
        return _unit("m³/h", 3, largest)
    return _unit("MW", 6, largest) if largest > MWH_ABOVE else _unit("kW", 3, largest)


def intensity_unit(medium: str, per: str, values: Iterable[int | None]) -> Unit:
    """Unit of thousandths of base units for each m² or person."""
    return _unit(f"{'m³' if medium == 'water' else 'kWh'}/{per}", 6, _largest(values))


def mass_unit(values: Iterable[int | None]) -> Unit:
    """Unit of grams: kilograms, from a tonne on tonnes."""
    largest = _largest(values)
    return _unit("t", 6, largest) if largest >= 10**6 else _unit("kg", 3, largest)


def shown(unit: Unit, value: int | None) -> str:
    """The amount as text with its thousands apart; an em dash where there is none."""
    return "—" if value is None else f"{unit.of(value):,}"


def _largest(values: Iterable[int | None]) -> int:
    return max((abs(value) for value in values if value is not None), default=0)


def _unit(name: str, places: int, largest: int) -> Unit:
    factor = Decimal(1).scaleb(-places)
    return Unit(name, factor, _decimals(largest * factor))


def _decimals(largest: Decimal) -> int:
    """None from a thousand on, one below: two are for money only. What is smaller than one keeps three, or it would be nothing."""
    if largest >= 1000:
        return 0
    return 1 if largest >= 1 or largest == 0 else 3

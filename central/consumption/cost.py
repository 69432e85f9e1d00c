"""What consumption costs: energy by rate, priced in whole fen that add up to the printed total. Exact; floats never touch money."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from central.consumption.model import RATES, Integers
from central.consumption.rounding import half_up, largest_remainder
from central.consumption.tariff import Tariff
from protocol.errors import CampusError

_WH_PRICE_A_FEN = 100_000  # Wh times 1/10000 yuan a kWh


@dataclass(frozen=True, slots=True)
class Line:
    """Energy in one rate of one tariff version. `price`: 1/10000 yuan a kWh."""

    rate: str
    energy_wh: int
    price: int
    fen: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Lines and their total, which is the exact cost rounded once."""

    lines: tuple[Line, ...]
    total_fen: int


def cost(parts: Iterable[tuple[Tariff, Integers]]) -> Cost:
    """Cost of energies (Wh, in the order of RATES), one part a tariff version that was in force. Rates without energy have no line."""
    priced = [(rate, energy_wh, _price(tariff, rate)) for tariff, energies in parts for rate, energy_wh in enumerate(energies.tolist()) if energy_wh]
    exact = [Fraction(energy_wh * price, _WH_PRICE_A_FEN) for _, energy_wh, price in priced]
    total_fen = half_up(sum(exact, Fraction(0)))
    fens = largest_remainder(exact, total_fen)
    lines = tuple(Line(RATES[rate], energy_wh, price, fen) for (rate, energy_wh, price), fen in zip(priced, fens, strict=True))
    return Cost(lines, total_fen)


def _price(tariff: Tariff, rate: int) -> int:
    price = tariff.prices[rate]
    if price is None:
        raise CampusError(f"{RATES[rate]} energy under a tariff that has no such rate ({tariff.source}); its days must be computed again")
    return price

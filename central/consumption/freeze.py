"""Daily freezes against the day's slots: two ways to one figure, which have to agree within what the register can show."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from central.consumption.days import boundaries
from central.consumption.model import DayFigures, Doubt, Spans
from central.consumption.slots import Grade, quality

FREEZE = "register.freeze"


@dataclass(frozen=True, slots=True)
class Freezes:
    """Registers a meter froze at both ends of a day, in its own base unit; `step`: the least difference it shows (10 for 0.01 kWh)."""

    opening: int
    closing: int
    step: int


def freeze_doubt(figures: DayFigures, zone: str, spans: Spans, freezes: Freezes, ratio: Fraction) -> Doubt | None:
    """A doubt where the freezes do not say what the slots sum to. A day that is not measured is not compared.

    They may differ by one register step and by what passed between the readings around a midnight at which nothing was read: how that is to be split
    is not known to the slots. `spans`: those the day was cut from.
    """
    if quality(figures, 0, len(figures.slots)) is not Grade.MEASURED:
        return None
    edges = boundaries(figures.day, zone)
    start_ms, end_ms = int(edges[0]), int(edges[-1])
    by_freezes = (freezes.closing - freezes.opening) * ratio
    unsplit = _passed_over(spans, start_ms) + _passed_over(spans, end_ms)
    if abs(figures.value - by_freezes) <= ceil(freezes.step * ratio) + unsplit:
        return None
    data = {"slots": figures.value, "freezes": int(by_freezes), "opening": freezes.opening, "closing": freezes.closing}
    return Doubt(FREEZE, start_ms, end_ms, data)


def _passed_over(spans: Spans, at_ms: int) -> int:
    """The amount of the span an instant lies inside of; 0 where something was read at it."""
    return int(spans.amount[(spans.start_ms < at_ms) & (spans.end_ms > at_ms)].sum())

"""One line of a benchmark's result."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, what stood beside it in the same run, their ratio and the aim; text, because a person reads it."""

    name: str
    ours: str
    beside: str = "–"
    ratio: str = "–"
    aim: str = "–"

"""What a line's own statistics say about who polled it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

_FEWEST_VISITS = 10  # fewer say nothing about a round: the window was shorter than what the peer spent on one silence


@dataclass(frozen=True, slots=True)
class Score:
    """`efficiency`: scheduler efficiency E with all waiting counted, None without an answer; violations: frames no device listened to.

    `useful_per_s`: answered exchanges a second; `cycle_s`: time for one round of all meters, from the visits made, so also for an unfinished one;
    None below ten visits.
    """

    efficiency: float | None
    gap_violations: int
    other_violations: int
    answered: int
    silent: int
    useful_per_s: float
    cycle_s: float | None


def score(stats: Mapping[str, Any], meters: int, seconds: float) -> Score:
    """Judge a window of `seconds` from LineStats.as_dict(detail=True).

    Efficiency is needed time over the window, not over first to last exchange: a peer stuck on a dead meter at the end has not finished.
    """
    needed_s = stats["wire_s"] + stats["td_s"] + stats["gaps_s"]
    window_s = max(seconds, stats["wall_s"])
    visits = sum(1 for _ in groupby(stats["log"], key=lambda exchange: exchange["device"]))
    answered, violations = stats["exchanges"]["answered"], stats["violations"]
    return Score(
        efficiency=needed_s / window_s if answered else None,
        gap_violations=violations["gap"],
        other_violations=sum(violations.values()) - violations["gap"],
        answered=answered,
        silent=stats["exchanges"]["silent"],
        useful_per_s=answered / window_s,
        cycle_s=window_s * meters / visits if visits >= _FEWEST_VISITS else None,
    )

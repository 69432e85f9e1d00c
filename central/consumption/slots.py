"""Quarter-hour slots: one local day of a point, cut from its spans so that any parts sum to their whole, and what can be said of parts of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np

from central.consumption.days import boundaries
from central.consumption.model import PIN_GAP_MS, PIN_NEAR_MS, RATES, SLOT_MS, DayFigures, Flags, Integers, Samples, Spans

NONE: Integers = np.empty(0, np.int64)
SLOT_S = SLOT_MS // 1000
SLOTS_AN_HOUR = 3_600 // SLOT_S
_FAR_MS = 2**60  # where no reading stands: further than any gap counts, and sums of two still fit
_RATE_NUMBERS = np.arange(len(RATES), dtype=np.int64)[:, None]


class Grade(StrEnum):
    """MEASURED: both ends are held by readings and all between is known. UNKNOWN: nothing of it is known."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of a day from its midnight on (23 or 25 where the clock is changed); columns of equal length."""

    amount: Integers
    known_s: Integers
    measured: Flags


def day_figures(
    day: date,
    zone: str,
    spans: Spans,
    accepted: Samples,
    rate_of_slot: Integers,
    *,
    taken_ms: Integers,
    made_up_ms: Integers = NONE,
    marks: Sequence[tuple[int, int]] = (),
    pending_from_ms: int | None = None,
) -> DayFigures:
    """The day's figures. `spans` and `accepted` are in rising order and may reach over its ends; they must reach to the readings next to its ends.

    `rate_of_slot`: place in RATES of every slot. `taken_ms`: instants of readings taken when due; `made_up_ms`: of made-up or substituted ones.
    `marks`: (from, to) of intervals whose readings are not believed: strictly inside nothing is pinned. `pending_from_ms`: as in Course.
    """
    edges = boundaries(day, zone)
    amount, known_ms = cut(spans, edges)
    known_s = np.maximum(known_ms // 1000, known_ms > 0)
    seen = _slots_of(taken_ms, edges)
    within = np.searchsorted(accepted.at_ms, edges[[0, -1]])
    first, last = (_sample(accepted, int(within[0])), _sample(accepted, int(within[1]) - 1)) if within[0] < within[1] else (None, None)
    return DayFigures(
        day=day,
        slots=amount,
        known_s=known_s,
        pins=pins(edges, accepted.at_ms, marks),
        seen=seen,
        made_up=_slots_of(made_up_ms, edges) & ~seen if len(made_up_ms) else np.zeros_like(seen),
        rates=(rate_of_slot == _RATE_NUMBERS) @ amount,
        first=first,
        last=last,
        pending=pending_from_ms is not None and pending_from_ms < int(edges[-1]),
    )


def cut(spans: Spans, edges: Integers) -> tuple[Integers, Integers]:
    """(amount, known milliseconds) between each edge and the next. An amount is spread evenly over its span and rounded down along it."""
    touched = slice(np.searchsorted(spans.end_ms, edges[0], "right"), np.searchsorted(spans.start_ms, edges[-1]))
    start, end, amount = spans.start_ms[touched], spans.end_ms[touched], spans.amount[touched]
    if not len(start):
        return np.zeros(len(edges) - 1, np.int64), np.zeros(len(edges) - 1, np.int64)
    length = end - start
    passed, known = np.zeros(len(start) + 1, np.int64), np.zeros(len(start) + 1, np.int64)
    amount.cumsum(out=passed[1:])
    length.cumsum(out=known[1:])
    over = np.searchsorted(end, edges, "right")  # spans that are over at the edge
    passed_at, known_at = passed[over], known[over]
    into = edges - start[np.minimum(over, len(start) - 1)]
    inside = np.flatnonzero((into > 0) & (over < len(start)))
    if len(inside):
        span = over[inside]
        passed_at[inside] += _share(amount[span], into[inside], length[span])
        known_at[inside] += into[inside]
    return passed_at[1:] - passed_at[:-1], known_at[1:] - known_at[:-1]


def pins(edges: Integers, accepted_ms: Integers, marks: Sequence[tuple[int, int]] = ()) -> Flags:
    """Which edges are held by readings: two within PIN_GAP around it, or one within PIN_NEAR."""
    for from_ms, to_ms in marks:
        accepted_ms = accepted_ms[(accepted_ms <= from_ms) | (accepted_ms >= to_ms)]
    padded = np.empty(len(accepted_ms) + 2, np.int64)
    padded[0], padded[1:-1], padded[-1] = -_FAR_MS, accepted_ms, _FAR_MS
    before = edges - padded[np.searchsorted(padded, edges, "right") - 1]
    after = padded[np.searchsorted(padded, edges)] - edges
    held: Flags = (before + after <= PIN_GAP_MS) | (np.minimum(before, after) <= PIN_NEAR_MS)
    for from_ms, to_ms in marks:
        held &= (edges <= from_ms) | (edges >= to_ms)
    return held


def quality(figures: DayFigures, first: int, stop: int) -> Grade:
    """What can be said of slots [first, stop)."""
    known_s = int(figures.known_s[first:stop].sum())
    if not known_s:
        return Grade.UNKNOWN
    whole = known_s == (stop - first) * SLOT_S
    return Grade.MEASURED if whole and figures.pins[first] and figures.pins[stop] else Grade.ESTIMATED


def period_quality(days: Sequence[DayFigures], length_s: int) -> Grade:
    """What can be said of a row of days that begins with the first and ends with the last of them; `length_s`: of the whole period."""
    known_s = sum(int(one.known_s.sum()) for one in days)
    if not known_s:
        return Grade.UNKNOWN
    return Grade.MEASURED if known_s == length_s and days[0].pins[0] and days[-1].pins[-1] else Grade.ESTIMATED


def hours(figures: DayFigures) -> Hours:
    """The day by the hour. A day that does not end on a full hour has a shorter last one."""
    starts = np.arange(0, len(figures.slots), SLOTS_AN_HOUR)
    stops = np.append(starts[1:], len(figures.slots))
    known_s = np.add.reduceat(figures.known_s, starts)
    measured = (known_s == (stops - starts) * SLOT_S) & figures.pins[starts] & figures.pins[stops]
    return Hours(np.add.reduceat(figures.slots, starts), known_s, measured)


def _share(amount: Integers, into: Integers, length: Integers) -> Integers:
    """floor(amount * into / length), in wider numbers where the product needs them."""
    if int(np.abs(amount).max()) * int(length.max()) < 2**62:
        return amount * into // length
    return np.array([one * part // whole for one, part, whole in zip(amount.tolist(), into.tolist(), length.tolist(), strict=True)], np.int64)


def _slots_of(at_ms: Integers, edges: Integers) -> Flags:
    """Which slots hold one of the instants; an instant on an edge lies in the slot it begins."""
    counted = np.zeros(len(edges) + 1, np.bool_)
    counted[np.searchsorted(edges, at_ms, "right")] = True
    return counted[1:-1]


def _sample(samples: Samples, place: int) -> tuple[int, int]:
    return int(samples.at_ms[place]), int(samples.value[place])

"""When a meter's battery will be empty, from its least voltage of each day. Pure.

Lithium cells hold their voltage for years and then fall within weeks. So the slope is the median of the slopes between all pairs of days (Theil-Sen:
a cold week or a wrong value in five moves it little), and where the last weeks fall clearly faster than the whole course the last weeks count.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from central.analytics.model import Battery

LEAST_DAYS = 30  # between the first and the last value: below, no forecast is better than a guess
LEAST_VALUES = 15
RECENT_DAYS = 45
MAX_DAYS = 400  # looked back; one value a day
HORIZON_DAYS = 3650  # later than this is "not foreseen"
_JUMP_MV = 150  # a new battery lifts the voltage by this and keeps it there
_AROUND = 5  # values on each side of a jump; its median passes over single wrong ones
_BEFORE = 30  # ... and the level before must have been low for longer than a cold spell
_KNEE = 2.0  # times faster than the whole course
_KNEE_MV_DAY = 0.5
_BAND = (10, 90)  # percentiles of the slopes: eight of ten pairs of days agree

Floats = npt.NDArray[np.float64]


def forecast(days: Sequence[date], voltage_mv: Sequence[int], limit_mv: int, today: date) -> Battery:
    """What daily least voltages, in order of their days, say of the day the limit is reached."""
    if not days:
        return Battery("none", limit_mv=limit_mv)
    at = np.array([day.toordinal() for day in days], np.float64)
    level = np.array(voltage_mv, np.float64)
    first = max(replaced_at(level), int(np.searchsorted(at, at[-1] - MAX_DAYS)))
    at, level = at[first:], level[first:]
    now = int(np.median(level[-3:]))
    facts = {"voltage_mv": now, "limit_mv": limit_mv, "since": days[first], "days": len(at)}
    if now <= limit_mv:
        return Battery("low", day=min(today, days[-1]), **facts)  # type: ignore[arg-type]  # mixed facts by name
    if len(at) < LEAST_VALUES or at[-1] - at[0] < LEAST_DAYS:
        return Battery("too_little", **facts)  # type: ignore[arg-type]  # mixed facts by name
    return _foreseen(at, level, limit_mv, facts)


def replaced_at(level: Floats) -> int:
    """The place of the first value behind the last replacement; 0 when there was none."""
    for place in range(len(level) - 3, 2, -1):
        after, before = level[place : place + _AROUND], level[max(0, place - _AROUND) : place]
        if level[place] - level[place - 1] < _JUMP_MV / 2 or np.median(after) - np.median(before) < _JUMP_MV:
            continue
        if np.median(after) - np.median(level[max(0, place - _BEFORE) : place]) >= _JUMP_MV * 2 / 3:
            return place
    return 0


def _foreseen(at: Floats, level: Floats, limit_mv: int, facts: dict[str, object]) -> Battery:
    slopes = _slopes(at, level)
    recent = at >= at[-1] - RECENT_DAYS
    late = _slopes(at[recent], level[recent])
    knee = _is_knee(slopes, late)
    if knee:
        slopes, at, level = late, at[recent], level[recent]
    steep, slope, shallow = (float(value) for value in (*np.percentile(slopes, [_BAND[0], 50]), np.percentile(slopes, _BAND[1])))
    here = float(np.median(level - slope * (at - at[-1])))  # where the line stands on the last day
    day, earliest, latest = (_reached(at[-1], here, one, limit_mv) for one in (slope, steep, shallow))
    state = "steady" if day is None else "falling"
    return Battery(state, fall_uv_day=round(-slope * 1000), day=day, earliest=earliest, latest=latest, knee=knee, **facts)  # type: ignore[arg-type]


def _slopes(at: Floats, level: Floats) -> Floats:
    """Slopes (mV a day) between pairs of days at least a third of the course apart: between neighbours there is only noise."""
    if len(at) < 2:
        return np.zeros(1)
    left, right = np.triu_indices(len(at), 1)
    apart = at[right] - at[left]
    far = apart >= max(1.0, (at[-1] - at[0]) / 3)
    found: Floats = (level[right] - level[left])[far] / apart[far]
    return found


def _is_knee(slopes: Floats, late: Floats) -> bool:
    whole, recent = float(np.median(slopes)), float(np.median(late))
    certain = float(np.percentile(late, _BAND[1])) < 0
    return certain and recent <= -_KNEE_MV_DAY and recent < _KNEE * min(whole, 0.0)


def _reached(last: float, here: float, slope: float, limit_mv: int) -> date | None:
    if slope >= 0:
        return None
    left = (here - limit_mv) / -slope
    return None if left > HORIZON_DAYS else date.fromordinal(int(last)) + timedelta(days=max(0, round(left)))

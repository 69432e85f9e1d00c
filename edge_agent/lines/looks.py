"""When to look at what a device remembers by itself: at its clock, its event logs, its freezes. Pure: time is an argument.

Events and clock have a period; a freeze is looked at behind each end of its period, when the device's own clock has surely passed it too. The first
looks after a start are spread over ten minutes, later ones over the period, so that no line does all of them at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from edge_agent.drivers.clock import clock_of
from edge_agent.drivers.freezes import Freeze
from edge_agent.drivers.stamps import period_end
from edge_agent.lines.schedule import Priority
from protocol.profile import AnyProfile

EVENTS_S, CLOCK_S = 3600, 21_600
FIRST_SPREAD_S = 600.0
SETTLE_S = {"hour": 300.0, "day": 600.0, "month": 600.0}  # clocks of devices are off by minutes
SPREAD_S = {"hour": 600.0, "day": 1800.0, "month": 1800.0}
AGAIN_S = 1800.0  # a freeze that should be there by now is looked for again
_NEXT = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=32)}
PRIORITIES = {"freeze": Priority.FREEZE, "events": Priority.POLL, "clock": Priority.TIME_SYNC}


@dataclass(slots=True)
class Look:
    """One thing of one device to look at. `due`: monotonic seconds; `phase`: 0..1, the device's share of a spread; `failing`: told already."""

    device: str
    kind: Literal["freeze", "events", "clock"]
    phase: float
    due: float
    period_s: float | None = None
    freeze: Freeze | None = None
    first: bool = True
    failing: bool = False


def looks_of(device: str, profile: AnyProfile, poll_s: Mapping[str, int], phase: float, now: float) -> Iterator[Look]:
    """What there is to look at. `poll_s`: the device's own periods by group `freeze`, `events`, `clock`; 0 turns a group off."""
    due = now + phase * FIRST_SPREAD_S
    if poll_s.get("freeze") != 0:
        every_s = poll_s.get("freeze")
        for freeze in getattr(profile, "freezes", ()):
            yield Look(device, "freeze", phase, due, None if every_s is None else float(every_s), freeze)
    if getattr(profile, "events", ()) and poll_s.get("events") != 0:
        yield Look(device, "events", phase, due, float(poll_s.get("events", EVENTS_S)))
    if clock_of(profile) is not None and poll_s.get("clock") != 0:
        yield Look(device, "clock", phase, due, float(poll_s.get("clock", CLOCK_S)))


def done(look: Look, now: float, local: datetime, missing: bool = False) -> None:
    """Set when it is due next. `local`: site time now; `missing`: the freeze of the period that ended last was not there yet."""
    look.due = now + _wait_s(look, local, missing)
    look.first = False


def _wait_s(look: Look, local: datetime, missing: bool) -> float:
    if look.period_s is not None:
        return look.period_s * (0.5 + look.phase) if look.first else look.period_s
    period = look.freeze.period if look.freeze is not None else "day"
    next_end = period_end(period_end(local, period) + _NEXT[period], period)
    until_s = (next_end - local).total_seconds() + SETTLE_S[period] + look.phase * SPREAD_S[period]
    return min(until_s, AGAIN_S) if missing else until_s

"""What freezes, event logs and clocks add to a full line beside its polls, and whether an order still waits for one exchange only.

64 virtual prepaid DL/T 645-2007 meters at 2400 8E1, Td 20-60 ms, gap 30 ms, read by the agent's own poller in virtual time (nobody's CPU is in it).
Window: the hour from 23:40 of the last day of a month, the worst there is: the day's and the month's freeze of every meter, an event in the log of
each (a power cut), clocks that are right. Before it 110 minutes at the profile's own periods, in which everything has been looked at once. "Busy":
wire time, Td and gaps of the exchanges, of 3600 s. "Never empty": every group of every meter due every second; E as in `lines`, its limit is 1; an
order (one register at the priority of control) every 5 to 30 s at odd moments, from the order to its reply, beside two of the longest exchanges and
the two gaps before them: the one in progress and its own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from edge_agent.lines.outlet import Outlet
from edge_agent.lines.poller import Poller
from edge_agent.lines.schedule import Priority
from firmware_profiles.loader import load_profiles
from protocol.messages import Event
from protocol.reading import Reading
from protocol.site_plan import Device, Line
from provisioning.virtual.bus import Bus, Unit
from provisioning.virtual.line import LineModel, line_settings
from provisioning.virtual.line_stats import LineStats
from provisioning.virtual.site import SiteFacts, build_unit
from tests.bench.figure import Figure
from tests.bench.virtual_time import ModelPort, VirtualClock

_METERS, _BAUD, _GAP_S = 64, 2400, 0.03
_METER = "generic/dlt645_2007_single_phase_prepaid"
_MIDNIGHT = datetime(2026, 10, 1, tzinfo=timezone(timedelta(hours=8)))
_BEGIN_S = (_MIDNIGHT - timedelta(minutes=130)).timestamp()
_WARM_S, _WINDOW_S = 6600.0, 3600.0
_POWER_CUT = datetime(2026, 9, 30, 23, 31), datetime(2026, 9, 30, 23, 32)
_NO_LOOKS = {"freeze": 0, "events": 0, "clock": 0}


@dataclass
class _Hour:
    """What came of the window."""

    stats: LineStats
    published: list[Reading] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)

    @property
    def exchanges(self) -> int:
        return self.stats.outcomes["answered"]

    @property
    def busy_s(self) -> float:
        return self.stats.wire_s + self.stats.td_s + self.stats.gaps_s

    @property
    def longest_s(self) -> float:
        return max(one.end_s - one.request_start_s for one in self.stats.exchanges)


def run() -> list[Figure]:
    """The profile's own periods, then a queue that is never empty; each with polls alone and with everything."""
    return [*_own_periods(_hour({}, looks=False), _hour({}, looks=True)), *_never_empty(_full(looks=False), _full(looks=True))]


def _own_periods(polls: _Hour, everything: _Hour) -> Iterator[Figure]:
    shown = [f"{one.busy_s / _WINDOW_S:.1%} busy, {one.exchanges:,} exchanges" for one in (polls, everything)]
    yield Figure("own periods: polls alone", shown[0], "100 % of the hour", f"{polls.busy_s / _WINDOW_S:.3f}", "<= 0.5")
    yield Figure("own periods: with freezes, events, clocks", shown[1], shown[0], f"{everything.busy_s / polls.busy_s:.3f}")
    yield from _brought_out("own periods", everything)


def _never_empty(polls: _Hour, everything: _Hour) -> Iterator[Figure]:
    for name, one in (("polls alone", polls), ("with freezes, events, clocks", everything)):
        efficiency = one.stats.efficiency() or 0.0
        yield Figure(f"never empty, {name}: E", f"{efficiency:.4f} in {one.exchanges:,} exchanges", "limit 1", f"{efficiency:.3f}", "E >= 0.95")
        bound_s = 2 * (one.longest_s + _GAP_S)
        shown = f"longest {max(one.waits_s) * 1000:.0f} ms of {len(one.waits_s)}"
        yield Figure(f"never empty, {name}: order", shown, f"{bound_s * 1000:.0f} ms for two exchanges", f"{max(one.waits_s) / bound_s:.2f}", "<= 1")
    polled, left = (sum(reading.series.quantity == "energy_active_forward" for reading in one.published) for one in (polls, everything))
    yield Figure("never empty: polls left beside freezes, events, clocks", f"{left:,} energies read", f"{polled:,} alone", f"{left / polled:.3f}")
    yield from _brought_out("never empty", everything)


def _brought_out(name: str, hour: _Hour) -> Iterator[Figure]:
    midnight_ms = round(_MIDNIGHT.timestamp() * 1000)
    for quantity in ("energy_active_forward_daily", "energy_active_forward_monthly"):
        meters = {one.series.device for one in hour.published if one.series.quantity == quantity and one.measured_at_ms == midnight_ms}
        yield Figure(f"{name}: {quantity} of that midnight", f"{len(meters)} meters", f"{_METERS} meters", f"{len(meters) / _METERS:.2f}", "1")
    cut = {one.device for one in hour.told if one.code == "meter.power_down"}
    yield Figure(f"{name}: power cut told", f"{len(cut)} meters", f"{_METERS} meters", f"{len(cut) / _METERS:.2f}", "1")


# --- the line ----------------------------------------------------------------------------------------------------------


def _full(*, looks: bool) -> _Hour:
    return _hour(dict.fromkeys(load_profiles().profiles[_METER].groups, 1), looks=looks)


def _hour(poll_s: dict[str, int], *, looks: bool) -> _Hour:
    """Warm up at the profile's periods, then poll by these for an hour; orders come where polls never end."""
    clock, others = VirtualClock(_BEGIN_S), {} if looks else _NO_LOOKS
    line = _line(others)
    units = [build_unit(one, load_profiles().profiles[_METER], None, SiteFacts(7, 8 * 3600, _BEGIN_S - 400 * 86_400)) for one in line.devices]
    settings = line_settings(line, modbus=False)
    hour = _Hour(LineStats(settings.byte_s, settings.gap_s))
    model = LineModel(settings, Bus(units, clock.wall_s, _BAUD), hour.stats)
    orders = _Orders(clock, hour.waits_s)
    outlet = Outlet("l", hour.published.extend, hour.told.append, clock)
    poller = Poller(line, load_profiles().profiles, outlet, clock, lambda _: ModelPort(model, clock), interrupted=lambda: orders.next_at <= clock.now)
    _poll(poller, clock, orders, _WARM_S)
    _cut_power(units)
    poller.reconfigure(_line(poll_s | others))
    for kept in (hour.published, hour.told):
        kept.clear()
    hour.stats.reset()
    if poll_s:
        orders.begin()
    _poll(poller, clock, orders, _WARM_S + _WINDOW_S)
    poller.close()
    return hour


def _poll(poller: Poller, clock: VirtualClock, orders: _Orders, until: float) -> None:
    while clock.now < until:
        wake_at = poller.turn()
        orders.give(poller)
        clock.sleep_until(min(until, wake_at, orders.next_at))


class _Orders:
    """Orders that come at odd moments, whatever the line does then."""

    def __init__(self, clock: VirtualClock, waits_s: list[float]) -> None:
        self._clock, self._waits_s, self._rng = clock, waits_s, random.Random(7)
        self.next_at = float("inf")

    def begin(self) -> None:
        """Let them come from now on."""
        self.next_at = self._clock.now + self._rng.uniform(5, 30)

    def give(self, poller: Poller) -> None:
        """Hand over the one that has come, as the line's worker does between two exchanges."""
        if self.next_at <= self._clock.now:
            ordered_at, future = self.next_at, Future[list[Reading]]()
            future.add_done_callback(lambda _: self._waits_s.append(self._clock.now - ordered_at))
            poller.read(f"m{self._rng.randrange(_METERS)}", frozenset({"balance_energy"}), Priority.CONTROL, future)
            self.begin()


def _line(poll_s: dict[str, int]) -> Line:
    devices = [Device(id=f"m{n}", profile=_METER, address=f"{n:012}", place="room", poll_s=poll_s) for n in range(_METERS)]
    port = {"kind": "serial", "path": "/dev/null"}
    return Line.model_validate({"id": "l", "port": port, "baud": _BAUD, "gap_ms": round(_GAP_S * 1000), "devices": devices})


def _cut_power(units: list[Unit]) -> None:
    for unit in units:
        unit.responder.instrument.journal.note("power_down", *_POWER_CUT)

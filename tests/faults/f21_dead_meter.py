"""One meter on the line is dead, then another one babbles, too.

What is exercised: a real line worker on a baud-true virtual line: healthy, with a dead meter, with a dead and a babbling one. Judged: once the dead
meter is quarantined, the other meters' poll cycle (median) takes at most 1.05 times as long as on the healthy line, and every register read lies
between what the meter showed before and after: no damaged frame and no babbled byte becomes a reading. What babbling costs is the line's physics
(each collision is a time-out), so its cycle is noted, not judged. Nothing is stored here: what was read is what was accepted. Not covered: a line
that is shorted as a whole, and real copper.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from random import Random

from edge_agent.lines.clock import SystemClock
from edge_agent.lines.worker import LineWorker
from firmware_profiles.loader import load_profiles
from protocol.reading import Reading
from tests.faults.scenario import Outcome, Size
from tests.faults.virtual_line import Site, virtual_line
from tests.faults.wait import wait

TITLE = "dead and babbling meters"
NEEDS = ("linux",)
_METER = "generic/dlt645_2007_single_phase_prepaid"
_REGISTER = "energy_active_forward"
_BAUD = 9600
_STEP_WH = 10  # the meter shows hundredths of a kilowatt-hour
_LONGER = 1.05


def run(chance: Random, size: Size) -> Outcome:
    """Poll the line three times; compare the cycles of the meters that are well."""
    meters, seconds = (12, 2.6) if size is Size.SLICE else (30, 60.0)
    dead, babbler = chance.sample(range(meters), 2)
    with virtual_line(_METER, meters, _BAUD) as site:
        sick = {site.device(dead), site.device(babbler)}
        before = {device.id: site.truth(device.id, _REGISTER) for device in site.line.devices}
        read, healthy_s = _poll(site, seconds, 0, sick)
        site.fault(dead, "dead")
        with_dead, dead_s = _poll(site, seconds, 1, sick)
        site.fault(babbler, "babbling", delay_ms=2_000)
        with_both, both_s = _poll(site, seconds, 1, sick)
        read += with_dead + with_both
        wrong = sum(not before[one.series.device] - _STEP_WH <= one.value <= site.truth(one.series.device, _REGISTER) for one in read)
    ratio = dead_s / healthy_s
    failures = () if ratio <= _LONGER else (f"the other meters' cycle is {ratio:.3f} times as long, at most {_LONGER} is allowed",)
    cycles = f"cycle {healthy_s * 1000:.0f} ms healthy, {dead_s * 1000:.0f} ms with a dead meter, {both_s * 1000:.0f} ms with a babbling one, too"
    return Outcome(len(read), 0, wrong, 0, failures, (cycles, f"ratio {ratio:.3f}"))


def _poll(site: Site, seconds: float, dead: int, sick: set[str]) -> tuple[list[Reading], float]:
    """Read as fast as the line lets: everything read, and the median cycle of the meters that are well, from when the dead are known."""
    profiles = dict(load_profiles().profiles)
    meter = profiles[_METER]
    only = {"items": tuple(item for item in meter.items if item.quantity == _REGISTER), "blocks": (), "freezes": (), "events": (), "clock": None}
    profiles[_METER] = meter.model_copy(update=only)
    devices = tuple(device.model_copy(update={"poll_s": dict.fromkeys(meter.groups, 1)}) for device in site.line.devices)
    heard: list[tuple[float, Reading]] = []
    lock = threading.Lock()

    def publish(readings: Sequence[Reading]) -> None:
        with lock:
            heard.extend((time.monotonic(), reading) for reading in readings)

    worker = LineWorker(site.line.model_copy(update={"devices": devices}), profiles, publish, lambda _: None, SystemClock())
    worker.start()
    try:
        wait(lambda: len(worker.health().quarantined) >= dead and worker.health().exchanges > len(devices), 60, "the dead meter is quarantined")
        from_s = time.monotonic()
        time.sleep(seconds)
    finally:
        worker.stop()
    return [reading for _, reading in heard], _cycle_s([(at, one) for at, one in heard if at >= from_s and one.series.device not in sick])


def _cycle_s(heard: Sequence[tuple[float, Reading]]) -> float:
    """The median time between two readings of the same meter."""
    times: dict[str, list[float]] = defaultdict(list)
    for at, reading in heard:
        times[reading.series.device].append(at)
    return statistics.median(later - earlier for ats in times.values() for earlier, later in pairwise(ats))

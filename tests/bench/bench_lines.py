"""Polling a baud-true virtual line with a queue that is never empty; the line's own statistics are the judge.

30 DL/T 645-2007 meters (8E1, gap 30 ms, Td 20-60 ms; energy, balance, status word: three reads each) on a pty, both speeds at once, emulator in a
process of its own. E is the line's: (wire time of useful exchanges + their Td + required gaps) / wall time; its limit is 1. "10 % dead": three of
the thirty never answer; the window begins with the first request, so that finding out is in it, and ends 130 s after they are quarantined, so that
their first probes are. Urgent: from `read_now` to the readings, beside the longest exchange of the window.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

from edge_agent.lines.clock import SystemClock
from edge_agent.lines.worker import LineWorker
from firmware_profiles.loader import load_profiles
from protocol.reading import Reading
from protocol.site_plan import Line
from tests.bench.emulator import Emulator, emulated
from tests.bench.figure import Figure

_METERS, _DEAD = 30, (7, 17, 27)
_HEALTHY_S, _DEAD_S = 30.0, 130.0  # the longer one holds the first probe of each dead meter, a minute after it fell silent
METER = "generic/dlt645_2007_single_phase_prepaid"
_SET_A = ("energy_active_forward", "balance_energy", "status_word_3")


def run() -> list[Figure]:
    """Measure both speeds at once, first healthy, then with dead meters."""
    figures: list[Figure] = []
    for name, dead in (("healthy", ()), ("10 % dead", _DEAD)):
        with emulated([_meter_line(f"b{baud}", baud) for baud in (2400, 9600)], [f"b{baud}-{n}" for baud in (2400, 9600) for n in dead]) as site:
            figures += _meter_figures(site, name, len(dead))
    return figures


def start_worker(line: Line) -> LineWorker:
    """A worker whose queue is never empty: every group of every device is due every second. Readings go nowhere."""
    profiles = dict(load_profiles().profiles)
    meter = profiles[METER]
    only = {"items": tuple(item for item in meter.items if item.quantity in _SET_A), "blocks": (), "freezes": (), "events": (), "clock": None}
    profiles[METER] = meter.model_copy(update=only)

    def publish(_: Sequence[Reading]) -> None:
        """A bench of the line, not of the disk."""

    devices = tuple(device.model_copy(update={"poll_s": dict.fromkeys(profiles[device.profile].groups, 1)}) for device in line.devices)
    worker = LineWorker(line.model_copy(update={"devices": devices}), profiles, publish, lambda _: None, SystemClock())
    worker.start()
    return worker


def _meter_figures(site: Emulator, name: str, dead: int) -> list[Figure]:
    workers = {line_id: start_worker(line) for line_id, line in site.lines.items()}
    while not all(len(worker.health().quarantined) == dead and worker.health().exchanges > 3 * _METERS for worker in workers.values()):
        time.sleep(0.2)
    waits = {line_id: _urgent_waits(worker, line_id) for line_id, worker in workers.items()} if not dead else {}
    if not dead:
        site.order(do="reset_stats")
    time.sleep(_DEAD_S if dead else _HEALTHY_S)
    stats = {line_id: site.stats(line_id, detail=True) for line_id in workers}
    for worker in workers.values():
        worker.stop()
    aim = "E >= 0.90" if dead else "E >= 0.95"
    return [figure for line_id, one in stats.items() for figure in _figures(f"{line_id[1:]} baud, {name}", one, aim, waits.get(line_id))]


def _figures(name: str, stats: dict[str, Any], aim: str, waits: list[float] | None) -> Iterator[Figure]:
    lag_ms = (stats["lag_p99_s"] or 0) * 1000
    silent, answered = stats["exchanges"]["silent"], stats["exchanges"]["answered"]
    yield Figure(f"{name}: E", f"{stats['efficiency']:.3f}", f"emulator p99 late {lag_ms:.1f} ms", f"{answered} answered, {silent} silent", aim)
    yield Figure(f"{name}: rule violations", str(sum(stats["violations"].values())), "–", "–", "0")
    if waits:
        longest = max((one["reply_end_s"] or one["request_end_s"]) - one["request_start_s"] for one in stats["log"])
        shown = f"p50 {statistics.median(waits) * 1000:.0f} ms, max {max(waits) * 1000:.0f} ms"
        yield Figure(
            f"{name}: urgent read", shown, f"longest exchange {longest * 1000:.0f} ms", f"{max(waits) / longest:.2f}", "max <= 2 exchanges + gaps"
        )


def _urgent_waits(worker: LineWorker, line_id: str) -> list[float]:
    """Ask one register of changing meters at odd moments."""
    waits = []
    for n in range(20):
        time.sleep(0.173)
        asked = time.monotonic()
        worker.read_now(f"{line_id}-{n}", ["balance_energy"]).result(10)
        waits.append(time.monotonic() - asked)
    return waits


def _meter_line(line_id: str, baud: int) -> dict[str, Any]:
    devices = [{"id": f"{line_id}-{n}", "profile": METER, "address": f"{baud}{n:03}", "place": "room"} for n in range(_METERS)]
    return {"id": line_id, "port": {"kind": "serial", "path": "/dev/null"}, "baud": baud, "gap_ms": 30, "devices": devices}

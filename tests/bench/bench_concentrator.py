"""Meters behind a Q/GDW 376.1 concentrator (AFN 10 F1) beside the same meters on a serial line, with a queue that is never empty.

20 DL/T 645-2007 meters (8E1, gap 30 ms, Td 20-60 ms; energy, balance, status word: one read each) behind a virtual concentrator that dials us over
loopback TCP, and 20 equal ones on a pty, polled at once; emulator in a process of its own. It cuts three frames in ten in two, 4 ms apart, and sends
events and heartbeats between. Window: 15 s. The line's own statistics are the judge, on the bus behind the concentrator as on the pty. Ceiling: what
wire time, Td and gaps of these very exchanges leave room for; the ratio to it is E. "The tunnel adds": an exchange's time less that on the pty.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from tests.bench.bench_lines import METER, start_worker
from tests.bench.emulator import Emulator, emulated
from tests.bench.figure import Figure

_METERS, _WINDOW_S, _WARM_S = 20, 15.0, 60.0
_PTY = {"kind": "serial", "path": "/dev/null"}
_TERMINAL = {"kind": "concentrator", "host": "10.0.0.5", "port": 9800, "region": "3701", "terminal": 513}


def run() -> list[Figure]:
    """One speed after the other, both lines at once."""
    figures: list[Figure] = []
    for baud in (2400, 9600):
        with emulated([_line("tunnel", baud, _TERMINAL), _line("pty", baud, _PTY)]) as site:
            figures += _figures(baud, _measured(site))
    return figures


def _line(line_id: str, baud: int, port: dict[str, Any]) -> dict[str, Any]:
    devices = [{"id": f"{line_id}-{n}", "profile": METER, "address": f"{n:012}", "place": "room"} for n in range(1, _METERS + 1)]
    return {"id": line_id, "port": port, "baud": baud, "gap_ms": 30, "devices": devices}


def _measured(site: Emulator) -> dict[str, dict[str, Any]]:
    """Statistics of a window in which both lines are polled and every meter is known."""
    workers = {line_id: start_worker(line) for line_id, line in site.lines.items()}
    give_up = time.monotonic() + _WARM_S
    while any(worker.health().exchanges <= _METERS for worker in workers.values()):
        if time.monotonic() > give_up:
            raise RuntimeError(f"lines do not get going: {[worker.health() for worker in workers.values()]}")
        time.sleep(0.2)
    site.order(do="reset_stats")
    time.sleep(_WINDOW_S)
    stats = {line_id: site.stats(line_id) for line_id in workers}
    for worker in workers.values():
        worker.stop()
    return stats


def _figures(baud: int, stats: dict[str, dict[str, Any]]) -> Iterator[Figure]:
    tunnel, pty = stats["tunnel"], stats["pty"]
    rate, beside = _a_second(tunnel), _a_second(pty)
    yield Figure(f"{baud} baud: exchanges a second behind AFN 10", f"{rate:.2f}", f"{beside:.2f} on a pty", f"{rate / beside:.3f}")
    for where, one in (("behind AFN 10", tunnel), ("on a pty", pty)):
        yield Figure(
            f"{baud} baud, {where}: E", f"{_a_second(one):.2f}/s", f"{_a_second(one) / one['efficiency']:.2f}/s ceiling", f"{one['efficiency']:.3f}"
        )
    added_ms, late_ms = (1 / rate - 1 / beside) * 1000, (tunnel["lag_p99_s"] or 0) * 1000
    alone = f"{1000 / beside:.0f} ms on a pty; emulator p99 late {late_ms:.1f} ms"
    yield Figure(f"{baud} baud: the tunnel adds", f"{added_ms:.1f} ms an exchange", alone, f"{added_ms * beside / 1000:.3f}")
    spoilt = sum(sum(one["violations"].values()) + one["exchanges"]["silent"] + one["exchanges"]["damaged"] for one in stats.values())
    answered = sum(one["exchanges"]["answered"] for one in stats.values())
    yield Figure(f"{baud} baud: rule violations, silences, damaged replies", str(spoilt), f"{answered} answered", "–", "0")


def _a_second(stats: dict[str, Any]) -> float:
    answered: float = stats["exchanges"]["answered"] / stats["wall_s"]
    return answered

"""A campus comes back: 20 gateways drain days of backlog while others report live.

Real outboxes and senders with their default limits (8 batches in flight, 2 of them kept for live ones; 50 history batches a second each), 20 in one
process, through a mosquitto to `central run --roles ingest` with its default 2 workers. Backlog: 2 days of a reference gateway each (541 batches of
200 readings; two days where the aim says seven, so that it fits). Live: 20 other gateways, 20 batches of 200 readings a second together, from publish
to receipt, before the drain (idle) and during it. Drain rate: readings acknowledged / seconds, from the moment the links come back to the last
receipt, beside the 119 readings/s at which a reference campus makes them. What is in the table is counted. 2 cores carry all of it.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.bench.figure import Figure
from tests.bench.fleet.backlog import METERS
from tests.bench.fleet.ground import fleet, ground, ingest, register

_GATEWAYS, _DAYS = 20, 2.0
_LIVE_PER_S, _IDLE_S = 20.0, 15.0
_CAMPUS_PER_S = 119
_ROOT = Path(__file__).parents[2]


def run() -> list[Figure]:
    """Measure; one to two minutes."""
    accounts = [f"d{number}" for number in range(_GATEWAYS)]
    with ground(accounts) as here, fleet(here, "live") as live:
        for prefix in ("d", "g"):
            register(here.conn, prefix, _GATEWAYS, METERS)
        edge = here.folder / "edge"
        edge.mkdir()
        (edge / "passwords.json").write_text(json.dumps(here.passwords), encoding="utf-8")
        command = [sys.executable, "-m", "tests.bench.fleet.backlog", str(edge), str(here.port), str(_GATEWAYS), str(_DAYS)]
        process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            batches = int(_line(process, "filled"))
            with ingest(here, 1, 2):
                live.order("make", gateways=_GATEWAYS, meters=METERS, prefix="g")
                live.order("each", flight=_GATEWAYS)
                idle = live.order("paced", per_s=_LIVE_PER_S, seconds=_IDLE_S)["latencies_ms"]
                _go(process)
                during: list[float] = []
                seconds = _drained_s(process, live, during)
        finally:
            process.kill()
            process.communicate()
        stored = here.conn.execute("select count(*) from reading as r join series as s on s.id = r.series_id where s.device like 'd%'").fetchone()
    readings = _GATEWAYS * batches * METERS * 8
    rate = readings / seconds
    return [
        Figure(
            "drain",
            f"{rate:,.0f} readings/s ({readings:,} in {seconds:.1f} s)",
            f"{_CAMPUS_PER_S} readings/s campus",
            f"{rate / _CAMPUS_PER_S:,.0f}",
            "≥ 1,000",
        ),
        *(_latency(q, during, idle) for q in (50, 99)),
        Figure(
            "backlog in the table",
            f"{stored[0] if stored else 0:,} readings",
            f"{readings:,} sent",
            f"{(stored[0] if stored else 0) / readings:.3f}",
            "1",
        ),
    ]


def _drained_s(process: subprocess.Popen[str], live, during: list[float]) -> float:  # type: ignore[no-untyped-def]
    """Report live until all is drained."""
    assert process.stdout
    while not select.select([process.stdout], [], [], 0)[0]:
        during += live.order("paced", per_s=_LIVE_PER_S, seconds=1.0)["latencies_ms"]
    return float(_line(process, "drained"))


def _latency(percentile: int, during: list[float], idle: list[float]) -> Figure:
    now, before = (float(np.percentile(one, percentile)) for one in (during, idle))
    aim = "≤ 1.5" if percentile == 99 else "–"
    return Figure(
        f"live latency, p{percentile}, during the drain", f"{now:.0f} ms ({len(during)} batches)", f"{before:.0f} ms idle", f"{now / before:.2f}", aim
    )


def _line(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdout
    got, _, rest = process.stdout.readline().partition(" ")
    if got != word:
        raise RuntimeError(f"the gateways' process said {got!r} instead of {word!r}; run tests.bench.fleet.backlog by hand to see why")
    return rest


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()


if __name__ == "__main__":
    for figure in run():
        print(figure)

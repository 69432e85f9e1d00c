"""Central under whole fleets: 190, 2,000 and 20,000 gateways that speak the real contract, without agents behind them.

One process plays all gateways (tests/bench/fleet) over one connection to mosquitto; ingest is `central run --roles ingest`, 2 workers in a process.
25 meters of 8 quantities a gateway, 200 readings a batch (20,000 gateways: 2 meters, 16 readings; 100 times the reference site's meters would take
more disk and time than a benchmark may). "First batch": every gateway's first, which makes its series. "Sustained": one more from every gateway, at
most 400 unanswered. Live: batches in turn at 119 readings/s and at 100 times that, latency from publish to central's receipt. Limit: bare COPY of as
many rows of the same series, same run. What is in the table is compared with what was sent, gateway by gateway, count and sum. Random order.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import numpy as np

from central.db.copy import copy_in
from central.db.pool import Connection
from central.ingest.pack import Rows, pack
from tests.bench.figure import Figure
from tests.bench.fleet.ground import Fleet, Ground, Ingest, fleet, ground, holdings, ingest, register
from tests.bench.fleet.meters import QUANTITIES

_SIZES = {190: 25, 2_000: 25, 20_000: 2}
_REFERENCE_PER_S = 119  # readings a second of 13,400 meters with 8 points every 15 minutes
_FLIGHT = 400
_COPY = b"copy reading (series_id, measured_at, value, quality) from stdin (format binary)"
_COPY_MS = 1_500_000_000_000


def run() -> list[Figure]:
    """Measure; two to three minutes."""
    figures: dict[int, list[Figure]] = {}
    for gateways in random.sample(list(_SIZES), len(_SIZES)):
        figures[gateways] = list(_size(gateways, _SIZES[gateways]))
    return [figure for gateways in _SIZES for figure in figures[gateways]] + list(_workers())


def _size(gateways: int, meters: int) -> Iterator[Figure]:
    batch = meters * len(QUANTITIES)
    with ground() as here, fleet(here, "all") as gates:
        registered_s = register(here.conn, "g", gateways, meters)
        with ingest(here, 1, 2) as (one,):
            before_mib = one.rss_mib
            gates.order("make", gateways=gateways, meters=meters, prefix="g")
            first = gates.order("each", flight=_FLIGHT)
            sustained, cpu_us = _sustained(gates, one, gateways * batch)
            rates = {name: gates.order("paced", per_s=_REFERENCE_PER_S * times / batch, seconds=6) for name, times in (("1", 1), ("100", 100))}
            limit = _copy_rate(here.conn, gateways * batch)
            per_gateway_kib = (one.rss_mib - before_mib) * 1024 / gateways
        wrong = _wrong(here, gates)
    name = f"{gateways:,} gateways"
    yield Figure(f"{name}: first batch of each", f"{first['seconds']:.1f} s, {_lost(first, sustained)}", f"registry {registered_s:.1f} s before")
    rate = gateways * batch / sustained["seconds"]
    yield Figure(f"{name}: sustained", f"{rate:,.0f} readings/s, {cpu_us:.1f} us CPU", f"{limit:,.0f} rows/s bare COPY", f"{rate / limit:.2f}")
    yield Figure(
        f"{name}: sustained beside need",
        f"{rate:,.0f} readings/s",
        f"{_REFERENCE_PER_S} readings/s campus",
        f"{rate / _REFERENCE_PER_S:,.0f}",
        "≥ 1,000",
    )
    for times, answer in rates.items():
        yield Figure(f"{name}: live latency at {times} x campus", _percentiles(answer["latencies_ms"]), f"{len(answer['latencies_ms'])} batches")
    yield Figure(f"{name}: ingest memory", f"{per_gateway_kib:.1f} KiB a gateway", f"{one_mib(before_mib)} before")
    yield Figure(f"{name}: gateways whose count or sum is wrong", str(wrong), f"{gateways:,} compared", "–", "0")


def _workers() -> Iterator[Figure]:
    """The same load on more processes; 2 cores carry broker, database and fleet too."""
    gateways, meters, seconds = 190, 25, {}
    with ground() as here, fleet(here, "all") as gates:
        register(here.conn, "g", gateways, meters)
        gates.order("make", gateways=gateways, meters=meters, prefix="g")
        for processes in (1, 2, 4):
            with ingest(here, processes, 1):
                gates.order("each", flight=_FLIGHT)  # makes the series, and then fills the caches of new processes
                seconds[processes] = sum(gates.order("each", flight=_FLIGHT)["seconds"] for _ in range(3))
        wrong = _wrong(here, gates)
    rates = {processes: 3 * gateways * meters * len(QUANTITIES) / took for processes, took in seconds.items()}
    for processes, rate in rates.items():
        yield Figure(f"{processes} ingest processes of one worker", f"{rate:,.0f} readings/s", f"{rates[1]:,.0f} with one", f"{rate / rates[1]:.2f}")
    yield Figure("gateways whose count or sum is wrong after all three", str(wrong), f"{gateways} compared", "–", "0")


def _sustained(gates: Fleet, one: Ingest, readings: int) -> tuple[dict[str, float], float]:
    cpu_s = one.cpu_s
    answer = gates.order("each", flight=_FLIGHT)
    return answer, (one.cpu_s - cpu_s) / readings * 1e6


def _copy_rate(conn: Connection, count: int) -> float:
    """Rows a second of bare COPY, 10,000 a commit, into series that have readings already."""
    ids = np.array([row[0] for row in conn.execute("select id from series order by id limit %s", [count])], np.int64)
    ids = ids[: max(10_000, len(ids) // 10_000 * 10_000)][:500_000]
    started, sent = time.perf_counter(), 0
    for start in range(0, len(ids), 10_000):
        part = ids[start : start + 10_000]
        with conn.transaction():
            copy_in(conn, _COPY, pack(Rows(part, np.full(len(part), _COPY_MS, np.int64), part, np.zeros(len(part), np.int64))))
        sent += len(part)
    rate = sent / (time.perf_counter() - started)
    conn.execute("delete from reading where measured_at = to_timestamp(%s / 1000.0)", [_COPY_MS])
    return rate


def _wrong(here: Ground, gates: Fleet) -> int:
    told, held = gates.order("told"), holdings(here.conn)
    return sum(held.get(gateway) != expected for gateway, expected in told.items())


def _lost(*answers: dict[str, float]) -> str:
    return f"{sum(answer['unanswered'] for answer in answers):.0f} unanswered"


def _percentiles(latencies_ms: list[float]) -> str:
    if not latencies_ms:
        return "none"
    p50, p99 = np.percentile(latencies_ms, [50, 99])
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms"


def one_mib(mib: float) -> str:
    """Memory as people read it."""
    return f"{mib:.0f} MiB"


if __name__ == "__main__":
    for figure in run():
        print(figure)

"""The network between gateway and broker is gone for a second, for minutes, or comes and goes.

What is exercised: a proxy that holds every byte without telling anybody, then heals, or resets what it held; flapping every two seconds. Judged:
batches stored after the network is back reach central as fast as before at the latest 10 s later; the backlog drains behind them, at most at the rate
a gateway may send history (50 batches a second: five minutes of this feed take two); nothing is lost, wrong or double. Not covered: a partition
between broker and central (the database going away is F14), and one that lasts longer than the broker keeps a session.
"""

from __future__ import annotations

import time
from random import Random

from tests.faults.book import Book, latencies, percentile, settle
from tests.faults.chain import chain
from tests.faults.proxy import Proxy
from tests.faults.scenario import Outcome, Size

TITLE = "partition and flapping"
NEEDS = ("linux", "mosquitto")
_BACK_S = 10.0
_CUTS = {
    Size.SLICE: ((0.7, False), (0.7, True)),
    Size.FULL: ((1.0, False), (1.0, True), (20.0, False), (60.0, True), (300.0, True)),
}  # seconds of silence, and whether what was held is gone with a reset
_SLOW_S = 1.0  # slower than this, or five times the idle p99, is not "as before"


def run(chance: Random, size: Size) -> Outcome:
    """Cut for several spans, then flap; look at the live lane after each return."""
    flaps, flap_s, watch_s = (1, 0.5, 0.8) if size is Size.SLICE else (20, 2.0, _BACK_S + 5)
    with chain() as bed:
        proxy = Proxy((bed.broker.host, bed.broker.port))
        try:
            bed.box(port=proxy.port)
            healed: list[tuple[float, float]] = []
            begun_s = time.time()
            with bed.feeding(0.05):
                time.sleep(1.0 if size is Size.SLICE else 5.0)
                quiet = time.time()
                for seconds, reset in _CUTS[size]:
                    _cut(proxy, seconds, reset)
                    healed.append(_watch(watch_s, chance))
                for _ in range(flaps):
                    _cut(proxy, flap_s, reset=chance.random() < 0.5)
                    time.sleep(flap_s)
                healed.append(_watch(watch_s, chance))
            failures = bed.drained(60 if size is Size.SLICE else 600)
            idle_p99 = percentile([took for entry, took in latencies(bed.book, bed.dsn) if begun_s <= entry.at_s < quiet], 0.99)
            slow_s = max(_SLOW_S, 5 * idle_p99)
            backs = [_back_s(bed.book, bed.dsn, span, slow_s) for span in healed]
        finally:
            proxy.close()
        failures += [f"the live lane was back after {back:.1f} s, at most {_BACK_S:.0f} s are allowed" for back in backs if back > _BACK_S]
        notes = [f"live lane back after {max(backs):.1f} s at most", f"idle p99 {idle_p99 * 1000:.0f} ms", f"{proxy.connections} connections"]
        return settle(bed.book, bed.dsn, failures, notes)


def _cut(proxy: Proxy, seconds: float, reset: bool) -> None:
    proxy.silence()
    time.sleep(seconds)
    if reset:
        proxy.reset()
    proxy.heal()


def _watch(seconds: float, chance: Random) -> tuple[float, float]:
    """Let the healed link work for a while; returns the span in Unix seconds."""
    begun_s = time.time()
    time.sleep(seconds + chance.uniform(0, 0.3))
    return begun_s, time.time()


def _back_s(book: Book, dsn: str, span: tuple[float, float], slow_s: float) -> float:
    """Seconds after the return until the last slow batch of the span had been accepted; 0 if none was slow."""
    slow = [entry.at_s - span[0] for entry, took in latencies(book, dsn) if span[0] <= entry.at_s < span[1] and took > slow_s]
    return max(slow, default=0.0)

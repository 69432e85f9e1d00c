"""The broker is restarted while two gateways deliver.

What is exercised: SIGTERM and a start on the same port, again and again, with the product's own reconnect settings. Judged: every gateway is back
within 5 s (99th percentile) of the broker's return, batches stored after it pass through (no stalled session), and nothing is lost, wrong or double.
Not covered: many gateways that return at once.
"""

from __future__ import annotations

import time
from random import Random

from tests.faults.book import percentile, settle
from tests.faults.chain import Chain, chain
from tests.faults.scenario import Outcome, Size
from tests.faults.wait import wait

TITLE = "broker restarts under load"
NEEDS = ("linux", "mosquitto")
_RECONNECT_S = 5.0
_FLOW_S = 30.0


def run(chance: Random, size: Size) -> Outcome:
    """Restart the broker at random moments."""
    reconnects: list[float] = []
    flows: list[float] = []
    with chain(persistent=True) as bed:
        for gateway in ("gw-1", "gw-2"):
            bed.box(gateway)
        with bed.feeding(0.05):
            for _ in range(1 if size is Size.SLICE else 20):
                time.sleep(chance.uniform(0.1, 0.8))
                bed.broker.stop()
                time.sleep(chance.uniform(0, 0.5))
                bed.broker.start()
                back = time.monotonic()
                wait(lambda: all(box.connected for box in bed.boxes.values()), 60, "every gateway is back")
                reconnects += [box.ups[-1] - back for box in bed.boxes.values()]
                flows.append(_flow_s(bed, back))
        failures = bed.drained()
        p99 = percentile(reconnects, 0.99)
        if p99 > _RECONNECT_S:
            failures.append(f"reconnect p99 {p99:.1f} s, at most {_RECONNECT_S:.0f} s are allowed")
        notes = [f"{len(flows)} restarts", f"reconnect p99 {p99:.2f} s", f"data flows again after {max(flows):.2f} s at most"]
        return settle(bed.book, bed.dsn, failures, notes)


def _flow_s(bed: Chain, back: float) -> float:
    """Seconds from the broker's return until batches of every gateway are stored again."""
    seen = bed.scalar("select now()")
    query = f"select count(distinct gateway) from batch where received_at > '{seen}'"
    wait(lambda: bed.scalar(query) == len(bed.boxes), _FLOW_S, "batches are stored again")
    return time.monotonic() - back

"""Central was away for seven days.

What is exercised: outboxes that hold a week of batches of 200 readings (1,890 batches a gateway at today's 54,000 readings a day), then the link
comes back and live batches go on. Judged: nothing is lost; live batches go before history, so their way to the table takes at most half as long
again as without a backlog (floor 250 ms, this machine's noise); the backlog drains at a thousand times the live rate or more. Not covered: an outage
longer than the outbox has room for (F4), and 130 gateways at once (the fleet bench).
"""

from __future__ import annotations

import time
from random import Random

from tests.faults import campus
from tests.faults.book import latencies, percentile, settle
from tests.faults.campus import GATEWAYS
from tests.faults.chain import Chain, chain
from tests.faults.scenario import Outcome, Size
from tests.faults.wait import wait

TITLE = "seven days without central"
NEEDS = ("linux", "mosquitto")
_WEEK = 1_890  # batches a gateway
_LIVE_READINGS_S = 54_000 / 86_400  # a gateway, today
_DRAIN_TIMES_LIVE = 1_000
_SLOWER, _FLOOR_S = 1.5, 0.25
_LIVE_EVERY_S = 0.1


def run(chance: Random, size: Size) -> Outcome:
    """Fill, connect, and look at both lanes."""
    week, gateways, idle_s = (80, GATEWAYS[:1], 1.0) if size is Size.SLICE else (_WEEK, GATEWAYS, 10.0)
    with chain() as bed:
        for gateway in gateways:
            box = bed.box(gateway, connect=False)
            for _ in range(week):
                box.append()
        history = len(bed.book.entries)
        begun_s = time.time()
        for box in bed.boxes.values():
            box.connect()
        wait(lambda: all(box.connected for box in bed.boxes.values()), 30, "the gateways connect")
        live_s = time.time()
        with bed.feeding(_LIVE_EVERY_S):
            drained_s = _drained(bed, history)
            drain_end_s = time.time()
            time.sleep(idle_s + chance.random())
        failures = bed.drained()
        took = latencies(bed.book, bed.dsn)
        during = percentile([one for entry, one in took if live_s <= entry.at_s < drain_end_s], 0.99)
        idle = percentile([one for entry, one in took if entry.at_s > drain_end_s], 0.99)
        times = history * campus.PER_CYCLE / (drained_s - begun_s) / (_LIVE_READINGS_S * len(gateways))
        if during > max(_SLOWER * idle, _FLOOR_S):
            failures.append(f"live batches took {during * 1000:.0f} ms (p99) during the drain and {idle * 1000:.0f} ms after it")
        if times < _DRAIN_TIMES_LIVE:
            failures.append(f"the backlog drained at {times:.0f} times the live rate, at least {_DRAIN_TIMES_LIVE} are asked for")
        notes = [f"{history} batches drained in {drained_s - begun_s:.1f} s", f"{times:,.0f} x the live rate"]
        notes += [f"live p99 {during * 1000:.0f} ms during, {idle * 1000:.0f} ms after"]
        return settle(bed.book, bed.dsn, failures, notes)


def _drained(bed: Chain, history: int) -> float:
    """When the last batch of the backlog had been stored, Unix seconds."""
    due = {(entry.gateway, entry.epoch, entry.seq) for entry in bed.book.entries[:history]}
    wait(lambda: not due - bed.ledger(), 300, "the backlog is stored")
    return time.time()

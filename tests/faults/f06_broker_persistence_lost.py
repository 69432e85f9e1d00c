"""The broker is killed and comes back without its store: no sessions, no queued messages, no retained receipts.

What is exercised: SIGKILL in the middle of a backlog, the persistence folder deleted, a start on the same port. Judged: everything accepted before
the kill has central's receipt within 60 s of the broker's return, although nobody has a copy but the gateways; nothing is lost, wrong or double. Not
covered: commands that were queued at the broker, which only their sender can repeat.
"""

from __future__ import annotations

import time
from random import Random

from tests.faults.book import settle
from tests.faults.chain import Chain, chain
from tests.faults.scenario import Outcome, Size

TITLE = "broker loses its store"
NEEDS = ("linux", "mosquitto")
_GAP_S = 60.0


def run(chance: Random, size: Size) -> Outcome:
    """Kill the broker and take its memory."""
    gaps: list[float] = []
    failures: list[str] = []
    with chain(persistent=True) as bed:
        for gateway in ("gw-1", "gw-2"):
            bed.box(gateway)
        with bed.feeding(0.03):
            for _ in range(1 if size is Size.SLICE else 8):
                time.sleep(chance.uniform(0.3, 1.0))
                bed.broker.kill()
                time.sleep(chance.uniform(0.1, 1.0))
                bed.broker.forget()
                bed.broker.start()
                gaps.append(_gap_s(bed))
        failures += bed.drained()
        if max(gaps) > _GAP_S:
            failures.append(f"the gap was closed after {max(gaps):.0f} s, at most {_GAP_S:.0f} s are allowed")
        return settle(bed.book, bed.dsn, failures, [f"gap closed after {max(gaps):.1f} s at most"])


def _gap_s(bed: Chain) -> float:
    """Seconds until what is accepted now is stored."""
    begun = time.monotonic()
    due = {(entry.gateway, entry.epoch, entry.seq) for entry in list(bed.book.entries)}
    while due - bed.ledger() and time.monotonic() - begun < 2 * _GAP_S:
        time.sleep(0.05)
    return time.monotonic() - begun

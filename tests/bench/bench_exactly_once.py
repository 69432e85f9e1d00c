"""Does every reading stand in the table exactly once, with its value, after any mixture of faults? (S2)

For each seed a gateway process delivers the same 60 batches of 200 readings through a real mosquitto and two ingest workers to a fresh database
(fsync on), while chance mixes: broker restarts (F5), a broker robbed of its store (F6), partitions with and without a reset (F7), connections that
break in the middle of packets (F8 as MQTT sees it), and a stream in which one publish in ten comes again late and neighbours are shuffled (F11).
Beside it: the hash over identity, value and quality of the whole table after an undisturbed run. As many seeds as four minutes hold.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from tests.bench.figure import Figure
from tests.faults.book import digest, settle
from tests.faults.chain import Chain, chain
from tests.faults.mischief import MISCHIEF, Mischief
from tests.faults.proxy import Mangler, Proxy
from tests.faults.scenario import Outcome

_MINUTES = 4.0
_BATCHES = 60
_FIRST_SEED = 1
_GATEWAY = "gw-1"
_FAULTS = sorted(set(MISCHIEF) - {"gateway killed"})


@dataclass(frozen=True, slots=True)
class _Run:
    outcome: Outcome
    digest: str
    rows: int
    delivered: int
    faults: int


def run() -> list[Figure]:
    """Measure for four minutes."""
    clean = _clean()
    runs: dict[int, _Run] = {}
    begun = time.monotonic()
    seed = _FIRST_SEED
    while time.monotonic() - begun < _MINUTES * 60:
        runs[seed] = _one(random.Random(seed))
        seed += 1
    return _figures(runs, clean)


def _figures(runs: dict[int, _Run], clean: str) -> list[Figure]:
    due = sum(one.outcome.accepted for one in runs.values())
    rows = sum(one.rows for one in runs.values())
    bad = [seed for seed, one in runs.items() if not one.outcome.passed]
    differ = [seed for seed, one in runs.items() if one.digest != clean]
    copies = sum(one.delivered for one in runs.values()) - len(runs) * _BATCHES
    seeds = f"{len(runs)} seeds, {sum(one.faults for one in runs.values())} faults, {copies} extra copies of batches reached central"
    return [
        Figure("rows / unique readings accepted", f"{rows:,}", f"{due:,}", f"{rows / due:.6f}", "exactly 1"),
        Figure("seeds with anything lost, wrong or double", str(len(bad)), seeds, _seeds(bad), "0"),
        Figure("seeds whose table differs from the clean run", str(len(differ)), f"hash {clean[:16]}", _seeds(differ), "0"),
    ]


def _seeds(chosen: list[int]) -> str:
    return f"seeds {chosen[:10]}" if chosen else "–"


def _clean() -> str:
    with chain() as bed:
        box = bed.box(_GATEWAY)
        for _ in range(_BATCHES):
            box.append()
        missing = bed.drained(120)
        assert not missing, missing
        return digest(bed.dsn)


def _one(chance: random.Random) -> _Run:
    with chain(persistent=True) as bed:
        proxy = Proxy((bed.broker.host, bed.broker.port), Mangler(chance).stream)
        try:
            return _deliver(bed, proxy, chance)
        finally:
            proxy.close()


def _deliver(bed: Chain, proxy: Proxy, chance: random.Random) -> _Run:
    box = bed.box(_GATEWAY, port=proxy.port, sender={"backfill_per_s": 1000})
    strikes = sorted(chance.sample(range(_BATCHES), chance.randint(2, 4)))
    for number in range(_BATCHES):
        if number in strikes:
            MISCHIEF[chance.choice(_FAULTS)](Mischief(bed, {_GATEWAY: proxy}, chance))
        box.append()
        time.sleep(chance.uniform(0, 0.02))
    failures = bed.drained(120)
    delivered = sum(counter.messages for counter in bed.counters)
    return _Run(settle(bed.book, bed.dsn, failures), digest(bed.dsn), bed.scalar("select count(*) from reading"), delivered, len(strikes))


if __name__ == "__main__":
    for figure in run():
        print(figure)

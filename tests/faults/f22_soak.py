"""Minutes of everything at random: gateways killed, brokers restarted or robbed of their store, partitions, repeated and shuffled messages.

What is exercised: `central run` and three gateways as processes, each behind a proxy of its own that mangles its stream; faults follow from the seed.
The third gateway is never killed, so that its process is as old as central's. Judged: nothing lost, wrong or double, and neither memory nor open
files of the two old processes grow (judged in the full size; a slice is too short to tell growth from warming up). Five minutes stand for days:
growth by message is covered, growth by the calendar (retention, logs, certificates) is not.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from random import Random

from tests.faults.book import settle
from tests.faults.campus import GATEWAYS
from tests.faults.chain import Chain, chain
from tests.faults.mischief import MISCHIEF, Mischief
from tests.faults.proxy import Mangler, Proxy
from tests.faults.scenario import Outcome, Size

TITLE = "soak"
NEEDS = ("linux", "mosquitto")
_OLD = GATEWAYS[2]
_SLOPE_MIB_MIN = 1.0  # of the second half, by least squares; a leak of a batch a message is far above it
_MORE_FILES = 3


def run(chance: Random, size: Size) -> Outcome:
    """Do mischief for a while and look at the books and at the processes."""
    seconds, gateways = (2.5, GATEWAYS[1:]) if size is Size.SLICE else (300.0, GATEWAYS)
    with ExitStack() as stack:
        bed = stack.enter_context(chain(apart=True, persistent=True))
        proxies = {}
        for gateway in gateways:
            proxies[gateway] = Proxy((bed.broker.host, bed.broker.port), Mangler(chance).stream)
            stack.callback(proxies[gateway].close)
            bed.box(gateway, port=proxies[gateway].port)
        samples: list[tuple[float, dict[int, tuple[float, int]]]] = []
        done: dict[str, int] = {}
        with bed.feeding(0.1):
            begun = time.monotonic()
            while (now := time.monotonic() - begun) < seconds:
                samples.append((now, {pid: _state(pid) for pid in (bed.ingest_pid, bed.boxes[_OLD].pid)}))
                name = chance.choice(sorted(MISCHIEF))
                done[name] = done.get(name, 0) + 1
                MISCHIEF[name](Mischief(bed, proxies, chance, gateways[:-1]))
                time.sleep(chance.uniform(0.2, 1.0))
        failures = bed.drained(120)
        failures += _grown(bed, samples) if size is Size.FULL else []
        notes = [", ".join(f"{count} x {name}" for name, count in sorted(done.items()))]
        for name, pid in (("central", bed.ingest_pid), (_OLD, bed.boxes[_OLD].pid)):
            notes.append(f"{name} {samples[0][1][pid][0]:.0f} to {_state(pid)[0]:.0f} MiB, {samples[0][1][pid][1]} to {_state(pid)[1]} files")
        return settle(bed.book, bed.dsn, failures, notes)


def _state(pid: int) -> tuple[float, int]:
    """Memory in MiB and open files of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    rss_kib = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    return rss_kib / 1024, len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _grown(bed: Chain, samples: list[tuple[float, dict[int, tuple[float, int]]]]) -> list[str]:
    """What grows in the second half of the samples."""
    half = samples[len(samples) // 2 :]
    failures = []
    for name, pid in (("central", bed.ingest_pid), (_OLD, bed.boxes[_OLD].pid)):
        slope = _slope([at / 60 for at, _ in half], [state[pid][0] for _, state in half])
        if slope > _SLOPE_MIB_MIN:
            failures.append(f"{name} grows by {slope:.2f} MiB a minute, at most {_SLOPE_MIB_MIN} is allowed")
        more = half[-1][1][pid][1] - half[0][1][pid][1]
        if more > _MORE_FILES:
            failures.append(f"{name} has {more} open files more than half-way")
    return failures


def _slope(at: list[float], values: list[float]) -> float:
    mean_at, mean = sum(at) / len(at), sum(values) / len(values)
    return sum((x - mean_at) * (y - mean) for x, y in zip(at, values, strict=True)) / max(1e-9, sum((x - mean_at) ** 2 for x in at))

"""Every commit takes two seconds.

What is exercised: a deferred trigger that sleeps once in each transaction that enters batches, while three gateways store faster than that lets
through; ingest is `central run` in a process of its own. Judged: its memory stays flat (what waits is bounded by the gateways' windows and by its
own), gateways go on accepting at their pace, and everything is stored once the database is quick again. A slice sleeps less, and only the full size
is long enough to tell a growing queue from warming up. Not covered: a database that hangs for good.
"""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

from tests.faults.book import percentile, settle
from tests.faults.campus import GATEWAYS
from tests.faults.chain import Chain, chain
from tests.faults.scenario import Outcome, Size

TITLE = "slow database"
NEEDS = ("linux", "mosquitto")
_COMMIT_S = 2.0
_MOST_MIB = 16.0  # interpreter noise; a queue that grows with the backlog passes it in the full size
_ACCEPT_SHARE = 0.5
_SLOW = """
create function slow() returns trigger language plpgsql as $$
begin
    if current_setting('ce.slept', true) is distinct from txid_current()::text then
        perform set_config('ce.slept', txid_current()::text, true), pg_sleep({seconds});
    end if;
    return null;
end $$"""
_TRIGGER = "create constraint trigger slow after insert on batch deferrable initially deferred for each row execute function slow()"


def run(chance: Random, size: Size) -> Outcome:
    """Slow the database down, let the gateways feed, and heal it."""
    slow_s, every_s, commit_s = (2.0, 0.06, 0.7) if size is Size.SLICE else (60.0, 0.02, _COMMIT_S)
    every_s *= chance.uniform(0.8, 1.2)
    with chain(apart=True) as bed:
        for gateway in GATEWAYS:
            bed.box(gateway)
        with bed.feeding(every_s):
            time.sleep(1.5)
            usual = len(bed.book.entries) / 1.5
            bed.execute(_SLOW.format(seconds=commit_s), _TRIGGER)
            begun_s, before = time.time(), rss_mib(bed.ingest_pid)
            peak = _peak_mib(bed, slow_s)
            waiting, pace = bed.missing(), len(bed.book.since(begun_s)) / slow_s
            bed.execute("drop trigger slow on batch")
        failures = bed.drained(180)
        if peak - before > _MOST_MIB:
            failures.append(f"ingest grew by {peak - before:.1f} MiB, at most {_MOST_MIB:.0f} are allowed")
        if pace < _ACCEPT_SHARE * usual:
            failures.append(f"gateways accepted {pace:.0f} cycles/s beside {usual:.0f} before")
        if not waiting:
            failures.append("nothing waited at the gateways, so the database was not slow")
        append_ms = percentile([took for box in bed.boxes.values() for took in box.append_s], 0.99) * 1000
        notes = [f"ingest grew {peak - before:.1f} MiB", f"{waiting} batches waited", f"accepted {pace:.0f}/s beside {usual:.0f}/s"]
        return settle(bed.book, bed.dsn, failures, [*notes, f"append p99 {append_ms:.0f} ms"])


def rss_mib(pid: int) -> float:
    """Memory of a process that is in RAM now."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def _peak_mib(bed: Chain, seconds: float) -> float:
    peak, begun = 0.0, time.monotonic()
    while time.monotonic() - begun < seconds:
        peak = max(peak, rss_mib(bed.ingest_pid))
        time.sleep(0.1)
    return peak

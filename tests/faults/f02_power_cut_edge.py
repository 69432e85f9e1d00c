"""The power goes at the edge, at thousands of points between and inside its writes.

What is exercised: real processes with the agent's Outbox and SettingsStore (appends, receipts, purges, quota, renumbering, new generations, ends by
SIGKILL, damaged files), every change they ask of the disk recorded; then the disk as tests/faults/disk.py says it may be after a power cut at a
random point, opened by the same code. Not exercised: a real disk that lies about its flushes, and the sender's thread (its reads are played).
The harness proves itself in the same run: with settings this product must not have, losses must show within 300 points each.
"""

from __future__ import annotations

from random import Random

from tests.faults.outbox_workload import WEAKENED
from tests.faults.power_cut import cut_power
from tests.faults.scenario import Outcome, Size

TITLE = "power cut at the edge"
NEEDS = ("linux", "cc")
_POINTS = {Size.SLICE: 400, Size.FULL: 20_000}
_WEAK_POINTS = 300


def run(chance: Random, size: Size) -> Outcome:
    """Cut the power; then weaken the product and see that the harness notices."""
    tally = cut_power(chance, _POINTS[size])
    failures = [f"{place} ({times}x)" for place, times in tally.said.items()]
    notes = [f"{tally.points} cuts in {tally.traces} records"]
    for weaken in (*WEAKENED, "python_fsync"):
        weak = cut_power(chance, _WEAK_POINTS, weaken=weaken, stop_when_found=size is Size.SLICE)
        notes.append(f"{weaken}: {weak.bad_points} of {weak.points} cuts show it")
        if not weak.bad_points:
            failures.append(f"{weak.points} power cuts under {weaken} and nothing was noticed: the harness is blind")
    return Outcome(tally.accepted, tally.lost, tally.wrong, tally.duplicated, tuple(failures), tuple(notes))

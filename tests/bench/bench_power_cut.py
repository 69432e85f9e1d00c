"""S1: what an edge loses when its power goes, over thousands of recorded and replayed power cuts.

Conditions: real processes write through the product's outbox and settings store (appends, receipts, purges, quota, kills, damaged files); every
change they ask of the disk is recorded by a preload library, and at random points of the record the disk is rebuilt as a journaling file system may
hold it then: un-fsynced 512-byte sectors each kept up to a moment of its own or lost, names kept in order up to any point. The product's own code
opens the result. Lost and promised are readings and events, each counted at every cut behind its promise.
Beside it, in the same run: the same outbox with weakened settings (the harness must notice), and, where `.cache/peers` has it, the SQLite storage of
thingsboard-gateway 3.8.5 with its default settings under the same recorder, a message counting as promised when put() has returned True.
`CE_POWER_CUTS` sets how many cuts (default 20,000).
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random

from tests.bench.figure import Figure
from tests.bench.peers import thingsboard
from tests.faults.disk import Cut, Disk, lay_out
from tests.faults.outbox_workload import WEAKENED
from tests.faults.power_cut import Tally, cut_power, memory_folder
from tests.faults.recorder import read_log, recorded

_CUTS = int(os.environ.get("CE_POWER_CUTS", "20000"))
_WEAK_CUTS = 300
_PEER_CUTS = 150
_PEER_MESSAGES = 4000
_SEED = 20261122
_PEER_SCRIPT = Path(thingsboard.__file__).with_name("thingsboard_store.py")


def run() -> list[Figure]:
    """Cut the product's power, then that of the weakened ones and of the peer."""
    ours = cut_power(Random(_SEED), _CUTS)
    figures = []
    for name in (*WEAKENED, "python_fsync"):
        weak = cut_power(Random(f"{_SEED} {name}"), _WEAK_CUTS, weaken=name)
        figures.append(
            Figure(f"cuts at which loss shows, {name}", _bad(ours), _bad(weak), _share(weak.bad_points, weak.points), "> 0 within 300 cuts")
        )
    peer = _peer_losses(Random(_SEED))
    beside = "thingsboard-gateway not installed" if peer is None else f"{peer[0]:,} of {peer[1]:,} messages it called stored (thingsboard-gateway)"
    lost = Figure("promised and lost", f"{ours.lost_entries:,} of {ours.promised:,}", beside, "–" if peer is None else _share(*peer), "0")
    wrong = Figure("numbers given out twice, wrong or double content", f"{ours.wrong + ours.duplicated}", aim="0")
    return [lost, wrong, *figures]


def _bad(tally: Tally) -> str:
    return f"{tally.bad_points:,} of {tally.points:,} cuts"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _peer_losses(chance: Random) -> tuple[int, int] | None:
    """(lost, promised) messages of the peer, summed over cuts; None where it is not installed."""
    python = thingsboard.installed()
    if python is None:
        return None
    with memory_folder() as folder:
        root, log = folder / "recorded", folder / "log"
        root.mkdir()
        command = [str(python), str(_PEER_SCRIPT), str(root / "data"), str(_PEER_MESSAGES)]
        (root / "data").mkdir()
        done = subprocess.run(command, env=recorded(os.environ, root, log), capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"the peer's storage ended with {done.returncode}: {done.stderr[-500:]}")
        return _replay_peer(root, log, chance)


def _replay_peer(root: Path, log: Path, chance: Random) -> tuple[int, int]:
    operations, disk, put = list(read_log(log)), Disk(root), set[int]()
    disk.prepare("data")
    begun = next(number for number, one in enumerate(operations) if one.op == "!")
    at = Counter(chance.randrange(begun + 1, len(operations) + 1) for _ in range(_PEER_CUTS))
    lost = promised = 0
    for number in range(len(operations) + 1):
        for _ in range(at[number]):
            lay_out(disk.after_cut(chance, chance.choice((Cut.RANDOM, Cut.LOST, Cut.NAMES))), root.parent / "point")
            promised += len(put)
            lost += len(put - _peer_messages(root.parent / "point" / "data"))
            shutil.rmtree(root.parent / "point")
        if number < len(operations):
            one = operations[number]
            put.add(json.loads(one.data)[1]) if one.op == "!" else disk.apply(one)
    return lost, promised


def _peer_messages(folder: Path) -> set[int]:
    """What can be read back out of all its files."""
    found = set[int]()
    for file in folder.glob("*.db"):
        try:
            with closing(sqlite3.connect(file)) as db:
                rows = db.execute("SELECT message FROM messages").fetchall()
        except sqlite3.Error:
            continue
        found |= {json.loads(text)["telemetry"][0]["values"]["energy"] for (text,) in rows}
    return found

"""Power cuts on the edge's buffer: record lives of a real outbox, then cut the power at thousands of points of the record and look what is left."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.faults.disk import Cut, Disk, lay_out
from tests.faults.outbox_book import OutboxBook
from tests.faults.outbox_workload import Life
from tests.faults.recorder import read_log, recorded, spoil

POINTS_A_TRACE = 1000
_CUTS = (Cut.RANDOM, Cut.RANDOM, Cut.RANDOM, Cut.LOST, Cut.NAMES, Cut.ALL)
_KILLED = -9
_HEADER = b"not a database any more, "


@dataclass(slots=True)
class Tally:
    """What came of all points. `bad_points`: points at which anything was wrong; `promised`: accepted entries summed over points."""

    points: int = 0
    bad_points: int = 0
    traces: int = 0
    accepted: int = 0
    promised: int = 0
    lost: int = 0
    lost_entries: int = 0
    wrong: int = 0
    duplicated: int = 0
    said: Counter[str] = field(default_factory=Counter)


def cut_power(chance: Random, points: int, *, weaken: str = "", stop_when_found: bool = False) -> Tally:
    """Play `points` power cuts over as many recorded traces as that needs."""
    tally = Tally()
    logging.getLogger("edge_agent").disabled, before = True, logging.root.manager.disable
    logging.disable()
    try:
        with memory_folder() as folder:
            while tally.points < points and not (stop_when_found and tally.bad_points):
                _one_trace(folder, chance, min(max(100, points // 3), POINTS_A_TRACE, points - tally.points), weaken, tally)
    finally:
        logging.disable(before)
    return tally


@contextmanager
def memory_folder() -> Iterator[Path]:
    """A temporary folder in memory where there is one: replay writes hundreds of small files a second."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="power-cut-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _one_trace(folder: Path, chance: Random, points: int, weaken: str, tally: Tally) -> None:
    root, log = folder / "recorded", folder / "log"
    root.mkdir()
    _record(root, log, chance, weaken)
    tally.traces += 1
    replay(root, log, chance, points, tally)
    shutil.rmtree(root)
    log.unlink()


def _record(root: Path, log: Path, chance: Random, weaken: str) -> None:
    """Some boots of one box: each ends in order, without closing, or by SIGKILL between two operations; sometimes the file gets damaged."""
    salvages = not weaken and chance.random() < 0.3
    generation, pages = 1, chance.choice((4, 16, 64, 256))
    for _ in range(chance.randint(3, 6)):
        generation += chance.random() < 0.1
        life = Life(
            folder=str(root / "state"),
            seed=chance.getrandbits(32),
            steps=chance.randint(5, 80),
            generation=generation,
            quota_bytes=chance.choice((150_000, 400_000, 4_000_000)),
            checkpoint_pages=pages,
            most_readings=chance.choice((30, 100, 300)),
            ends=chance.choice(("close", "exit")),
            weaken=weaken,
        )
        live(life, root, log, chance.randint(1, 600) if chance.random() < 0.4 else None)
        if salvages and chance.random() < 0.5:
            _damage(root / "state" / "outbox.db", log, chance)


def live(life: Life, root: Path, log: Path, kill_at: int | None) -> None:
    """Let one life happen and be recorded. Raises RuntimeError if it ends otherwise than it was meant to."""
    command = [sys.executable, "-m", "tests.faults.outbox_workload", life.as_argument()]
    done = subprocess.run(command, env=recorded(os.environ, root, log, kill_at), capture_output=True, text=True, timeout=120, check=False)
    if done.returncode not in ((0,) if kill_at is None else (0, _KILLED)):
        raise RuntimeError(f"the workload ended with {done.returncode}:\n{done.stderr[-2000:]}")


def _damage(file: Path, log: Path, chance: Random) -> None:
    """Overwrite the head of the main file: SQLite takes it for no database, and every batch must come back out of the raw bytes."""
    if file.exists() and file.stat().st_size:
        spoil(log, file, 0, _HEADER + chance.randbytes(40))


def replay(root: Path, log: Path, chance: Random, points: int, tally: Tally, book: OutboxBook | None = None) -> None:
    """Cut the power at `points` random places of a record; the outbox left behind is opened by the product's own code each time."""
    operations = list(read_log(log))
    disk, book = Disk(root), book or OutboxBook()
    at = Counter(chance.randrange(len(operations) + 1) for _ in range(points))
    for number in range(len(operations) + 1):
        for _ in range(at[number]):
            _cut_here(disk, book, root.parent / "point", chance, tally, f"operation {number} of {len(operations)}")
        if number < len(operations):
            one = operations[number]
            book.hear(one.data) if one.op == "!" else disk.apply(one)
    tally.accepted += book.accepted


def _cut_here(disk: Disk, book: OutboxBook, point: Path, chance: Random, tally: Tally, place: str) -> None:
    cut = chance.choice(_CUTS)
    lay_out(disk.after_cut(chance, cut), point)
    verdict = book.check(point / "state", chance)
    tally.points += 1
    tally.promised += book.accepted_entries
    tally.bad_points += not verdict.clean
    tally.lost += verdict.lost
    tally.lost_entries += verdict.lost_entries
    tally.wrong += verdict.wrong
    tally.duplicated += verdict.duplicated
    if verdict.said and len(tally.said) < 20:
        tally.said[f"{place}, {cut}: {'; '.join(verdict.said[:3])}"] += 1
    shutil.rmtree(point)

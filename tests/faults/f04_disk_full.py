"""The disk fills up under the outbox, because of the outbox itself or of another file, and space returns.

What is exercised: the real Outbox in this process. As root on a file system of its own (tmpfs of 4 MiB) that another file fills to the last block,
with the free-space reserve switched off so that SQLite itself meets "disk full"; without root by a limit on file size (RLIMIT_FSIZE, in a child),
which SQLite sees as a failed write. Readings go on being offered all the time, receipts come and go. What is refused must be refused with
StorageError and told by a gap event; what was accepted must be there; after space returns the same object must store and drain again, without a
restart.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from edge_agent.buffer.batches import Limits
from edge_agent.buffer.outbox import Outbox
from protocol.errors import StorageError
from protocol.messages import Event
from tests.faults.content import fingerprint, some_readings, told_by_outbox, unpacked
from tests.faults.needs import program
from tests.faults.scenario import Outcome, Size

TITLE = "disk full at the edge, then space again"
NEEDS = ("linux",)
_ROUNDS = {Size.SLICE: 2, Size.FULL: 40}
_TMPFS_BYTES = 4 << 20
_AT_MS = 1_790_000_000_000
_TRIES = 60
_NO_RESERVE = Limits(quota_bytes=1 << 30, min_free_bytes=0)  # the file system alone says no
_RESERVE = Limits(quota_bytes=2 << 20, min_free_bytes=256 << 10)


@dataclass(slots=True)
class _Book:
    accepted: int = 0
    refused: int = 0
    gaps: int = 0
    lost: int = 0
    wrong: int = 0
    said: list[str] = field(default_factory=list)


def run(chance: Random, size: Size) -> Outcome:
    """Fill and empty again, a few times on one outbox each."""
    books = {}
    before = logging.root.manager.disable
    logging.disable()
    try:
        for name, limits in (("bare", _NO_RESERVE), ("reserve", _RESERVE)):
            if os.geteuid() == 0 and program("mount"):
                with _small_file_system() as folder:
                    books[f"tmpfs, {name}"] = _play(folder, chance, _ROUNDS[size], limits, partial(_other_file, folder))
        books["file size limit"] = _in_child(chance.getrandbits(32), _ROUNDS[size])
    finally:
        logging.disable(before)
    failures = [f"{name}: {said}" for name, book in books.items() for said in book.said[:3]]
    failures += [f"{name}: nothing was refused, so nothing was tried" for name, book in books.items() if not book.refused]
    notes = tuple(f"{name}: {book.accepted} stored, {book.refused} refused, {book.gaps} gaps told" for name, book in books.items())
    accepted, lost, wrong = (sum(getattr(book, what) for book in books.values()) for what in ("accepted", "lost", "wrong"))
    return Outcome(accepted, lost, wrong, 0, tuple(failures), notes)


def _play(folder: Path, chance: Random, rounds: int, limits: Limits, fill: Callable[[bool], None]) -> _Book:
    """One outbox through several droughts."""
    book, there = _Book(), set[str]()
    outbox = Outbox(folder / "state", "gw-1", 1, limits, now_ms=lambda: _AT_MS)
    for number in range(rounds):
        _offer(outbox, chance, book, there, _TRIES // 4)
        fill(True)
        refused = _offer(outbox, chance, book, there, _TRIES)
        if not refused:
            book.said.append(f"drought {number}: everything was stored on a full disk")
        waiting = outbox.pending(limit=1000)
        if waiting and chance.random() < 0.5:  # central goes on receipting; it must do no harm
            outbox.acknowledge(1, waiting[0].epoch, waiting[len(waiting) // 2].seq)
            there -= {fingerprint(unpacked(batch.payload)) for batch in waiting[: len(waiting) // 2 + 1]}
        fill(False)
        _after_drought(outbox, chance, book, there, number)
    outbox.close()
    outbox = Outbox(folder / "state", "gw-1", 1, limits, now_ms=lambda: _AT_MS)
    _compare(outbox, book, there, "after a restart")
    outbox.close()
    return book


def _offer(outbox: Outbox, chance: Random, book: _Book, there: set[str], times: int) -> int:
    """Readings keep coming whatever happens; return how many times they were refused."""
    refused = 0
    for _ in range(times):
        readings = some_readings(chance, _AT_MS, chance.choice((1, 100, 600)))
        try:
            outbox.append_readings(readings)
        except StorageError:
            refused += 1
            continue
        book.accepted += 1
        there.add(fingerprint(readings))
    book.refused += refused
    return refused


def _after_drought(outbox: Outbox, chance: Random, book: _Book, there: set[str], number: int) -> None:
    gaps = _gaps(outbox)
    if not (stored := _offer(outbox, chance, book, there, 2) < 2):
        book.said.append(f"drought {number}: space is back and nothing can be stored")
    if stored and _gaps(outbox) <= gaps:
        book.said.append(f"drought {number}: the gap is not told")
    book.gaps += _gaps(outbox) - gaps
    _compare(outbox, book, there, f"drought {number}")
    newest = outbox.pending(limit=10_000)[-1]
    outbox.acknowledge(1, newest.epoch, newest.seq)  # it drains
    there.clear()
    if outbox.pending():
        book.said.append(f"drought {number}: it does not drain")


def _compare(outbox: Outbox, book: _Book, there: set[str], when: str) -> None:
    found = [unpacked(batch.payload) for batch in outbox.pending(limit=100_000)]
    prints = {fingerprint(content) for content in found if not told_by_outbox(content)}
    book.lost += len(there - prints)
    if there - prints:
        book.said.append(f"{when}: {len(there - prints)} accepted batches are gone")


def _gaps(outbox: Outbox) -> int:
    contents = [unpacked(batch.payload) for batch in outbox.pending(limit=100_000) if batch.kind == "events"]
    return sum(isinstance(one, Event) and one.code == "outbox.gap" for content in contents for one in content)


@contextmanager
def _small_file_system() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="disk-full-") as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_TMPFS_BYTES}", "tmpfs", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "-l", name], check=True)


def _other_file(folder: Path, full: bool) -> None:
    """Another program's log takes every block, or is deleted."""
    log = folder / "other.log"
    if not full:
        log.unlink()
        return
    with log.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def _in_child(seed: int, rounds: int) -> _Book:
    """A limit on file size holds for a whole process, so this part runs in one of its own."""
    command = [sys.executable, "-m", "tests.faults.f04_disk_full", str(seed), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the part under a file size limit ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return _Book(**json.loads(done.stdout))


def _file_limit(folder: Path, *, full: bool) -> None:
    """Files may not grow beyond what the largest one has now."""
    sizes = [path.stat().st_size for path in (folder / "state").iterdir()]
    soft = max(sizes) if full else resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))


def main() -> None:
    """The part that needs a process of its own."""
    logging.disable()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with tempfile.TemporaryDirectory(prefix="disk-full-") as name:
        book = _play(Path(name), Random(int(sys.argv[1])), int(sys.argv[2]), _NO_RESERVE, lambda full: _file_limit(Path(name), full=full))
    sys.stdout.write(json.dumps(asdict(book)))


if __name__ == "__main__":
    main()

"""The process that writes the outbox is killed at random instants and started again, many times on the same files.

What is exercised: SIGKILL of a real process between two system calls or in the middle of one, the lock and the write-ahead log it leaves behind, and
how soon the next process stores its first batch. Each life tells over a pipe what was accepted; the pipe is read outside and survives it.
Lives are forked from one process that has everything imported, so the time is that of opening and committing, not that of starting Python.
kill -9 loses nothing the kernel has taken, so this says nothing about fsync: the power cut scenario does.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import tempfile
import time
from pathlib import Path
from random import Random

from edge_agent.buffer.batches import Limits, Stored
from edge_agent.buffer.outbox import Outbox
from tests.faults.content import fingerprint, some_readings, told_by_outbox, unpacked
from tests.faults.scenario import Outcome, Size

TITLE = "edge agent killed at random instants"
NEEDS = ("linux",)
_KILLS = {Size.SLICE: 60, Size.FULL: 1000}
_LONGEST_LIFE_S = 0.25
_FIRST_COMMIT_S = 2.0
_LIMITS = Limits(quota_bytes=8 << 20, min_free_bytes=0)
Number = tuple[int, int]


def run(chance: Random, size: Size) -> Outcome:
    """Kill, look, go on; then compare everything accepted with what the outbox holds."""
    book: dict[Number, str] = {}
    acked: dict[int, int] = {}
    firsts_s: list[float] = []
    with tempfile.TemporaryDirectory(prefix="kill-edge-") as name:
        folder = Path(name)
        for _ in range(_KILLS[size]):
            _hear(_one_life(folder, chance.getrandbits(32), chance.uniform(0.0, _LONGEST_LIFE_S)), book, acked, firsts_s)
        lost, wrong, duplicated = _compare(folder, book, acked)
    firsts_s.sort()
    p99_s = firsts_s[int(len(firsts_s) * 0.99) - 1] if firsts_s else 0.0
    failures = [] if firsts_s and firsts_s[-1] <= _FIRST_COMMIT_S else [f"first batch committed {firsts_s[-1:]} s after a restart"]
    notes = (
        f"{_KILLS[size]} kills, {len(firsts_s)} of them after a commit",
        f"first batch after restart p99 {p99_s * 1000:.1f} ms, worst {firsts_s[-1] * 1000:.1f} ms",
    )
    return Outcome(len(book), lost, wrong, duplicated, tuple(failures), notes)


def _one_life(folder: Path, seed: int, lasts_s: float) -> list[list[object]]:
    """Fork a writer, kill it `lasts_s` after it began, return what it said."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        _write_until_killed(folder, Random(seed), writes)
    os.close(writes)
    time.sleep(lasts_s)
    os.kill(child, signal.SIGKILL)
    said = b""
    while piece := os.read(reads, 1 << 16):
        said += piece
    os.close(reads)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"the writer ended by itself with status {os.waitstatus_to_exitcode(status)}: {said[-300:]!r}")
    return [json.loads(line) for line in said.split(b"\n")[:-1]]


def _write_until_killed(folder: Path, chance: Random, pipe: int) -> None:
    """Store, sometimes receipt and purge, until the end comes."""
    logging.disable()
    begun = time.monotonic()
    try:
        outbox = Outbox(folder, "gw-1", 1, _LIMITS, now_ms=lambda: time.time_ns() // 1_000_000)
        epoch = outbox.epoch
        _say(pipe, ["last", epoch, outbox.last_position & (1 << 40) - 1])
        first = True
        while True:
            readings = some_readings(chance, 1_790_000_000_000, chance.choice((1, 10, 200)))
            _say(pipe, ["intent", epoch, fingerprint(readings)])
            seq = outbox.append_readings(readings)
            _say(pipe, ["stored", epoch, seq, fingerprint(readings)])
            if first:
                _say(pipe, ["first", time.monotonic() - begun])
            first = False
            if chance.random() < 0.2:
                upto = max(1, seq - chance.randrange(20))
                _say(pipe, ["ack", epoch, upto])
                outbox.acknowledge(1, epoch, upto)
    except BaseException as error:  # noqa: BLE001 - the fork must not go on in its parent's code
        _say(pipe, ["failed", repr(error)])
        os._exit(1)


def _say(pipe: int, word: object) -> None:
    os.write(pipe, json.dumps(word).encode() + b"\n")


def _hear(said: list[list[object]], book: dict[Number, str], acked: dict[int, int], firsts_s: list[float]) -> None:
    for word, *rest in said:
        match word, rest:
            case "stored", [int(epoch), int(seq), str(content)]:
                if book.setdefault((epoch, seq), content) != content:
                    raise RuntimeError(f"number {seq} of epoch {epoch} was given out twice")
            case "ack", [int(epoch), int(seq)]:
                acked[epoch] = max(acked.get(epoch, 0), seq)
            case "first", [float(took_s)]:
                firsts_s.append(took_s)


def _compare(folder: Path, book: dict[Number, str], acked: dict[int, int]) -> tuple[int, int, int]:
    """(lost, wrong, duplicated) of the batches that central does not have."""
    outbox = Outbox(folder, "gw-1", 1, _LIMITS, now_ms=lambda: time.time_ns() // 1_000_000)
    there: dict[Number, str] = {}
    contents: list[str] = []
    after = 0
    while batches := outbox.pending(after=after, limit=500):
        after = batches[-1].position
        for batch in batches:
            if not told_by_outbox(unpacked(batch.payload)):
                there[batch.epoch, batch.seq] = _content(batch)
                contents.append(_content(batch))
    outbox.close()
    waiting = {number: content for number, content in book.items() if number[1] > acked.get(number[0], 0)}
    lost = len(waiting.keys() - there.keys())
    wrong = sum(number in there and there[number] != content for number, content in waiting.items())
    return lost, wrong, len(contents) - len(set(contents))


def _content(batch: Stored) -> str:
    return fingerprint(unpacked(batch.payload))

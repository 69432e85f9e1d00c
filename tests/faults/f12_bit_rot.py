"""Bits flip in the outbox's files while the agent is off.

What is exercised: single and several random bit flips anywhere in outbox.db and outbox.db-wal of a filled outbox (closed in order, or left as by
kill -9 with everything still in the log), then a start. It must always succeed; every batch must come out as it went in, or be answered by an event
in its place (a number that central asks for again counts), never as something else; the last ones, which left no trace of their number, by the
alarm that the file was damaged. And a batch whose bytes are still whole in the file must come
out, but for one a flip (the row beside the payload may be hit). Not exercised: flips in memory, and flips while the file is open.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from edge_agent.buffer.batches import Limits, Stored
from edge_agent.buffer.outbox import Outbox
from protocol.errors import CampusError
from protocol.messages import Event, decode_stored
from tests.faults.content import fingerprint, some_event, some_readings, told_by_outbox, unpacked
from tests.faults.power_cut import memory_folder
from tests.faults.scenario import Outcome, Size

TITLE = "flipped bits in the outbox"
NEEDS = ("linux",)
_ROUNDS = {Size.SLICE: 60, Size.FULL: 3000}
_BATCHES = 60
_AT_MS = 1_790_000_000_000
_LIMITS = Limits(quota_bytes=1 << 30, min_free_bytes=0)
Number = tuple[int, int]


@dataclass(slots=True)
class _Filled:
    """An outbox on disk and what is in it; `acked`: central's receipt."""

    folder: Path
    batches: dict[Number, bytes]
    acked: Number


@dataclass(slots=True)
class _Count:
    intact: int = 0
    told: int = 0
    alarmed: int = 0
    lost: int = 0
    wrong: int = 0
    said: list[str] = field(default_factory=list)


def run(chance: Random, size: Size) -> Outcome:
    """Fill, flip, start, compare."""
    count = _Count()
    before = logging.root.manager.disable
    logging.disable()
    try:
        with memory_folder() as folder:
            filled = [_fill(folder / name, chance, closed=name == "closed") for name in ("closed", "killed")]
            for number in range(_ROUNDS[size]):
                _one_round(chance.choice(filled), folder / "round", chance, number, count)
    finally:
        logging.disable(before)
    checked = count.intact + count.told + count.alarmed + count.lost + count.wrong
    notes = (
        f"{_ROUNDS[size]} damaged files",
        f"{count.intact} batches intact",
        f"{count.told} answered by an event in their place",
        f"{count.alarmed} told by the alarm alone",
    )
    return Outcome(checked, count.lost, count.wrong, 0, tuple(count.said[:10]), notes)


def _fill(folder: Path, chance: Random, *, closed: bool) -> _Filled:
    """Closed: everything is in the main file. Not closed: a copy as kill -9 leaves it, with most of it in the log."""
    live = folder.with_name(folder.name + "-live")
    outbox = Outbox(live, "gw-1", 1, _LIMITS, now_ms=lambda: _AT_MS)
    for _ in range(_BATCHES):
        if chance.random() < 0.2:
            outbox.append_events([some_event(chance, _AT_MS)])
        else:
            outbox.append_readings(some_readings(chance, _AT_MS, chance.choice((1, 20, 60))))
    everything = {(batch.epoch, batch.seq): batch.payload for batch in outbox.newest(_BATCHES)}
    acked = (outbox.epoch, _BATCHES // 4)
    outbox.acknowledge(1, *acked)
    if closed:
        outbox.close()
    shutil.copytree(live, folder)
    outbox.close()
    return _Filled(folder, everything, acked)


def _one_round(filled: _Filled, folder: Path, chance: Random, number: int, count: _Count) -> None:
    shutil.copytree(filled.folder, folder)
    (folder / "outbox.db-shm").unlink(missing_ok=True)
    flips = chance.choice((1, 1, 1, 4, 20))
    where = _flip(folder, chance, flips)
    raw = b"".join(path.read_bytes() for path in _files(folder))
    try:
        outbox = Outbox(folder, "gw-1", 1, _LIMITS, now_ms=lambda: _AT_MS + 1)
        try:
            _compare(filled, outbox, raw, flips, f"round {number}, {where}", count)
            outbox.append_readings(some_readings(chance, _AT_MS, 2))
        finally:
            outbox.close()
    except Exception as error:  # noqa: BLE001 - whatever it raises, the gateway would stand still
        count.lost += 1
        count.said.append(f"round {number}, {where}: {type(error).__name__}: {error}")
    shutil.rmtree(folder)


def _files(folder: Path) -> list[Path]:
    return [path for path in (folder / "outbox.db", folder / "outbox.db-wal") if path.exists() and path.stat().st_size]


def _flip(folder: Path, chance: Random, flips: int) -> str:
    places = []
    for _ in range(flips):
        file = chance.choice(_files(folder))
        at = chance.randrange(file.stat().st_size)
        with file.open("r+b") as opened:
            opened.seek(at)
            byte = opened.read(1)[0]
            opened.seek(at)
            opened.write(bytes([byte ^ 1 << chance.randrange(8)]))
        places.append(f"{file.name}:{at}")
    return " ".join(places[:4])


def _compare(filled: _Filled, outbox: Outbox, raw: bytes, flips: int, place: str, count: _Count) -> None:
    sent: dict[Number, bytes] = {}
    told: set[Number] = set()
    events: list[Event] = []
    for batch in _drain(outbox):
        content = unpacked(batch.payload)
        if told_by_outbox(content):
            told.add((batch.epoch, batch.seq))
            events += [one for one in content if isinstance(one, Event)]
        else:
            inner, _ = decode_stored(batch.payload)
            sent[inner.epoch, inner.seq] = batch.payload
            if (inner.epoch, inner.seq) != (batch.epoch, batch.seq):
                count.wrong += 1
                count.said.append(f"{place}: batch {inner.seq} is sent as number {batch.seq} of epoch {batch.epoch}")
    spared, alarm = 0, any(one.code == "outbox.corrupt" for one in events)
    last = max((number[1] for number in sent.keys() | told), default=0)
    for number, payload in filled.batches.items():
        if number[1] <= filled.acked[1]:
            continue
        found = sent.get(number) or _asked_again(outbox, number)
        if found is None and number in told:
            count.told += 1
            spared += payload in raw
        elif found is None and alarm and number[1] > last:
            count.alarmed += 1
        elif found is None:
            count.lost += 1
            count.said.append(f"{place}: batch {number[1]} is gone without a word")
        elif fingerprint(unpacked(found)) == fingerprint(unpacked(payload)):
            count.intact += 1
        else:
            count.wrong += 1
            count.said.append(f"{place}: batch {number[1]} has other content")
    if spared > flips:
        count.said.append(f"{place}: {spared} batches are answered by events though their bytes are whole")


def _drain(outbox: Outbox) -> Iterator[Stored]:
    """What the sender would send; a damaged file may be rebuilt on the way, then it asks again."""
    after = 0
    for _ in range(1000):
        incarnation = outbox.incarnation
        try:
            batches = outbox.pending(after=after, limit=16)
        except CampusError:
            batches = []
        if outbox.incarnation != incarnation:
            after = 0
            continue
        if not batches:
            return
        yield from batches
        after = batches[-1].position


def _asked_again(outbox: Outbox, number: Number) -> bytes | None:
    """What central gets when it misses a number and asks for it."""
    position = outbox.position(*number)
    found = outbox.range(position, position) if position is not None else []
    return found[0].payload if found and found[0].seq == number[1] and not told_by_outbox(unpacked(found[0].payload)) else None

"""The book about one outbox: what the workload's marks promised, and whether an outbox still holds to it.

Exactly-once upstream rests on two things that are checked here: what was accepted is there until central has it, and a number (generation, epoch,
seq) that was ever sent never stands for other content.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from edge_agent.buffer.batches import Limits, Stored
from edge_agent.buffer.outbox import Outbox
from edge_agent.buffer.settings_store import SettingsStore
from tests.faults.content import Content, fingerprint, some_readings, told_by_outbox, unpacked
from tests.faults.outbox_workload import GATEWAY

Number = tuple[int, int, int]  # generation, epoch, seq
_LATER_MS = 1_900_000_000_000
_ROOMY = Limits(quota_bytes=1 << 40, min_free_bytes=0)


@dataclass(slots=True)
class Verdict:
    """What was found wrong with an outbox. `lost`: batches; `lost_entries`: readings and events in them."""

    lost: int = 0
    lost_entries: int = 0
    wrong: int = 0
    duplicated: int = 0
    said: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Nothing is wrong."""
        return not (self.lost or self.wrong or self.duplicated)


class OutboxBook:
    """Fed with marks in order; `check` may be asked at any time."""

    def __init__(self) -> None:
        self.required: dict[str, int] = {}  # print -> entries, of what was accepted and is not known to be at central
        self.accepted = 0
        self.accepted_entries = 0
        self._numbers: dict[Number, str] = {}
        self._intended: set[str] = set()
        self._central: dict[tuple[int, int], int] = {}
        self._renumbered: set[int] = set()
        self._documents: dict[int, tuple[str, int]] = {}
        self._kept = 0
        self._known: dict[bytes, tuple[str, bool]] = {}

    def hear(self, mark: bytes) -> None:
        """Take in one mark of the workload."""
        word, *rest = json.loads(mark)
        match word:
            case "intent":
                self._intended.update(rest[0])
            case "stored":
                generation, epoch, seq, found, entries = rest
                self._note((generation, epoch, seq), found)
                self.required[found] = entries
                self.accepted += 1
                self.accepted_entries += entries
            case "seen":
                self._note((rest[0], rest[1], rest[2]), rest[3])
            case "ack":
                self._acked(*rest)
            case "renumber":
                self._renumbered.add(rest[0])
            case "keeping":
                self._documents[rest[1]] = (rest[2], rest[3])
            case "kept":
                self._kept = rest[1]
            case _:
                raise ValueError(f"unknown mark {word}")

    def check(self, folder: Path, chance: Random) -> Verdict:
        """Open the outbox that lies in `folder` as an agent would, compare, append, and compare again."""
        verdict = Verdict()
        try:
            self._check_outbox(folder, chance, verdict)
        except Exception as error:  # noqa: BLE001 - whatever it raises, the gateway would stand still
            verdict.wrong += 1
            verdict.said.append(f"the outbox does not work: {type(error).__name__}: {error}")
        self._check_settings(folder, verdict)
        return verdict

    def _check_outbox(self, folder: Path, chance: Random, verdict: Verdict) -> None:
        outbox = Outbox(folder, GATEWAY, 99 if chance.random() < 0.1 else self._newest_generation(), _ROOMY, now_ms=_later())
        try:
            waiting = list(_all_pending(outbox))
            found = [(batch, *self._known_content(batch)) for batch in waiting]
            self._compare(found, verdict)
            fresh = some_readings(chance, _LATER_MS, 3)
            seq = outbox.append_readings(fresh)
            newest = next(iter(outbox.newest(1)), None)
            if newest is None or fingerprint(unpacked(newest.payload)) != fingerprint(fresh) or newest.seq != seq:
                verdict.wrong += 1
                verdict.said.append("the batch appended next does not read back")
            elif _number(newest) in self._numbers or newest.seq <= self._central.get((newest.generation, newest.epoch), 0):
                verdict.wrong += 1
                verdict.said.append(f"number {_number(newest)} is given out a second time")
        finally:
            outbox.close()

    def _compare(self, found: list[tuple[Stored, str, bool]], verdict: Verdict) -> None:
        there = Counter(content for _, content, ours in found if not ours)
        for content in self.required.keys() - {content for _, content, _ in found}:
            verdict.lost += 1
            verdict.lost_entries += self.required[content]
        if verdict.lost:
            verdict.said.append(f"{verdict.lost} accepted batches are gone")
        for batch, content, ours in found:
            known = self._numbers.get(_number(batch))
            if (known is not None and known != content and not ours) or (known is None and not ours and content not in self._intended):
                verdict.wrong += 1
                verdict.said.append(f"number {_number(batch)} holds other content than was given out or meant")
        if not self._renumbered and (double := sum(times - 1 for times in there.values())):
            verdict.duplicated += double
            verdict.said.append(f"{double} batches wait under two numbers")
        self._find_holes([batch for batch, _, _ in found], verdict)

    def _find_holes(self, waiting: list[Stored], verdict: Verdict) -> None:
        """Central's receipts count up without a hole, so what waits of an epoch must do so too."""
        expected: dict[tuple[int, int], int] = {}
        for batch in waiting:
            key = (batch.generation, batch.epoch)
            reach = expected.get(key, self._central.get(key, 0) + 1)
            if batch.seq > reach and batch.epoch not in self._renumbered:
                verdict.wrong += 1
                verdict.said.append(f"epoch {batch.epoch} goes on with {batch.seq}, expected {reach}")
            expected[key] = max(reach, batch.seq + 1)

    def _check_settings(self, folder: Path, verdict: Verdict) -> None:
        newest = SettingsStore(folder / "desired").newest("lines")
        if newest is None and not self._kept:
            return
        if newest is None or newest.version < self._kept:
            verdict.lost += 1
            verdict.said.append(f"settings version {self._kept} was kept, {newest.version if newest else 'nothing'} is there")
        elif self._documents.get(newest.version) != (newest.body.hex()[:40], len(newest.body)):
            verdict.wrong += 1
            verdict.said.append(f"settings version {newest.version} has other content")

    def _known_content(self, batch: Stored) -> tuple[str, bool]:
        """Fingerprint of a batch and whether the outbox wrote it itself; remembered, because the same batch is met at thousands of points."""
        if batch.payload not in self._known:
            content: Content = unpacked(batch.payload)
            self._known[batch.payload] = (fingerprint(content), told_by_outbox(content))
        return self._known[batch.payload]

    def _newest_generation(self) -> int:
        return max((generation for generation, _, _ in self._numbers), default=1)

    def _note(self, number: Number, found: str) -> None:
        if self._numbers.setdefault(number, found) != found:
            raise ValueError(f"number {number} stands for two contents already while the workload runs")

    def _acked(self, generation: int, epoch: int, seq: int) -> None:
        before = self._central.get((generation, epoch), 0)
        for one in range(before + 1, seq + 1):
            self.required.pop(self._numbers.get((generation, epoch, one), ""), None)
        self._central[generation, epoch] = max(before, seq)


def _all_pending(outbox: Outbox) -> Iterator[Stored]:
    after = 0
    while batches := outbox.pending(after=after, limit=500):
        yield from batches
        after = batches[-1].position


def _number(batch: Stored) -> Number:
    return (batch.generation, batch.epoch, batch.seq)


def _later() -> Callable[[], int]:
    return iter(range(_LATER_MS, _LATER_MS + 10**9)).__next__

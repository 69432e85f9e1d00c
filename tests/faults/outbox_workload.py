"""One life of an outbox and a settings store in a process of its own: `python -m tests.faults.outbox_workload '{JSON of Life}'`.

It does what an agent does, in an order of chance, and says in the record (preload/record.c) what it was promised and what could have been sent:
    intent [prints]       about to append; none of it is promised yet
    stored g e s print n  append returned, n readings or events lie under this number: accepted
    seen   g e s print    the sender could have read, and sent, this batch
    ack    g e s          central has everything of the epoch up to s (said before the outbox is told)
    renumber e            what waits of epoch e moves to another, piece by piece
    keeping, kept name version print    a settings document, before and after `keep`
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import sqlite3
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from edge_agent.buffer import database, drafts
from edge_agent.buffer.batches import Limits, Receipt
from edge_agent.buffer.outbox import Outbox
from edge_agent.buffer.settings_store import Document, SettingsStore
from protocol.errors import QuotaExceeded
from tests.faults.content import fingerprint, some_event, some_readings, told_by_outbox, unpacked

GATEWAY = "gw-1"
BEGUN_MS = 1_790_000_000_000
_ACTIONS = {"readings": 60, "events": 10, "look": 8, "ack": 12, "purge": 4, "keep": 5, "renumber": 1}
_KEEP_ACKED_MS = 60_000
_BATCH = 30  # readings in a batch, so that one append is often several batches
WEAKENED = {
    "normal": ("PRAGMA synchronous=NORMAL",),
    "off": ("PRAGMA synchronous=OFF",),
    "journal_off": ("PRAGMA journal_mode=DELETE", "PRAGMA journal_mode=OFF"),
}  # settings this product must not have; the harness has to notice them


@dataclass(frozen=True, slots=True)
class Life:
    """What one process does. `weaken`: a key of WEAKENED, `python_fsync` (Python's own fsyncs do nothing), or nothing."""

    folder: str
    seed: int
    steps: int
    generation: int
    quota_bytes: int
    checkpoint_pages: int
    most_readings: int
    ends: str
    weaken: str = ""

    def as_argument(self) -> str:
        """This life as the program's argument."""
        return json.dumps(asdict(self))


class _Workload:
    def __init__(self, life: Life) -> None:
        self._life = life
        self._chance = Random(life.seed)
        self._now_ms = BEGUN_MS + life.seed % 1000 * 10_000_000
        limits = Limits(quota_bytes=life.quota_bytes, min_free_bytes=0, keep_acked_ms=_KEEP_ACKED_MS)
        self.outbox = Outbox(Path(life.folder), GATEWAY, life.generation, limits, now_ms=self._clock_ms)
        self._settings = SettingsStore(Path(life.folder) / "desired")
        newest = self._settings.newest("lines")
        self._version = newest.version if newest else 0

    def live(self) -> None:
        """Start as the agent does, then act by chance."""
        self._look()
        names, weights = list(_ACTIONS), list(_ACTIONS.values())
        for _ in range(self._life.steps):
            getattr(self, f"_{self._chance.choices(names, weights)[0]}")()

    def _readings(self) -> None:
        count = self._chance.choice((1, 5, 20, self._life.most_readings))
        self._append(some_readings(self._chance, self._clock_ms(), count))

    def _events(self) -> None:
        self._append([some_event(self._chance, self._clock_ms())])

    def _append(self, content: list[Any]) -> None:
        before = self.outbox.last_position
        intent = [fingerprint(content[first : first + _BATCH]) for first in range(0, len(content), _BATCH)]
        mark("intent", intent)
        try:
            (self.outbox.append_events if content[0].__class__.__name__ == "Event" else self.outbox.append_readings)(content)
        except QuotaExceeded:
            self._ack()
            return
        stored = self.outbox.pending(after=before, limit=100)
        prints = [(batch, unpacked(batch.payload)) for batch in stored]
        if [fingerprint(found) for _, found in prints if not told_by_outbox(found)] != intent:
            raise RuntimeError("an append returned and other batches than the ones given are there")
        for batch, found in prints:
            mark("stored", batch.generation, batch.epoch, batch.seq, fingerprint(found), batch.count)

    def _look(self) -> None:
        """The sender reads what waits."""
        after = 0
        while batches := self.outbox.pending(after=after, limit=64):
            for batch in batches:
                mark("seen", batch.generation, batch.epoch, batch.seq, fingerprint(unpacked(batch.payload)))
            after = batches[-1].position

    def _ack(self) -> None:
        """Central receipts some of what waits; what it has, it was sent."""
        waiting = self.outbox.pending(limit=1000)
        if not waiting:
            return
        upto = waiting[self._chance.randrange(len(waiting))]
        for batch in waiting:
            if batch.position <= upto.position:
                mark("seen", batch.generation, batch.epoch, batch.seq, fingerprint(unpacked(batch.payload)))
        for generation, epoch in dict.fromkeys((batch.generation, batch.epoch) for batch in waiting if batch.position <= upto.position):
            seq = max(batch.seq for batch in waiting if batch.epoch == epoch and batch.position <= upto.position)
            mark("ack", generation, epoch, seq)
            if self.outbox.acknowledge(generation, epoch, seq) is not Receipt.ADVANCED:
                raise RuntimeError(f"the receipt for batch {seq} was not taken")

    def _purge(self) -> None:
        self._now_ms += _KEEP_ACKED_MS * 60
        while self.outbox.purge():
            pass

    def _document(self) -> Document:
        self._version += self._chance.randint(1, 3)
        return Document("lines", self._version, b"%d " % self._version + self._chance.randbytes(self._chance.randrange(3000)))

    def _keep(self) -> None:
        document = self._document()
        mark("keeping", document.name, document.version, document.body.hex()[:40], len(document.body))
        self._settings.keep(document)
        mark("kept", document.name, document.version, document.body.hex()[:40], len(document.body))

    def _renumber(self) -> None:
        mark("renumber", self.outbox.epoch)
        self.outbox.renumber()
        self._look()

    def _clock_ms(self) -> int:
        self._now_ms += 1000
        return self._now_ms


def mark(*words: object) -> None:
    """Say something in the record; nothing happens when nobody records."""
    with suppress(AttributeError):
        ctypes.CDLL(None).ce_mark(json.dumps(words).encode())


def _weaken(life: Life) -> None:
    """Make the process work with settings that the product must not have, and with small ones, so that more happens in a short life."""
    drafts.MAX_READINGS = _BATCH  # type: ignore[attr-defined]
    database._CHECKPOINT_PAGES = life.checkpoint_pages
    if life.weaken == "python_fsync":
        os.fsync = lambda fd: None
    if life.weaken in WEAKENED:
        connect = database.connect

        def weak(path: Path) -> sqlite3.Connection:
            connection = connect(path)
            for pragma in WEAKENED[life.weaken]:
                connection.execute(pragma)
            return connection

        database.connect = weak


def main() -> None:
    """Live, and end as told: `close` in good order, `exit` without closing anything."""
    logging.disable()
    life = Life(**json.loads(sys.argv[1]))
    _weaken(life)
    workload = _Workload(life)
    workload.live()
    if life.ends == "close":
        workload.outbox.close()
        return
    os._exit(0)


if __name__ == "__main__":
    main()

"""Lines in real time: one thread sleeps until the next absolute deadline or the next byte from a master, for all lines of the process.

Deadlines come from the virtual-time model and never from "now", so that lateness does not add up. The thread asks for SCHED_FIFO; without
the right to it pacing is a little coarser, and `LineStats.lags_s` says by how much.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from protocol.errors import ConfigError
from provisioning.virtual.line import LineModel
from provisioning.virtual.line_stats import LineStats
from provisioning.virtual.ptys import PtySide

_LOG = logging.getLogger(__name__)
_LONGEST_SLEEP_S = 0.1  # faults set from outside and redialling are noticed within this time
_TICK_S = 0.2
_PRIORITY = 10
_MAX_LINES = 400  # select() takes descriptors below 1024, and a pty holds two of them


class MasterSide(Interface):
    """What a master is connected to."""

    def filenos(self) -> list[int]:
        """Descriptors to watch."""

    def read(self, fd: int) -> bytes:
        """Return what the master sent, without waiting."""

    def write(self, data: bytes) -> int:
        """Hand bytes to the master without waiting; return how many it had room for."""

    def legible(self) -> bool:
        """Return whether the master's serial settings fit the line."""

    def tick(self, now_s: float) -> None:
        """Keep the connection up."""

    def close(self) -> None:
        """Give the port back."""


@dataclass(frozen=True, slots=True)
class PacedLine:
    """One line: its model, the port its master uses, its statistics."""

    name: str
    model: LineModel
    side: MasterSide
    stats: LineStats


class Pacer:
    """Runs lines in one thread. Hold `lock` to look at or change a line from another thread; keep it short, bytes wait meanwhile."""

    def __init__(self, lines: Sequence[PacedLine], now: Callable[[], float]) -> None:
        if len(lines) > _MAX_LINES:
            raise ConfigError(f"{len(lines)} virtual lines in one process; expected at most {_MAX_LINES}; start one process per group of gateways")
        self.lock = threading.Lock()
        self._lines = lines
        self._now = now
        self._stopping = False
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="virtual-lines", daemon=True)
        self._next_tick_s = 0.0

    def start(self) -> None:
        """Begin to run the lines."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and close every port."""
        self._stopping = True
        os.write(self._wake_write, b"x")
        if self._thread.ident is not None:
            self._thread.join()
        for line in self._lines:
            line.side.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _run(self) -> None:
        _real_time()
        failures = 0
        while not self._stopping:
            try:
                self._turn()
            except Exception:  # noqa: BLE001  # the top of this thread: a mistake on one line must not silence the others
                failures += 1
                if failures == 1:
                    _LOG.exception("virtual lines: a turn failed, going on; further failures are counted")
                time.sleep(_LONGEST_SLEEP_S)
        if failures:
            _LOG.error("virtual lines: %d turns failed", failures)

    def _turn(self) -> None:
        """Sleep until something is due or a master writes; then do everything that is due."""
        owners = {fd: line for line in self._lines for fd in line.side.filenos()}
        ready, _, _ = select.select([self._wake_read, *owners], [], [], self._pause_s())
        with self.lock:
            for fd in ready:
                if fd in owners:
                    self._listen(owners[fd], fd)
            for line in self._lines:
                if (due := line.model.next_at()) is not None and due <= self._now():
                    self._advance(line, self._now())
            if self._now() >= self._next_tick_s:
                self._next_tick_s = self._now() + _TICK_S
                for line in self._lines:
                    line.side.tick(self._now())

    def _pause_s(self) -> float:
        due = min((at for line in self._lines if (at := line.model.next_at()) is not None), default=float("inf"))
        return min(_LONGEST_SLEEP_S, max(0.0, due - self._now()))

    def _listen(self, line: PacedLine, fd: int) -> None:
        now_s = self._now()
        data = line.side.read(fd)
        if data:
            self._advance(line, now_s)
            legible = line.model.at_speed(line.side.baud()) if isinstance(line.side, PtySide) else line.side.legible()
            line.model.receive(now_s, data, legible=legible)

    def _advance(self, line: PacedLine, now_s: float) -> None:
        for release in line.model.advance(now_s):
            written = line.side.write(release.data)
            line.stats.released(release.at_s, self._now())
            line.stats.bytes_unread += len(release.data) - written


def _real_time() -> None:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))  # 0: this thread
    except (OSError, AttributeError) as error:
        _LOG.info("virtual lines run without real-time priority (%s); pacing is a little coarser", error)

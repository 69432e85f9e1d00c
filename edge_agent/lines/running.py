"""A procedure under way: what it wants next, and what came of it in the end. No port, no clock: the poller and `run_on` have them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from edge_agent.drivers.procedure import Procedure, Step
from edge_agent.lines.schedule import Priority
from protocol.errors import CampusError


@dataclass(slots=True, eq=False)
class Running:
    """One procedure. `make` builds it when its turn comes; `step`: what it wants next, None before that and after its end.

    `baud`: the rate it has asked for, None for the line's own. A program error in it passes through; nothing may be sent for it then.
    """

    device: str
    priority: Priority
    make: Callable[[], Procedure[Any]]
    future: Future[Any]
    ticket: int = 0
    step: Step | None = None
    baud: int | None = None
    begun: bool = False
    _generator: Procedure[Any] | None = field(default=None, repr=False)

    def begin(self) -> None:
        """Build it and take its first step."""
        self.begun = True
        self._advance(self._first)

    def answer(self, reply: Any = None) -> None:
        """Give it what came of its step."""
        self._advance(lambda: self._under_way().send(reply))

    def fail(self, error: CampusError) -> None:
        """Raise what went wrong where it waits; it may go on all the same."""
        self._advance(lambda: self._under_way().throw(error))

    def end(self, error: BaseException) -> None:
        """It cannot go on (the port is gone, the line stops)."""
        self.step = None
        if self._generator is not None:
            self._generator.close()
        if not self.future.done():
            self.future.set_exception(error)

    def _first(self) -> Step:
        self._generator = self.make()
        return next(self._generator)

    def _under_way(self) -> Procedure[Any]:
        if self._generator is None:
            raise RuntimeError("the procedure has not begun")
        return self._generator

    def _advance(self, act: Callable[[], Step]) -> None:
        try:
            self.step = act()
        except StopIteration as end:
            self.step = None
            self.future.set_result(end.value)
        except CampusError as error:
            self.step = None
            self.future.set_exception(error)


@dataclass(slots=True)
class Paused:
    """Procedures that wait for a time (monotonic seconds). No more than the line's asks let in."""

    _waiting: list[tuple[float, int, Running]] = field(default_factory=list)

    def add(self, until: float, running: Running) -> None:
        """Wait until then."""
        heapq.heappush(self._waiting, (until, running.ticket, running))

    def due(self, now: float) -> Iterator[Running]:
        """Take out those whose time has come."""
        while self._waiting and self._waiting[0][0] <= now:
            yield heapq.heappop(self._waiting)[2]

    def next_at(self) -> float:
        """When the next one goes on; infinite when none waits."""
        return self._waiting[0][0] if self._waiting else float("inf")

    def drop(self, gone: Callable[[str], bool]) -> list[int]:
        """Forget those of devices that are gone; returns their tickets."""
        lost = [ticket for _, ticket, running in self._waiting if gone(running.device)]
        self._waiting = [one for one in self._waiting if one[1] not in lost]
        heapq.heapify(self._waiting)
        return lost

    def __len__(self) -> int:
        return len(self._waiting)

"""The urgent asks of a line that somebody waits for: reads, broadcasts, procedures. Each has a ticket, under which the schedule knows it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from edge_agent.lines.running import Running
from protocol.errors import CampusError


@dataclass(slots=True)
class _Ask:
    """One ask and what has come of it so far. `running`: the procedure, when it is one."""

    future: Future[Any]
    running: Running | None
    results: list[Any] = field(default_factory=list)
    error: CampusError | None = None


class Asks:
    """Open asks by ticket."""

    def __init__(self) -> None:
        self._open: dict[int, _Ask] = {}
        self._tickets = itertools.count(1)

    def ticket(self) -> int:
        """A ticket nobody has."""
        return next(self._tickets)

    def add(self, ticket: int, future: Future[Any], running: Running | None = None) -> None:
        """Somebody waits for this from now on."""
        self._open[ticket] = _Ask(future, running)

    def note(self, ticket: int | None, results: Sequence[Any], error: CampusError | None = None) -> None:
        """Results or an error of a part of it."""
        if ticket is not None and ticket in self._open:
            ask = self._open[ticket]
            ask.results += results
            ask.error = error or ask.error

    def resolve(self, ticket: int | None) -> None:
        """It is over: hand out its results, or its error if there are none."""
        ask = self._open.pop(ticket, None) if ticket is not None else None
        if ask is None or ask.running is not None:
            return  # a procedure has told its end itself
        if ask.results or ask.error is None:
            ask.future.set_result(ask.results)
        else:
            ask.future.set_exception(ask.error)

    def fail(self, tickets: Iterable[int | None], error: CampusError) -> None:
        """These cannot be carried out."""
        for ticket in tickets:
            ask = self._open.pop(ticket, None) if ticket is not None else None
            if ask is not None and ask.running is not None:
                ask.running.end(error)
            elif ask is not None:
                ask.future.set_exception(error)

    def fail_all(self, error: CampusError) -> None:
        """None of them can."""
        self.fail(list(self._open), error)

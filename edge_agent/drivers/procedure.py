"""A sequence of exchanges with one device, written straight down: a generator that yields what to do next and is sent what came of it.

    def read_twice(...) -> Procedure[bool]:
        first = yield Ask(transaction)        the reply frame; NoReply, DeviceRefused, WireError, UnexpectedReply are raised at this place
        yield Pause(5.0)                      others on the line are served meanwhile
        yield Speed(9600)                     the line's own speed comes back when the procedure ends, however it ends
        return first == (yield Ask(transaction))

Pure: whoever drives it (`lines.poller` between polls, the engineer's tools on a line of their own) owns port and clock. A procedure is never repeated
by itself. Refusals are raised by the procedure, which knows its protocol; a driver of procedures raises only what the line says.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from edge_agent.lines.exchange import Transaction

R = TypeVar("R")


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """One exchange; sent back: its reply frame."""

    transaction: Transaction[Any]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait at least so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Speed:
    """Use this baud rate from the next exchange on."""

    baud: int


Step = Ask | Pause | Speed
Procedure = Generator[Step, Any, R]

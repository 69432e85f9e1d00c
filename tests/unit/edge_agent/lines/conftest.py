"""Virtual time: a clock that moves only when somebody waits, and a port whose answers are scripted on it."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from protocol.errors import NoReply, PortBusy, PortUnavailable, Refused


class VirtualClock:
    """A clock tests move."""

    def __init__(self) -> None:
        self.now = 100.0
        self.is_trusted = True

    def monotonic(self) -> float:
        return self.now

    def wall_ms(self) -> int:
        return 1_700_000_000_000 + round(self.now * 1000)

    def trusted(self) -> bool:
        return self.is_trusted

    def sleep_until(self, at: float) -> None:
        self.now = max(self.now, at)


Answers = Sequence[tuple[float, bytes]]  # (seconds after the request's last bit, bytes that arrive then)


@dataclass
class ScriptedPort:
    """A port on virtual time. `answer(request)` says what arrives when, nothing more after b""; `sent` keeps (time, request).

    `busy_until`: writes before are refused, after a quarter of a second.
    """

    clock: VirtualClock
    byte_s: float = 11 / 2400
    answer: Callable[[bytes], Answers] = lambda request: ()
    jitter_s: float = 0.0
    framed: bool = False
    busy_until: float = 0.0
    retry_s: Sequence[float] = (1.0, 2.0, 5.0, 10.0, 30.0)
    patience_s: float = 0.0
    sent: list[tuple[float, bytes]] = field(default_factory=list)
    opened: int = 0
    is_open: bool = False
    broken: bool = False
    fixed_speed: bool = False
    speeds: list[tuple[float, int | None]] = field(default_factory=list)
    _arrivals: list[tuple[float, int, bytes]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def open(self) -> None:
        self._check()
        self.opened += 1
        self.is_open = True

    def write(self, data: bytes) -> None:
        self._check()
        if self.clock.now < self.busy_until:
            self.clock.now = min(self.busy_until, self.clock.now + 0.25)
            raise PortBusy("another line is using it")
        self.sent.append((self.clock.now, data))
        ends = self.clock.now + len(data) * self.byte_s
        for delay_s, chunk in self.answer(data):
            self.arrive(ends + delay_s, chunk)

    def arrive(self, at: float, data: bytes) -> None:
        heapq.heappush(self._arrivals, (at, next(self._order), data))

    def read(self, timeout_s: float) -> bytes:
        self._check()
        until = self.clock.now + timeout_s
        if self._arrivals and self._arrivals[0][0] <= until:
            at, _, data = heapq.heappop(self._arrivals)
            self.clock.now = max(self.clock.now, at)
            if not data:
                raise NoReply("nothing more will come")
            return data
        self.clock.now = until
        return b""

    def flush_input(self) -> int:
        self._check()
        dropped = 0
        while self._arrivals and self._arrivals[0][0] <= self.clock.now:
            dropped += len(heapq.heappop(self._arrivals)[2])
        return dropped

    def set_speed(self, baud: int | None) -> None:
        self._check()
        if self.fixed_speed and baud is not None:
            raise Refused("port test has its own speed")
        self.speeds.append((self.clock.now, baud))
        self.byte_s = 11 / (baud or 2400)

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        self.is_open = False

    def _check(self) -> None:
        if self.broken:
            raise PortUnavailable("port test does not work: unplugged", port="test")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def port(clock: VirtualClock) -> ScriptedPort:
    return ScriptedPort(clock)

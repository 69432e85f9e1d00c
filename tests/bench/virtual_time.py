"""Time that passes only while somebody waits, and a port onto a modelled line in that time: an hour of a line in seconds."""

from __future__ import annotations

from collections.abc import Sequence

from provisioning.virtual.line import LineModel


class VirtualClock:
    """A clock that is always trusted. `begin_s`: Unix time at its start."""

    def __init__(self, begin_s: float) -> None:
        self.now = 0.0
        self._begin_s = begin_s

    def monotonic(self) -> float:
        return self.now

    def wall_s(self) -> float:
        return self._begin_s + self.now

    def wall_ms(self) -> int:
        return round(self.wall_s() * 1000)

    def trusted(self) -> bool:
        return True

    def sleep_until(self, at: float) -> None:
        self.now = max(self.now, at)


class ModelPort:
    """The agent's end of a modelled line."""

    jitter_s = 0.0
    framed = False
    retry_s: Sequence[float] = (1.0,)
    patience_s: float = 0.0

    def __init__(self, model: LineModel, clock: VirtualClock) -> None:
        self._model, self._clock = model, clock
        self._arrived: list[tuple[float, bytes]] = []

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def set_speed(self, baud: int | None) -> None:
        """The line's own speed is the only one used here."""

    def fileno(self) -> int:
        return -1

    def write(self, data: bytes) -> None:
        self._run_until(self._clock.now)
        self._model.receive(self._clock.now, data, legible=True)

    def read(self, timeout_s: float) -> bytes:
        until = self._clock.now + timeout_s
        while not self._arrived and (at := self._model.next_at()) is not None and at <= until:
            self._run_until(at)
        if not self._arrived or self._arrived[0][0] > until:
            self._clock.now = until
            return b""
        at, data = self._arrived.pop(0)
        self._clock.sleep_until(at)
        return data

    def flush_input(self) -> int:
        self._run_until(self._clock.now)
        waiting, self._arrived = self._arrived, []
        return sum(len(data) for _, data in waiting)

    def _run_until(self, at: float) -> None:
        self._arrived += [(release.at_s, release.data) for release in self._model.advance(at)]

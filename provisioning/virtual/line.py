"""A half-duplex serial line in virtual time: which byte arrives when, who hears it, and what breaks the rules. No clock, no port.

    master   |== request ==|                      |== request ==|
    device                  <- Td ->|== reply ==|
    line     ^ start        ^ end    ^ start     ^ end <- gap -> judged here

A byte takes bits / baud seconds. A master may hand over a whole frame at once; the line sends it byte by byte and devices hear it only when
its last byte is through. A frame that starts before the gap has passed is not heard by any device; bytes that meet on the pair are damaged.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol as Interface

from protocol.site_plan import Line
from provisioning.virtual.line_stats import Exchange, LineStats, ViolationKind

_TOLERANCE_S = 1e-6  # rounding of sums of byte times, far below one bit at 115200 baud
_MAX_BURST_BYTES = 4096  # longest run of bytes from the master that is still listened to; the rest counts as garbage


@dataclass(frozen=True, slots=True)
class LineSettings:
    """Timing of one line. `gap_s`: idle line a master must leave; `silence_s`: pause that ends a Modbus frame (Modbus over serial line 2.5.1.1).

    `between_s`: longest pause inside a request; `group_s`: device bytes are handed over in groups of about this duration.
    """

    baud: int
    bits_per_byte: int
    gap_s: float
    silence_s: float
    between_s: float = 0.1
    group_s: float = 0.006

    @property
    def byte_s(self) -> float:
        """Seconds one byte takes on the wire."""
        return self.bits_per_byte / self.baud

    @property
    def group_bytes(self) -> int:
        """Bytes handed over together."""
        return max(1, int(self.group_s / self.byte_s))


def line_settings(line: Line, *, modbus: bool) -> LineSettings:
    """Return the timing a plan's line obeys; a line with Modbus devices needs at least 3.5 characters of gap and ends requests by silence."""
    silence_s = 0.00175 if line.baud > 19200 else 3.5 * line.bits_per_byte / line.baud
    gap_s = line.gap_ms / 1000
    if not modbus:
        return LineSettings(line.baud, line.bits_per_byte, gap_s, silence_s)
    return LineSettings(line.baud, line.bits_per_byte, max(gap_s, silence_s), silence_s, between_s=silence_s)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one device puts on the line `delay_s` after the request's end. `useful`: bytes of it a master can use (0 if spoilt on purpose).

    `echo`: bytes the master's own adapter hands back at the request's end; they take no line time.
    """

    device: str
    delay_s: float
    data: bytes
    useful: int
    echo: bytes = b""


@dataclass(frozen=True, slots=True)
class Heard:
    """A complete request inside a burst: bytes [first, end), and who answers it. `gap_s`: idle line the device asks for before a request."""

    first: int
    end: int
    expects_reply: bool
    answers: tuple[Answer, ...]
    device: str = ""
    gap_s: float = 0.0


class Listener(Interface):
    """The devices on a line."""

    def at_speed(self, baud: int) -> bool:
        """Say what the master's port is set to; False when no device can read that."""

    def hear(self, burst: bytes, *, closed: bool) -> Heard | None:
        """Return the first complete request, or None. `closed`: the silence that ends a Modbus frame has passed."""

    def spontaneous(self, now_s: float) -> Sequence[Answer]:
        """Return what devices send without being asked, up to now."""

    def next_spontaneous_at(self) -> float | None:
        """Return when to ask `spontaneous` again, or None."""


@dataclass(frozen=True, slots=True)
class Release:
    """Bytes the master's receiver has at `at_s`."""

    at_s: float
    data: bytes


@dataclass(slots=True)
class _Burst:
    """One uninterrupted run of the master's bytes. `pieces`: (index of first byte, its start time) of each write."""

    start_s: float
    gap_s: float | None
    refused: bool
    data: bytearray = field(default_factory=bytearray)
    pieces: list[tuple[int, float]] = field(default_factory=list)
    decided: bool = False

    def start_of(self, index: int, byte_s: float) -> float:
        first, start_s = next(piece for piece in reversed(self.pieces) if piece[0] <= index)
        return start_s + (index - first) * byte_s


@dataclass(slots=True)
class _Transmission:
    """Bytes one device puts on the line from `start_s` on."""

    start_s: float
    end_s: float
    data: bytes
    exchange: Exchange | None
    damaged: bool = False


class LineModel:
    """One line. `advance` to now before each `receive`; `next_at` says when it wants to run again; the master gets what `advance` returns."""

    def __init__(self, settings: LineSettings, listener: Listener, stats: LineStats) -> None:
        self.settings = settings
        self._listener = listener
        self._stats = stats
        self._events: list[tuple[float, int, Callable[[float], Release | None]]] = []
        self._events_made = 0
        self._burst: _Burst | None = None
        self._master_end_s = float("-inf")
        self._line_end_s = float("-inf")  # end of the last finished device transmission
        self._master_spans: list[tuple[float, float]] = []
        self._sent: list[_Transmission] = []  # on the line now, or planned

    def receive(self, now_s: float, data: bytes, *, legible: bool = True) -> None:
        """Take bytes the master hands to its port at `now_s`. `legible` False: sent with other serial settings, so no device understands them."""
        start_s = max(now_s, self._master_end_s)
        burst = self._burst
        if burst is None or burst.decided or start_s - self._master_end_s > self.settings.between_s + _TOLERANCE_S:
            burst = self._begin(start_s, legible=legible)
        burst.pieces.append((len(burst.data), start_s))
        burst.data += data
        self._master_end_s = start_s + len(data) * self.settings.byte_s
        self._master_spans.append((start_s, self._master_end_s))
        self._decide_at(burst, self._master_end_s, closed=False)
        self._decide_at(burst, self._master_end_s + self.settings.between_s, closed=True)

    def at_speed(self, baud: int) -> bool:
        """The master's port is set to this from now on; False when no device can read that. The gap and silence stay the line's."""
        legible = self._listener.at_speed(baud)
        if legible and baud != self.settings.baud:
            self.settings = replace(self.settings, baud=baud)
        return legible

    def next_at(self) -> float | None:
        """Return when `advance` has work, or None."""
        spontaneous = self._listener.next_spontaneous_at()
        times = [at for at in (self._events[0][0] if self._events else None, spontaneous) if at is not None]
        return min(times, default=None)

    def advance(self, now_s: float) -> list[Release]:
        """Run everything due up to `now_s`; return what the master's receiver gets, in order."""
        for answer in self._listener.spontaneous(now_s):
            self._transmit(now_s, answer, None)
        releases = []
        while self._events and self._events[0][0] <= now_s:
            at_s, _, event = heapq.heappop(self._events)
            if (release := event(at_s)) is not None and release.data:
                releases.append(release)
        self._forget(now_s)
        return releases

    def _begin(self, start_s: float, *, legible: bool) -> _Burst:
        """Open a burst and judge how it starts."""
        if self._burst is not None and not self._burst.decided:
            self._close(self._burst)
        ends = [sent.end_s for sent in self._sent if sent.start_s < start_s]
        last_end_s = max([self._master_end_s, self._line_end_s, *ends])
        gap_s = None if last_end_s == float("-inf") else start_s - last_end_s
        violation: ViolationKind | None = None
        if not legible:
            violation = "settings"
        elif gap_s is not None and gap_s < -_TOLERANCE_S:
            violation = "collision"
        elif gap_s is not None and gap_s < self.settings.gap_s - _TOLERANCE_S:
            violation = "gap"
        if violation is not None:
            self._stats.violate(violation, start_s, gap_s)
        self._burst = _Burst(start_s, gap_s, refused=violation is not None)
        return self._burst

    def _decide_at(self, burst: _Burst, at_s: float, *, closed: bool) -> None:
        length = len(burst.data)

        def decide(_now_s: float) -> Release | None:
            return None if burst.decided or len(burst.data) != length else self._decide(burst, at_s, closed=closed)

        self._plan(at_s, decide)

    def _decide(self, burst: _Burst, now_s: float, *, closed: bool) -> Release | None:
        """The master has paused: find out whether a device heard a request, and plan the answers."""
        if any(sent.start_s < self._master_end_s and sent.end_s > burst.start_s for sent in self._sent) and not burst.refused:
            burst.refused = True
            self._stats.violate("collision", burst.start_s, burst.gap_s)
        legible = not burst.refused and len(burst.data) <= _MAX_BURST_BYTES
        heard = self._listener.hear(bytes(burst.data), closed=closed) if legible else None
        if heard is None:
            if closed:
                self._close(burst)
            return None
        burst.decided = True
        return self._answer(burst, heard, now_s)

    def _answer(self, burst: _Burst, heard: Heard, now_s: float) -> Release | None:
        byte_s = self.settings.byte_s
        end_s = burst.start_of(heard.end - 1, byte_s) + byte_s
        if heard.end < len(burst.data):
            self._stats.violate("gap", end_s, 0.0)
        request = Exchange(
            device=heard.device,
            request_start_s=burst.start_of(heard.first, byte_s),
            request_end_s=end_s,
            request_bytes=heard.end - heard.first,
            gap_before_s=burst.gap_s,
            required_gap_s=max(self.settings.gap_s, heard.gap_s),
            outcome="silent" if heard.expects_reply else "broadcast",
        )
        if not heard.answers:
            self._stats.add(request)
        for place, answer in enumerate(heard.answers):
            delay_s = max(answer.delay_s, now_s - end_s)
            exchange = request.answered(answer.device, delay_s, len(answer.data) * byte_s, answer.useful)
            self._transmit(end_s + delay_s, answer, exchange if place == 0 else None)
        echo = b"".join(answer.echo for answer in heard.answers[:1])
        return Release(now_s, echo) if echo else None

    def _close(self, burst: _Burst) -> None:
        """Give up on a burst no device understood."""
        burst.decided = True
        if not burst.refused:
            self._stats.violate("garbage", burst.start_s, burst.gap_s)

    def _transmit(self, start_s: float, answer: Answer, exchange: Exchange | None) -> None:
        """Put a device's bytes on the line in groups, the last one released at its true end."""
        length = len(answer.data)
        sent = _Transmission(start_s, start_s + length * self.settings.byte_s, answer.data, exchange)
        self._sent.append(sent)
        ends = list(range(length, 0, -self.settings.group_bytes))[::-1]
        for first, end in zip([0, *ends], ends, strict=False):
            self._plan(start_s + end * self.settings.byte_s, lambda at_s, f=first, e=end: self._release(sent, f, e, at_s))  # type: ignore[misc]

    def _release(self, sent: _Transmission, first: int, end: int, at_s: float) -> Release:
        """Hand over bytes [first, end), as they look after meeting whatever else was on the pair."""
        data = sent.data[first:end]
        start_s = sent.start_s + first * self.settings.byte_s
        others = [other for other in self._sent if other is not sent and other.start_s < at_s and other.end_s > start_s]
        spans = [span for span in self._master_spans if span[0] < at_s - _TOLERANCE_S and span[1] > start_s + _TOLERANCE_S]
        if others or spans:
            data = b"".join(self._received(sent, index, others, spans) for index in range(first, end))
            sent.damaged = True
        if end == len(sent.data):
            self._finish(sent)
        return Release(at_s, data)

    def _received(self, sent: _Transmission, index: int, others: list[_Transmission], spans: list[tuple[float, float]]) -> bytes:
        """One byte as the receiver gets it: lost when another byte holds the receiver, damaged when one starts inside it."""
        byte_s, value = self.settings.byte_s, sent.data[index]
        start_s = sent.start_s + index * byte_s
        damaged = any(span[0] < start_s + byte_s and span[1] > start_s for span in spans)
        for other in others:
            if not other.start_s - byte_s < start_s < other.end_s:
                continue
            phase = (start_s - other.start_s) / byte_s
            place = int(phase // 1)
            if 0 <= place < len(other.data) and (phase - place > 0 or self._sent.index(other) < self._sent.index(sent)):
                return b""  # the other byte began first and the receiver is busy with it
            meets = place + 1 if phase - place > 0 else place
            if 0 <= meets < len(other.data):
                damaged = True
                value &= other.data[meets]
        if damaged and value == sent.data[index]:
            value ^= 0x55  # what meets on the pair is undefined; it must not pass as the byte that was sent
        return bytes((value,))

    def _finish(self, sent: _Transmission) -> None:
        self._line_end_s = max(self._line_end_s, sent.end_s)
        if sent.exchange is not None:
            self._stats.add(sent.exchange.damaged() if sent.damaged else sent.exchange)
        self._stats.damaged_transmissions += sent.damaged

    def _plan(self, at_s: float, event: Callable[[float], Release | None]) -> None:
        self._events_made += 1
        heapq.heappush(self._events, (at_s, self._events_made, event))

    def _forget(self, now_s: float) -> None:
        """Drop what can no longer meet anything: the longest reply on the slowest line is over long before."""
        if len(self._sent) > 8 or len(self._master_spans) > 8:
            oldest = min((sent.start_s for sent in self._sent if sent.end_s >= now_s), default=now_s)
            self._sent = [sent for sent in self._sent if sent.end_s >= oldest]
            self._master_spans = [span for span in self._master_spans if span[1] >= min(oldest, now_s)]

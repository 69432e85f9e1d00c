"""One RS-485 line: one exchange at a time, at the earliest moment the bus allows.

    |<- gap ->|== request ==|<--- Td --->|== reply ==|<- gap ->|== next request ...
              ^ write        ^ last bit leaves (computed: a port takes bytes at once, the wire takes its time)

A reply that comes late is never taken for another device's: after a time-out the line listens until the bus has been idle for `quiet_s`, and a
reply that still arrives in that time is used, since nothing else may be sent anyway.

What a noisy line does: foreign frames, noise and broken frames are counted and skipped; our own echo is cut off; who babbles without end is
listened to for a bounded time.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from edge_agent.lines.clock import SPIN_S, Clock
from edge_agent.lines.exchange import Decoder, Exchange, ExchangeTiming, LineCounters, RawFrame, Transaction
from edge_agent.lines.port import Port
from protocol.command import Verdict
from protocol.errors import ChecksumError, LineError, NoReply, PortBusy, UnexpectedReply

F = TypeVar("F")
RAW_FRAMES = 512  # kept for diagnosis; the oldest goes
MAX_BUSY_S = 30.0  # longest wait for other lines on the same transport; each exchange of theirs takes a few seconds at most
MAX_BABBLE_S = 2.0  # longest wait for a bus that does not fall silent
MAX_FRAME_BYTES = 300  # longer than any frame of the protocols spoken here
LEAST_GAP_CHARS = 3.5  # Modbus over serial line 2.5.1.1
ECHO_SLACK_S = 0.01  # an echo begins while the request is being sent; no device answers this soon
INSTANT_S = 1e-6  # waits shorter than this are over
LATE_S = 0.5  # how much later than twice its time an answer is still reckoned with, where it could be mistaken
MAX_OWED = 64
SLICE_S = 0.25  # how long a stop may go unnoticed while listening


class Line:
    """Owner of one port. Not thread-safe: one thread uses it; the counters may be read from anywhere."""

    def __init__(
        self,
        port: Port,
        clock: Clock,
        byte_s: float,
        gap_s: float,
        counters: LineCounters | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._port, self._clock, self._stopping = port, clock, stopping
        self._own_byte_s, self._own_gap_s = byte_s, gap_s
        self._baud: int | None = None
        self._set_byte_s(byte_s)
        self._last_byte_at = clock.monotonic() - gap_s
        self._rest_s = 0.0
        self._echoes: bool | None = None  # not known before the first answer
        self.counters = counters or LineCounters()
        self._raw: deque[RawFrame] = deque(maxlen=RAW_FRAMES)
        self._owed: dict[bytes, _Owed] = {}

    def exchange(
        self, what: Transaction[F], timing: ExchangeTiming, meanwhile: Callable[[], None] | None = None, device: str | None = None
    ) -> Exchange[F]:
        """Send the request and return its reply.

        `device`: who is asked, for the raw frames. `meanwhile` runs while the request is on the wire: work that would otherwise delay the next one.
        Raises NoReply, ChecksumError, UnexpectedReply (the bus is idle again then), PortUnavailable.
        """
        began = self._clock.monotonic()
        self._await_owed(what)
        gap_s = self._send(what.request, timing.gap_s, what.shown, device)
        self._rest_s = what.rest_s
        if meanwhile is not None:
            meanwhile()
        try:
            return self._listen(what, timing, gap_s, device)
        finally:
            self.counters.exchanges += 1
            self.counters.busy_s += self._clock.monotonic() - began

    def await_gap(self, gap_s: float) -> None:
        """Wait until a request may be sent. `exchange` does so by itself; a caller that may still change its mind waits here first."""
        began = self._clock.monotonic()
        self._await_idle(max(self._gap_s, gap_s, self._rest_s))
        self.counters.busy_s += self._clock.monotonic() - began

    def tell(self, request: bytes, rest_s: float = 0.0) -> None:
        """Send something nobody answers (a broadcast) and return when its last bit has left; `rest_s`: idle bus wanted behind it."""
        began = self._clock.monotonic()
        self._send(request, self._gap_s)
        self._rest_s = rest_s
        self._clock.sleep_until(self._last_byte_at)
        self.counters.exchanges += 1
        self.counters.useful_bytes += len(request)
        self.counters.busy_s += self._clock.monotonic() - began

    def set_speed(self, baud: int | None, byte_s: float = 0.0) -> None:
        """Exchange at this rate from now on; None is the line's own. `byte_s`: what a byte takes then. Raises Refused if the port cannot."""
        if baud == self._baud:
            return
        self._port.set_speed(baud)
        self._baud = baud
        self._set_byte_s(self._own_byte_s if baud is None else byte_s)

    def pause(self, seconds: float) -> None:
        """Let time pass with nobody being asked; raise LineError when the line is being stopped."""
        until = self._clock.monotonic() + seconds
        while (now := self._clock.monotonic()) < until:
            self._check_stopping()
            self._clock.sleep_until(min(until, now + SLICE_S))

    def raw_frames(self) -> list[RawFrame]:
        """The last bytes sent and received, oldest first."""
        return list(self._raw)

    def close(self) -> None:
        """Give the port back."""
        self._port.close()

    def _set_byte_s(self, byte_s: float) -> None:
        self._byte_s = byte_s
        self._gap_s = max(self._own_gap_s, LEAST_GAP_CHARS * byte_s)

    # --- replies that may still come -----------------------------------------------------------------------------------

    def _owe(self, what: Transaction[F], timing: ExchangeTiming, hearing: _Hearing[F], answered: bool) -> None:
        """Note that a request met silence: its answer may still come. One to the same request again may have been the first one's."""
        if what.alike is None or self._port.framed or (answered and what.alike not in self._owed):
            return
        if len(self._owed) >= MAX_OWED:
            del self._owed[next(iter(self._owed))]
        self._owed[what.alike] = _Owed(what.request, hearing.sent_at + 2 * timing.first_byte_s + LATE_S)

    def _await_owed(self, what: Transaction[F]) -> None:
        """Let an answer that is owed to another request pass, where it would be taken for this one's."""
        owed = self._owed.get(what.alike) if what.alike is not None else None
        if what.alike is None or owed is None or owed.request == what.request:
            return
        del self._owed[what.alike]
        while (left := owed.until - self._clock.monotonic()) > INSTANT_S:
            self._check_stopping()
            if late := self._read(min(left, SLICE_S)):
                self._last_byte_at = self._clock.monotonic()
                self.counters.noise_bytes += len(late)
                self._record("<", late, "noise")

    # --- sending -------------------------------------------------------------------------------------------------------

    def _send(self, request: bytes, gap_s: float, shown: bytes | None = None, device: str | None = None) -> float:
        """Write at the first moment the bus has been idle for the gap; return that gap."""
        gap_s = max(self._gap_s, gap_s, self._rest_s)
        self._await_idle(gap_s)
        self.counters.noise_bytes += self._port.flush_input()
        self._write(request)
        self._last_byte_at = self._clock.monotonic() + len(request) * self._byte_s
        self._record(">", shown or request, "sent", device)
        return gap_s

    def _write(self, request: bytes) -> None:
        """Hand the request over, as soon as other lines on the same transport let us."""
        give_up = self._clock.monotonic() + MAX_BUSY_S
        while True:
            self._check_stopping()
            try:
                return self._port.write(request)
            except PortBusy:
                if self._clock.monotonic() >= give_up:
                    raise

    def _read(self, timeout_s: float) -> bytes | None:
        """Bytes, nothing after the time-out, or None when the transport knows that nothing more will come."""
        try:
            return self._port.read(timeout_s)
        except NoReply:
            return None

    def _await_idle(self, idle_s: float) -> None:
        """Wait until no byte has been on the bus for `idle_s`; give up on a bus that never falls silent."""
        give_up = max(self._clock.monotonic(), self._last_byte_at) + idle_s + MAX_BABBLE_S
        while (now := self._clock.monotonic()) < (ready := min(self._last_byte_at + idle_s, give_up)):
            self._check_stopping()
            if ready - now <= SPIN_S + INSTANT_S:
                self._clock.sleep_until(ready)
            elif noise := self._read(min(ready - now - SPIN_S, SLICE_S)):
                self._last_byte_at = self._clock.monotonic()
                self.counters.noise_bytes += len(noise)
                self._record("<", noise, "noise")

    # --- listening -----------------------------------------------------------------------------------------------------

    def _listen(self, what: Transaction[F], timing: ExchangeTiming, gap_s: float, device: str | None) -> Exchange[F]:
        hearing = _Hearing(what, timing, self._last_byte_at, self._byte_s, self._port, self._echoes)
        measurable = self._clock.monotonic() <= hearing.sent_at  # else somebody else's work hid the first byte's arrival
        reply: F | None = None
        while reply is None and (left := hearing.deadline - self._clock.monotonic()) > INSTANT_S:
            self._check_stopping()
            data = self._read(min(left, SLICE_S))
            if data is None:
                break
            if data:
                self._last_byte_at = self._clock.monotonic()
                reply = hearing.take(data, self._last_byte_at)
        if reply is None:
            raise self._failure(what, timing, hearing, device)
        self._count(hearing, what, "ok", device)
        self._echoes = hearing.echo.found
        self._owe(what, timing, hearing, answered=True)
        td_s = hearing.td_s
        self.counters.useful_bytes += (wire_bytes := len(what.request) + hearing.useful_bytes)
        self.counters.ideal_s += wire_bytes * self._byte_s + td_s + gap_s
        return Exchange(reply, td_s if measurable else None, self._clock.wall_ms())

    def _count(self, hearing: _Hearing[F], what: Transaction[F], verdict: Verdict, device: str | None) -> None:
        self.counters.echo_bytes += hearing.echo.dropped
        self.counters.noise_bytes += hearing.decoder.noise_bytes
        self.counters.checksum_errors += hearing.decoder.checksum_errors
        self.counters.foreign_frames += hearing.foreign
        if hearing.raw or verdict == "silence":
            self._record("<", _presentable(what, hearing), verdict, device)

    def _failure(
        self, what: Transaction[F], timing: ExchangeTiming, hearing: _Hearing[F], device: str | None
    ) -> NoReply | ChecksumError | UnexpectedReply:
        """Make sure the bus is idle, then say what went wrong."""
        facts = {
            "waited_s": round(self._clock.monotonic() - hearing.sent_at, 3),
            "request": (what.shown or what.request).hex(" "),
            "received": _presentable(what, hearing)[:64].hex(" ") or None,
        }
        spoke_in_full = hearing.decoder.checksum_errors > 0 and not hearing.decoder.started
        hearing.decoder.reset()  # a frame broken off is noise, and counted as such
        self._count(hearing, what, _verdict(hearing), device)
        if not spoke_in_full:
            self._await_idle(timing.quiet_s)
        if hearing.decoder.checksum_errors:
            return ChecksumError("the reply arrived damaged", **facts)
        self.counters.timeouts += 1
        self._owe(what, timing, hearing, answered=False)
        if hearing.foreign:
            return UnexpectedReply("only frames that answer another question arrived", frames=hearing.foreign, **facts)
        return NoReply("no usable reply before the deadline" if hearing.raw else "no reply", **facts)

    def _check_stopping(self) -> None:
        if self._stopping():
            raise LineError("the line is being stopped")

    def _record(self, direction: Literal[">", "<"], data: bytes, verdict: Verdict, device: str | None = None) -> None:
        self._raw.append(RawFrame(self._clock.wall_ms(), direction, data, verdict, device))


def _verdict(hearing: _Hearing[F]) -> Verdict:
    """What became of a request that got no usable answer."""
    if hearing.decoder.checksum_errors:
        return "damaged"
    if hearing.foreign:
        return "foreign"
    return "noise" if hearing.raw else "silence"


def _presentable(what: Transaction[F], hearing: _Hearing[F]) -> bytes:
    """What was heard; an echo of a request with a password in it is shown as the request is."""
    raw = bytes(hearing.raw)
    return raw if what.shown is None else raw.replace(what.request, what.shown)


@dataclass(frozen=True, slots=True)
class _Owed:
    """A request that met silence, and until when (monotonic) its answer may come."""

    request: bytes
    until: float


class _Hearing(Generic[F]):
    """State of listening for one reply: what arrived, and until when to listen on."""

    def __init__(self, what: Transaction[F], timing: ExchangeTiming, sent_at: float, byte_s: float, port: Port, echoes: bool | None) -> None:
        jitter_s = port.jitter_s
        self.decoder: Decoder[F] = what.decoder
        self.sent_at = sent_at
        self.echo = _Echo(what.request, sent_at + byte_s + ECHO_SLACK_S + jitter_s if not port.framed else -math.inf, echoes)
        self.raw = bytearray()
        self.foreign = 0
        self._accept, self._byte_s, self._framed = what.accept, byte_s, port.framed
        self._between_s = timing.between_bytes_s + 2 * jitter_s
        # The bus must stay quiet that long anyway, so a reply that comes late is still welcome.
        self._silence_by = sent_at + max(timing.first_byte_s, timing.quiet_s) + jitter_s
        self._ends = 0  # position in `raw` at which the frame in progress ends, as far as known
        self._complete_by = self._silence_by
        self._give_up = self._silence_by + MAX_FRAME_BYTES * byte_s + MAX_BABBLE_S
        self._first_at: float | None = None  # when the reply's first bit was on the bus
        self.deadline = self._silence_by

    def take(self, data: bytes, at: float) -> F | None:
        """Take bytes that arrived at `at`; return the reply once it is complete."""
        self.raw += data
        reply = None
        heard = self.echo.take(data, at)
        if heard and self._first_at is None:
            self._first_at = at - (len(heard) if self._framed else 1) * self._byte_s
        for frame in self.decoder.feed(heard) if heard else ():
            if reply is None and self._accept(frame):
                reply = frame
            else:
                self.foreign += 1
        self.deadline = min(self._next_deadline(at), self._give_up)
        return reply

    @property
    def td_s(self) -> float:
        """Delay between the request's last bit and the reply's first."""
        return max(0.0, (self._first_at or self.sent_at) - self.sent_at)

    @property
    def useful_bytes(self) -> int:
        return max(0, len(self.raw) - self.echo.dropped - self.decoder.noise_bytes)

    def _next_deadline(self, at: float) -> float:
        if self.decoder.started:
            # Once the header tells the length, the whole reply has a deadline, however slowly it trickles.
            missing = self.decoder.missing
            if (ends := len(self.raw) + missing) > self._ends:
                self._ends, self._complete_by = ends, at + missing * self._byte_s * 1.5 + self._between_s
            return min(at + self._between_s, self._complete_by)
        if self.decoder.checksum_errors:
            return at + self._between_s
        return max(self._silence_by, at + self._between_s)


class _Echo:
    """Cuts our own request off the front of what arrives: some adapters hear themselves.

    Bytes equal to the request are an echo if this line is known to echo, or, while nothing is known of it, if they began before a device could
    have answered. A Modbus reply may equal its request (function 5), so equality alone is no proof. `known`: what the last answer showed.
    """

    def __init__(self, request: bytes, begins_by: float, known: bool | None) -> None:
        self._request, self._begins_by, self._known = request, begins_by, known
        self._held = b""
        self._done = known is False
        self.found = False
        self.dropped = 0

    def take(self, data: bytes, at: float) -> bytes:
        """Return what is no echo; bytes that may be its beginning are held until that is decided."""
        if self._done:
            return data
        if not self._held and at > self._begins_by and not self._known:
            self._done = True
            return data
        self._held += data
        if self._held.startswith(self._request):
            self._done = self.found = True
            self.dropped = len(self._request)
            return self._held[self.dropped :]
        if self._request.startswith(self._held):
            return b""
        self._done = True
        return self._held

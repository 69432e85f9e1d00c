"""A line behind a Q/GDW 376.1 concentrator: requests travel in its transparent forwarding (AFN 10 F1), replies come back the same way.

    line worker -> write(request)  -> AFN 10 F1 down, numbered          -> concentrator -> its port -> meters
    line worker <- read()          <- AFN 10 F1 up with the same number <-              <-

One terminal does one exchange at a time, whatever number of its ports are in use: a line that wants to send while another's exchange runs gets
PortBusy after BUSY_S and tries again, so a stop or an urgent order is not held up. A terminal's turn ends with its answer, its refusal, or when
both its own waiting time and the network's are over. An answer with an old number is dropped: it could pass as the reply to another request.

The concentrator does the timing on the bus, so a line must wait longer than on a wire (`jitter_s`); an empty answer or a refusal ends the wait.
Logins and heartbeats are confirmed, a logout closes the connection; what else the terminal reports is confirmed if it asks, and dropped.
"""

from __future__ import annotations

import errno
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.lines.callers import Terminal
from edge_agent.lines.descriptor_port import CONNECT_S
from edge_agent.lines.dial_in import CalledPort
from edge_agent.lines.guest import Guest
from edge_agent.lines.link import Link
from edge_agent.lines.reception import RECEPTIONS, Receptions
from edge_agent.lines.timeouts import MOST_S
from protocol.errors import PayloadError, PortBusy, PortUnavailable
from protocol.site_plan import ConcentratorPort, Line
from protocol.wire import gdw376

log = logging.getLogger(__name__)
DELAY_S = 1.5  # network and concentrator, both ways, where the plan says nothing
BUSY_S = 0.25  # how long a line waits for another's exchange at a time
LONGEST_REPLY_BYTES = 280  # of the protocols spoken through the tunnel
BETWEEN_BYTES_S = 0.1  # pause the concentrator takes for the end of a meter's reply
_STATION = 0x02  # A3 of our requests: master station 1


class ConcentratorLinePort(CalledPort):
    """One port of a concentrator, as a line's port. `write` takes one complete request."""

    framed = True

    def __init__(self, where: ConcentratorPort, line: Line, receptions: Receptions = RECEPTIONS) -> None:
        caller = Terminal(where.region, where.terminal)
        self._line = line
        name = f"concentrator {where.region}-{where.terminal:05d} port {where.channel} at {where.host}:{where.port}"
        super().__init__(where, name, caller, where.channel, lambda: TerminalGuest(caller), receptions)
        self._delay_s = DELAY_S if where.delay_ms is None else where.delay_ms / 1000
        self.set_speed(None)

    def set_speed(self, baud: int | None) -> None:
        """Have the concentrator use this rate from the next request on: the settings travel with every one. Raises EncodeError."""
        rate, line = baud or self._line.baud, self._line
        self._settings = gdw376.settings_word(rate, line.parity, line.data_bits, line.stop_bits)
        self._reply_s = gdw376.wait_s(gdw376.wait_byte(MOST_S + LONGEST_REPLY_BYTES * line.bits_per_byte / rate))
        self.jitter_s = self._reply_s + self._delay_s

    def write(self, data: bytes) -> None:
        guest = self._joined
        if not isinstance(guest, TerminalGuest):
            raise self._failed(ConnectionError(errno.ENOTCONN, "nobody is connected"))
        try:
            guest.forward(self._channel, self._settings, self._reply_s, self._delay_s, data)
        except PortUnavailable as error:
            raise self._failed(error) from error


@dataclass(frozen=True, slots=True)
class _Turn:
    """An exchange a terminal is busy with: whose, its number, until when it may take."""

    channel: int
    serial: int
    until: float


class TerminalGuest(Guest):
    """One concentrator. `counters`: what has happened, by word (denied, empty, stale, dropped, strange, busy)."""

    def __init__(self, caller: Terminal, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(f"concentrator {caller.region}-{caller.terminal:05d}")
        self._address = gdw376.Address(caller.region, caller.terminal, _STATION)
        self._now = now
        self._decoder = gdw376.Decoder()
        self._serial = 0
        self._turn: _Turn | None = None
        self.counters: Counter[str] = Counter()

    def forward(self, channel: int, settings: int, reply_s: float, delay_s: float, payload: bytes) -> None:
        """Send a request to a port of the terminal; raise PortBusy while another exchange runs, PortUnavailable without a connection."""
        with self.lock:
            self._await_turn()
            if self.link is None:
                raise PortUnavailable("nobody is connected", port=self.name)
            self._serial = (self._serial + 1) % 16
            self._turn = _Turn(channel, self._serial, self._now() + reply_s + delay_s)
            request = gdw376.forward_request(self._address, self._serial, channel, settings, reply_s, BETWEEN_BYTES_S, payload)
        if not self.say(request.to_bytes(), CONNECT_S):
            raise PortUnavailable("the concentrator takes no bytes", port=self.name)

    def _await_turn(self) -> None:
        """Return when no exchange runs (another line's, or a broadcast nobody answers); the lock is held."""
        give_up = self._now() + BUSY_S
        while self.link is not None and (turn := self._turn) is not None and (now := self._now()) < turn.until:
            if now >= give_up:
                self.counters["busy"] += 1
                raise PortBusy(f"port {turn.channel} of the concentrator is in use", port=self.name)
            self.lock.wait(min(turn.until, give_up) - now)

    # --- the reception's thread ----------------------------------------------------------------------------------------

    def arrived(self, link: Link) -> None:
        with self.lock:
            self._decoder = gdw376.Decoder()
            turn, self._turn = self._turn, None
            if turn is not None:
                self.give(turn.channel, b"", more=False)  # what was asked over the old connection is not answered on the new one
            super().arrived(link)

    def hear(self, data: bytes) -> bool:
        return all(self._take(frame) for frame in self._decoder.feed(data))

    def _take(self, frame: gdw376.Frame) -> bool:
        """Act on a frame; False when the terminal is to be hung up on."""
        if not frame.from_terminal or not frame.address.is_same_terminal(self._address):
            return self._drop(frame, "strange")
        if frame.afn == gdw376.FORWARD:
            self._reply(frame)
        elif frame.says(gdw376.CONFIRM, gdw376.DENIED):
            self._refused(frame)
        elif frame.afn == gdw376.LINK:
            return self._answer(frame) and not frame.says(gdw376.LINK, gdw376.LOGOUT)
        elif frame.afn != gdw376.CONFIRM:
            self._drop(frame, "dropped")
        return not frame.wants_confirmation or self._answer(frame)

    def _reply(self, frame: gdw376.Frame) -> None:
        """Hand the meter's bytes to the line that asked; they are all that will come."""
        try:
            payload = gdw376.forwarded(frame).payload
        except PayloadError:
            self._drop(frame, "strange")
            return
        with self.lock:
            turn = self._end_turn(frame)
            if turn is not None:
                self.counters["empty"] += not payload
                self.give(turn.channel, payload, more=False)

    def _refused(self, frame: gdw376.Frame) -> None:
        with self.lock:
            turn = self._end_turn(frame)
            if turn is not None:
                self.counters["denied"] += 1
                if self.counters["denied"] == 1:
                    log.warning("%s refuses to forward to its port %d; is the number right, is forwarding allowed?", self.name, turn.channel)
                self.give(turn.channel, b"", more=False)

    def _end_turn(self, frame: gdw376.Frame) -> _Turn | None:
        """The exchange this frame ends, or None when it answers an old one; the lock is held."""
        turn = self._turn
        if turn is None or frame.serial != turn.serial:
            self._drop(frame, "stale")
            return None
        self._turn = None
        self.lock.notify_all()
        return turn

    def _answer(self, frame: gdw376.Frame) -> bool:
        return self.answer(gdw376.confirm(frame).to_bytes())

    def _drop(self, frame: gdw376.Frame, word: str) -> bool:
        """Count a frame nobody here has a use for; the first of its kind is told."""
        self.counters[word] += 1
        if self.counters[word] == 1:
            log.info("%s: first %s frame afn=%02X serial=%d units=%s; more are counted", self.name, word, frame.afn, frame.serial, frame.units[:4])
        return True

"""A Q/GDW 376.1 concentrator that dials the agent: logs in, keeps its heartbeat, forwards requests to the lines behind it.

Its framing is its own on purpose. It does one thing at a time, as real ones do: a request that comes while another is on the bus waits its turn.
Behind each of its ports is a virtual line; to that line it is the master. TCP makes no promises about where a segment ends, and neither does
this: by its seed it cuts frames in two, and sends a heartbeat or an event in one piece with a reply.

    Concentrator(host, port, region, terminal) -- channel(31) -> ChannelSide: the master's side of a paced line
"""

from __future__ import annotations

import contextlib
import logging
import random
import select
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from protocol.site_plan import Line

_LOG = logging.getLogger(__name__)
_REDIAL_S = 1.0
_DIAL_S = 3.0
_READ_BYTES = 4096
_MAX_QUEUE = 16  # requests that wait; more are refused
_MAX_BUFFER = 8192
_NAP_S = 0.05
_CUT_SHARE, _MERGE_SHARE = 0.3, 0.1  # of frames sent: in two pieces, together with an unasked one
_CUT_S = 0.004
_BAUDS = (300, 600, 1200, 2400, 4800, 7200, 9600, 19200)
_EVENT = bytes.fromhex("0000 0100 01 02 03 04")  # AFN 0E F1 with a few bytes; nobody looks at them


@dataclass(slots=True)
class ConcentratorCounters:
    """What a concentrator has done."""

    logins: int = 0
    heartbeats: int = 0
    confirmed: int = 0
    forwarded: int = 0
    silent: int = 0
    refused: int = 0
    events: int = 0
    cut: int = 0
    merged: int = 0


@dataclass(frozen=True, slots=True)
class _Request:
    """One order to forward. `settings`: the byte of serial settings."""

    serial: int
    station: int
    channel: int
    settings: int
    reply_s: float
    byte_s: float
    payload: bytes


@dataclass(slots=True)
class _Channel:
    """One port of the concentrator: our end of a socket pair to its line, and what that line's settings must be."""

    ours: socket.socket
    settings: int


@dataclass(slots=True)
class _Busy:
    """A request on the bus and what has come back."""

    request: _Request
    give_up_s: float
    reply: bytearray = field(default_factory=bytearray)


class Concentrator:
    """One terminal. Its thread starts with the first channel's first tick. `heartbeat_s`: seconds between heartbeats."""

    def __init__(self, host: str, port: int, region: str, terminal: int, *, heartbeat_s: float = 60.0, seed: int = 1) -> None:
        self._peer = (host, port)
        self._address = bytes.fromhex(region[2:] + region[:2]) + bytes((terminal & 0xFF, terminal >> 8))
        self._heartbeat_s = heartbeat_s
        self._rng = random.Random(f"{seed}/{region}/{terminal}")
        self.counters = ConcentratorCounters()
        self._channels: dict[int, _Channel] = {}
        self._open = 0
        self._socket: socket.socket | None = None
        self._buffer = bytearray()
        self._queue: deque[_Request] = deque()
        self._busy: _Busy | None = None
        self._serial = 0
        self._beat_at_s = 0.0
        self._stopping = threading.Event()
        self._drop = threading.Event()
        self._beat_now = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"concentrator-{region}-{terminal}", daemon=True)

    def channel(self, number: int, line: Line) -> ChannelSide:
        """The master's side of the line behind a port."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self._channels[number] = _Channel(ours, _settings(line))
        self._open += 1
        return ChannelSide(self, theirs)

    def start(self) -> None:
        """Begin to dial; again is harmless."""
        if not self._thread.is_alive() and not self._stopping.is_set():
            self._thread.start()

    def close_channel(self) -> None:
        """One line less; with the last the concentrator is switched off."""
        self._open -= 1
        if self._open == 0:
            self._stopping.set()
            if self._thread.ident is not None:
                self._thread.join()
            self._hang_up()
            for channel in self._channels.values():
                channel.ours.close()

    def lose_link(self) -> None:
        """Hang up and dial again, as after a broken mobile connection. From any thread."""
        self._drop.set()

    def beat(self) -> None:
        """Send a heartbeat at once. From any thread."""
        self._beat_now.set()

    # --- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._socket is None and not self._dial():
                self._stopping.wait(_REDIAL_S)
                continue
            try:
                self._turn()
            except OSError as error:
                _LOG.info("concentrator: link to %s:%d lost (%s); dialling again", *self._peer, error)
                self._hang_up()
                self._stopping.wait(_REDIAL_S)

    def _dial(self) -> bool:
        try:
            self._socket = socket.create_connection(self._peer, timeout=_DIAL_S)
        except OSError:
            return False
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer.clear()
        self._say_hello(1)
        self.counters.logins += 1
        self._beat_at_s = time.monotonic() + self._heartbeat_s
        return True

    def _turn(self) -> None:
        """Wait for the next thing to happen, then act on it."""
        if self._socket is None:
            return
        if self._drop.is_set():
            self._drop.clear()
            raise ConnectionAbortedError("told to lose the link")
        inner = {channel.ours: channel for channel in self._channels.values()}
        ready, _, _ = select.select([self._socket, *inner], [], [], self._pause_s())
        for one in ready:
            data = one.recv(_READ_BYTES)
            if one is not self._socket:
                self._from_line(inner[one], data)
            elif not data:
                raise ConnectionResetError("the agent has hung up")
            else:
                self._from_agent(data)
        self._look_at_clock(time.monotonic())

    def _pause_s(self) -> float:
        if self._busy is None:
            return _NAP_S
        return max(0.0, min(_NAP_S, self._busy.give_up_s - time.monotonic()))

    def _look_at_clock(self, now_s: float) -> None:
        if now_s >= self._beat_at_s or self._beat_now.is_set():
            self._beat_now.clear()
            self._beat_at_s = now_s + self._heartbeat_s
            self.counters.heartbeats += 1
            self._say_hello(3)
        if self._busy is not None and now_s >= self._busy.give_up_s:
            self._answer(self._busy)
            self._busy = None
        if self._busy is None and self._queue:
            self._forward(self._queue.popleft())

    # --- forwarding ----------------------------------------------------------------------------------------------------

    def _forward(self, request: _Request) -> None:
        channel = self._channels.get(request.channel)
        if channel is None or channel.settings != request.settings:
            self.counters.refused += 1
            self._send(self._frame(0x89, request.station, 0x00, 0x60 | request.serial, bytes.fromhex("00000200")))
            return
        self.counters.forwarded += 1
        self._busy = _Busy(request, time.monotonic() + request.reply_s)
        with contextlib.suppress(BlockingIOError):
            channel.ours.send(request.payload)

    def _from_line(self, channel: _Channel, data: bytes) -> None:
        """A piece of a reply: the reply is over when no more has come for the time the master asked for, or it is a whole meter frame."""
        busy = self._busy
        if busy is None or self._channels.get(busy.request.channel) is not channel:
            return
        busy.reply += data
        busy.give_up_s = time.monotonic() + (0.0 if _is_whole(busy.reply) else busy.request.byte_s)

    def _answer(self, busy: _Busy) -> None:
        self.counters.silent += not busy.reply
        data = bytes.fromhex("00000100") + bytes((busy.request.channel,)) + len(busy.reply).to_bytes(2, "little") + bytes(busy.reply)
        self._send(self._frame(0x88, busy.request.station, 0x10, 0x60 | busy.request.serial, data))

    # --- 376.1 ---------------------------------------------------------------------------------------------------------

    def _say_hello(self, fn: int) -> None:
        """Log in (F1) or beat (F3): both want to be confirmed."""
        self._send(self._frame(0xC9, 0, 0x02, 0x70 | self._next_serial(), bytes((0, 0, 1 << (fn - 1), 0))), unasked=False)

    def _next_serial(self) -> int:
        self._serial = (self._serial + 1) % 16
        return self._serial

    def _frame(self, control: int, station: int, afn: int, seq: int, data: bytes) -> bytes:
        user = bytes((control,)) + self._address + bytes((station, afn, seq)) + data
        length = bytes(((len(user) << 2 | 2) & 0xFF, len(user) >> 6))
        return b"\x68" + length + length + b"\x68" + user + bytes((sum(user) % 256, 0x16))

    def _from_agent(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > _MAX_BUFFER:
            raise ConnectionAbortedError("the agent sends something else")
        while (frame := self._next_frame()) is not None:
            self._act(frame)

    def _next_frame(self) -> bytes | None:
        """The user bytes of the next whole frame; what cannot begin one is skipped."""
        while len(self._buffer) >= 6:
            size = (self._buffer[1] | self._buffer[2] << 8) >> 2
            shape_fits = self._buffer[0] == self._buffer[5] == 0x68 and self._buffer[1:3] == self._buffer[3:5]
            if not shape_fits or size < 8:
                del self._buffer[0]
                continue
            if len(self._buffer) < size + 8:
                return None
            user, check, end = bytes(self._buffer[6 : 6 + size]), self._buffer[6 + size], self._buffer[7 + size]
            if sum(user) % 256 == check and end == 0x16:
                del self._buffer[: size + 8]
                return user
            del self._buffer[0]
        return None

    def _act(self, user: bytes) -> None:
        """User bytes: C A1 A1 A2 A2 A3 AFN SEQ DA DA DT DT data."""
        if user[0] & 0x80 or user[1:5] != self._address:
            return
        if user[6] == 0x00 and user[10] & 1:
            self.counters.confirmed += 1
        elif user[6] == 0x10 and user[8:12] == bytes.fromhex("00000100"):
            size = int.from_bytes(user[16:18], "little")
            wait = user[14]
            reply_s = float(wait & 0x7F) if wait & 0x80 else wait / 100
            request = _Request(user[7] & 0x0F, user[5], user[12], user[13], reply_s, user[15] / 100, user[18 : 18 + size])
            if len(user) != 18 + size + 16 or len(self._queue) >= _MAX_QUEUE:
                self.counters.refused += 1
                self._send(self._frame(0x89, user[5], 0x00, 0x60 | request.serial, bytes.fromhex("00000200")))
            else:
                self._queue.append(request)

    # --- TCP -----------------------------------------------------------------------------------------------------------

    def _send(self, frame: bytes, unasked: bool = True) -> None:
        if self._socket is None:
            return
        if unasked and self._rng.random() < _MERGE_SHARE:
            self.counters.merged += 1
            self.counters.events += 1
            frame = self._frame(0xC4, 0, 0x0E, 0x70 | self._next_serial(), _EVENT) + frame
        if self._rng.random() < _CUT_SHARE:
            self.counters.cut += 1
            at = self._rng.randrange(1, len(frame))
            self._socket.sendall(frame[:at])
            time.sleep(_CUT_S)
            frame = frame[at:]
        self._socket.sendall(frame)

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._busy = None, None
        self._queue.clear()


class ChannelSide:
    """The master's side of one paced line: the concentrator is the master."""

    def __init__(self, concentrator: Concentrator, pair: socket.socket) -> None:
        self.concentrator, self._pair = concentrator, pair

    def filenos(self) -> list[int]:
        """Descriptors to watch."""
        return [self._pair.fileno()]

    def read(self, _fd: int) -> bytes:
        """Return what the concentrator puts on the bus."""
        try:
            return self._pair.recv(_READ_BYTES)
        except OSError:
            return b""

    def write(self, data: bytes) -> int:
        """Hand the concentrator bytes of the bus; return how many it had room for."""
        try:
            return self._pair.send(data)
        except OSError:
            return 0

    def legible(self) -> bool:
        """The concentrator refuses settings that do not fit its port; always True."""
        return True

    def tick(self, _now_s: float) -> None:
        """See that the concentrator runs."""
        self.concentrator.start()

    def close(self) -> None:
        """Take the line off its port."""
        self.concentrator.close_channel()
        self._pair.close()


def _settings(line: Line) -> int:
    """The byte of serial settings a line has: baud number, second stop bit, parity on, parity odd, data bits."""
    bits = f"{_BAUDS.index(line.baud):03b}{line.stop_bits - 1}{int(line.parity != 'N')}{int(line.parity == 'O')}{line.data_bits - 5:02b}"
    return int(bits, 2)


def _is_whole(reply: bytearray) -> bool:
    """True when these bytes end with a whole DL/T 645 frame: concentrators know their meters' protocol and wait no longer than that."""
    start = reply.find(0x68)
    if start < 0 or len(reply) < start + 12 or reply[start + 7] != 0x68:
        return False
    return len(reply) >= start + 12 + reply[start + 9] and reply[-1] == 0x16

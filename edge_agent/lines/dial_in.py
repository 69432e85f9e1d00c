"""Ports whose far end dials in: what they share, and the transparent DTU."""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Callable, Sequence

from edge_agent.lines.callers import Caller, Dtu
from edge_agent.lines.descriptor_port import CONNECT_S, TCP_JITTER_S, DescriptorPort
from edge_agent.lines.guest import DATA, PIECE_BYTES, Guest
from edge_agent.lines.heartbeat import HeartbeatFilter
from edge_agent.lines.link import Link
from edge_agent.lines.reception import RECEPTIONS, Receptions
from protocol.errors import NoReply, PortUnavailable
from protocol.line_port import DialledPort, TcpServerPort, spoken_bytes


class CalledPort(DescriptorPort):
    """A line's side of a guest: messages from the reception's thread arrive on one end of a socket pair."""

    retry_s: Sequence[float] = (0.5,)  # looking whether somebody has called costs nothing
    patience_s = 60.0  # whoever lost its link, or starts beside us, dials again within a minute

    def __init__(self, where: DialledPort, name: str, caller: Caller, channel: int, make: Callable[[], Guest], receptions: Receptions) -> None:
        super().__init__(name)
        self._where = (where.host, where.port)
        self._caller, self._channel, self._make, self._receptions = caller, channel, make, receptions
        self._seat: socket.socket | None = None
        self._joined: Guest | None = None

    def open(self) -> None:
        self._drop()
        if self._joined is None:
            self._joined = self._receptions.join(self._where, self._caller, self._make, self._channel, self)
        self._seat = self._joined.take_seat(self._channel)
        if self._seat is None:
            raise PortUnavailable(f"{self._name} has not called yet", port=self._name)

    def read(self, timeout_s: float) -> bytes:
        """As every port; raises NoReply when the far end has said that nothing (more) will come."""
        try:
            ready, _, _ = select.select((self.fileno(),), (), (), max(0.0, timeout_s))
            if not ready:
                return b""
            message = os.read(self.fileno(), 1 + PIECE_BYTES)
        except (OSError, ValueError) as error:
            raise self._failed(error) from error
        if not message:
            raise self._failed(ConnectionResetError(errno.ECONNRESET, "the far end has closed"))
        if message[:1] != DATA:
            raise NoReply("the far end says that nothing will come", port=self._name)
        return message[1:]

    def flush_input(self) -> int:
        dropped = 0
        for _ in range(PIECE_BYTES):
            try:
                data = self.read(0)
            except NoReply:
                continue
            if not data:
                break
            dropped += len(data)
        return dropped

    def fileno(self) -> int:
        if self._seat is None:
            raise OSError(errno.ENOTCONN, "nobody is connected")
        return self._seat.fileno()

    def close(self) -> None:
        super().close()
        if self._joined is not None:
            self._joined.disown(self._channel, self)
            self._joined = None
            self._receptions.leave(self._where, self._caller)

    def _drop(self) -> None:
        seat, self._seat = self._seat, None
        if seat is not None:
            seat.close()


class DialInPort(CalledPort):
    """A DTU that connects to us, says its registration first and then passes the line's raw bytes; heartbeats are dropped, and answered if wished."""

    def __init__(self, where: TcpServerPort, receptions: Receptions = RECEPTIONS) -> None:
        caller = Dtu(spoken_bytes(where.registration))
        name = f"DTU {where.registration!r} at {where.host}:{where.port}" if where.registration else f"DTU at {where.host}:{where.port}"
        super().__init__(where, name, caller, 0, lambda: _DtuGuest(name, where), receptions)
        self.jitter_s = TCP_JITTER_S if where.delay_ms is None else where.delay_ms / 1000

    def write(self, data: bytes) -> None:
        if self._joined is None or not self._joined.say(data, CONNECT_S):
            raise self._failed(ConnectionError(errno.ENOTCONN, "nobody is connected, or the DTU takes no bytes"))


class _DtuGuest(Guest):
    """A transparent DTU."""

    def __init__(self, name: str, where: TcpServerPort) -> None:
        super().__init__(name)
        self._registration, self._heartbeat = spoken_bytes(where.registration), spoken_bytes(where.heartbeat)
        self._reply = spoken_bytes(where.heartbeat_reply) if where.heartbeat_reply else b""
        self.takes_anybody = not self._registration
        self._filter = HeartbeatFilter(self._heartbeat, self._registration)

    @property
    def holds(self) -> bool:
        return self._filter.holds

    def arrived(self, link: Link) -> None:
        self._filter = HeartbeatFilter(self._heartbeat, self._registration)
        super().arrived(link)

    def hear(self, data: bytes) -> bool:
        heartbeats = self._filter.heartbeats
        self.give(0, self._filter.feed(data))
        if self._reply and self._filter.heartbeats > heartbeats:
            return self.answer(self._reply)
        return True

    def release(self) -> None:
        if self._filter.holds:
            self.give(0, self._filter.release())

"""Somebody expected to dial in, and the lines that hang on it: what DTU and concentrator have in common.

The reception's thread calls `arrived`, `hear`, `release` and `gone`; lines call `take_seat`, `leave_seat` and whatever their kind of guest offers.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Sequence

from edge_agent.lines.link import Link
from protocol.errors import PortUnavailable

log = logging.getLogger(__name__)
PIECE_BYTES = 2048  # a message between the reception's thread and a line; longer data goes in several
DATA, NO_MORE = b"\x00", b"\x01"  # first byte of a message: bytes of the line follow, or nothing more will come
_ANSWER_S = 0.2  # an answer that cannot be sent in this time is not sent: the link is stuck


class Guest:
    """One caller. `lock` guards the connection and the seats."""

    takes_anybody = False  # True when whoever calls is this guest, without a word

    def __init__(self, name: str) -> None:
        self.name = name
        self.lock = threading.Condition()
        self.link: Link | None = None
        self.refused_sends = 0
        self.lost_bytes = 0
        self._seats: dict[int, socket.socket] = {}  # channel -> the end of a socket pair this side writes to
        self._owners: dict[int, object] = {}

    @property
    def holds(self) -> bool:
        """True while `release` should be called soon."""
        return False

    # --- lines ---------------------------------------------------------------------------------------------------------

    def own(self, channel: int, owner: object) -> None:
        """Note that a line needs this guest's channel; raise PortUnavailable when another line has it."""
        with self.lock:
            if self._owners.setdefault(channel, owner) is not owner:
                raise PortUnavailable(f"{self.name} channel {channel} belongs to another line; correct the site plan", port=self.name)

    def disown(self, channel: int, owner: object) -> None:
        """The line no longer needs it."""
        with self.lock:
            if self._owners.get(channel) is owner:
                del self._owners[channel]
                self.leave_seat(channel)

    @property
    def is_wanted(self) -> bool:
        """True while a line needs this guest."""
        return bool(self._owners)

    def take_seat(self, channel: int) -> socket.socket | None:
        """The line's end of a fresh socket pair, on which messages arrive; None while nobody has called."""
        with self.lock:
            if self.link is None:
                return None
            self.leave_seat(channel)
            mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            mine.setblocking(False)
            theirs.setblocking(False)
            self._seats[channel] = mine
            return theirs

    def say(self, data: bytes, patience_s: float) -> bool:
        """Send a line's bytes; over the new connection when the guest has called again meanwhile. False when they cannot be sent."""
        link = self.link
        while link is not None and not link.send(data, patience_s):
            before, link = link, self.link
            if link is before:
                return False
        return link is not None

    def leave_seat(self, channel: int) -> None:
        """Close this side of a pair."""
        with self.lock:
            if (seat := self._seats.pop(channel, None)) is not None:
                seat.close()

    # --- the reception's thread ----------------------------------------------------------------------------------------

    def arrived(self, link: Link) -> None:
        """The guest has called; an older connection is closed next."""
        with self.lock:
            log.info("%s has %s peer=%s", self.name, "called" if self.link is None else "called again", link.peer)
            self.link = link
            self.lock.notify_all()

    def hear(self, data: bytes) -> bool:
        """Take what the guest says; False: hang up."""
        raise NotImplementedError

    def release(self) -> None:
        """Nothing has come for a moment."""

    def gone(self) -> None:
        """The connection is lost: every line learns it at its next read."""
        with self.lock:
            log.info("%s has hung up", self.name)
            self.link = None
            for channel in list(self._seats):
                self.leave_seat(channel)
            self.lock.notify_all()

    def give(self, channel: int, data: bytes, more: bool = True) -> None:
        """Hand bytes to the line on a channel; `more` False: nothing else will come. What a line that does not read has no room for is counted."""
        pieces: Sequence[bytes] = [DATA + data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]
        with self.lock:
            seat = self._seats.get(channel)
            if seat is None:
                return
            for piece in (*pieces, *(() if more else (NO_MORE,))):
                try:
                    seat.send(piece)
                except BlockingIOError:
                    self.lost_bytes += len(piece) - 1
                except (BrokenPipeError, ConnectionResetError):  # the line has just closed its end
                    return

    def answer(self, data: bytes) -> bool:
        """Send a short answer from the reception's thread; False when the link does not take it."""
        if self.link is None or not self.link.send(data, _ANSWER_S):
            self.refused_sends += 1
            return False
        return True

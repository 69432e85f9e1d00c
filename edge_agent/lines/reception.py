"""The addresses this process listens on: one listening socket and one thread each, shared by all lines whose DTU or concentrator dials in there.

    caller connects -> says who it is -> its guest gets the connection -> every byte it sends goes to `Guest.hear`
                    -> a stranger, or silent for REGISTER_S: hung up, counted, told once

A guest that calls again takes the place of its old connection: the link was lost and nobody has noticed yet. Bounds: MAX_CALLERS connections
that have not said who they are (the oldest goes), MAX_SAID_BYTES said by each, one connection for each guest.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.lines.callers import MAX_SAID_BYTES, Caller, identify
from edge_agent.lines.guest import Guest
from edge_agent.lines.link import Link
from protocol.errors import PortUnavailable

log = logging.getLogger(__name__)
MAX_CALLERS = 64
REGISTER_S = 30.0  # a DTU says its registration within seconds; mobile networks take their time
GRACE_S = 0.3  # how long a registration that others begin with is left to grow
MAX_REMEMBERED = 64  # strangers told once each; then only counted
_TURN_S = 0.25
_HOLD_S = 0.03
_BACKLOG = 64
_AFTER_ERROR_S = 0.2


@dataclass(slots=True)
class _Waiting:
    """A connection that has not said who it is."""

    link: Link
    since: float
    said: bytes = b""
    heard_at: float = 0.0


@dataclass(slots=True)
class ReceptionCounters:
    """What has happened at one address since the agent began to listen there."""

    callers: int = 0
    strangers: int = 0
    silent: int = 0
    crowded_out: int = 0


class Reception:
    """One address. The thread runs while somebody is expected."""

    def __init__(self, host: str, port: int) -> None:
        self.name = f"{host}:{port}"
        self.counters = ReceptionCounters()
        try:
            self._listener = socket.create_server((host, port), backlog=_BACKLOG)
        except OSError as error:
            raise PortUnavailable(f"cannot listen on {self.name}: {error}", port=self.name) from error
        self._listener.setblocking(False)
        self._lock = threading.Lock()  # guests, waiting, links: the thread changes them, lines join and leave
        self._guests: dict[Caller, Guest] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._links: dict[int, tuple[Link, Guest]] = {}
        self._remembered: set[tuple[str, str]] = set()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"reception-{self.name}", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def expect(self, caller: Caller, make: Callable[[], Guest], channel: int, owner: object) -> Guest:
        """The guest for this caller, made if nobody expects it yet; its channel is the owner's from now on."""
        with self._lock:
            if caller not in self._guests:
                self._guests[caller] = make()
            self._guests[caller].own(channel, owner)
            return self._guests[caller]

    def forget(self, caller: Caller) -> bool:
        """Expect this caller no longer if no line needs it; True when nobody is expected any more."""
        with self._lock:
            guest = self._guests.get(caller)
            if guest is not None and not guest.is_wanted:
                del self._guests[caller]
                self._hang_up(guest)
            return not self._guests

    def stop(self) -> None:
        """Stop listening and hang up on everybody."""
        self._stopping = True
        os.write(self._wake_write, b"x")
        if self._thread.ident is not None:
            self._thread.join()
        for link in [*(one.link for one in self._waiting.values()), *(link for link, _ in self._links.values())]:
            link.close()
        self._selector.close()
        self._listener.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    # --- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        failures = 0
        while not self._stopping:
            try:
                self._turn()
            except Exception:
                failures += 1
                log.exception("program error in reception=%s count=%d; listening goes on", self.name, failures)
                time.sleep(_AFTER_ERROR_S)

    def _turn(self) -> None:
        with self._lock:
            holding = any(guest.holds for guest in self._guests.values())
        ready = self._selector.select(_HOLD_S if holding else _TURN_S)
        with self._lock:
            if not ready:
                for guest in self._guests.values():
                    guest.release()
            for key, _ in ready:
                if key.fileobj is self._listener:
                    self._let_in()
                elif key.fd in self._waiting:
                    self._listen_to(self._waiting[key.fd])
                elif key.fd in self._links:
                    self._hear(*self._links[key.fd])
            self._look_at_waiting(time.monotonic())

    def _let_in(self) -> None:
        try:
            connected, peer = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        link = Link(connected, f"{peer[0]}:{peer[1]}")
        self.counters.callers += 1
        self._waiting[link.fd] = _Waiting(link, time.monotonic())
        self._selector.register(link.fd, selectors.EVENT_READ)
        if len(self._waiting) > MAX_CALLERS:
            self.counters.crowded_out += 1
            self._refuse(next(iter(self._waiting.values())), "somebody", "too many callers wait to be known")

    def _listen_to(self, caller: _Waiting) -> None:
        data = caller.link.receive(MAX_SAID_BYTES - len(caller.said))
        if data is None:
            self._drop(caller)
        elif data:
            caller.said, caller.heard_at = caller.said + data, time.monotonic()
            self._judge(caller, final=False)

    def _look_at_waiting(self, now: float) -> None:
        for caller in list(self._waiting.values()):
            waited_s = now - caller.heard_at if caller.said else GRACE_S * any(guest.takes_anybody for guest in self._guests.values())
            if waited_s >= GRACE_S:
                self._judge(caller, final=True)
            if caller.link.fd in self._waiting and now - caller.since >= REGISTER_S:
                self.counters.silent += 1
                self._refuse(caller, "somebody", f"did not say who it is within {REGISTER_S:.0f} s")

    def _judge(self, caller: _Waiting, final: bool) -> None:
        """Let a known caller in, hang up on a stranger, let others go on talking. `final`: nothing more has come for a while."""
        verdict = identify(caller.said, self._guests)
        if verdict.caller is not None and (verdict.is_final or final):
            del self._waiting[caller.link.fd]
            self._welcome(self._guests[verdict.caller], caller)
        elif verdict.is_stranger:
            self.counters.strangers += 1
            caller.link.send(verdict.farewell, 0)
            self._refuse(caller, verdict.who, "is not expected here; compare its registration or terminal address with the site plan")

    def _welcome(self, guest: Guest, caller: _Waiting) -> None:
        guest.arrived(caller.link)  # before the old connection is closed: a line that is writing finds a connection at any time
        self._hang_up(guest)
        self._links[caller.link.fd] = (caller.link, guest)
        if not guest.hear(caller.said):
            self._part(caller.link, guest)

    def _hear(self, link: Link, guest: Guest) -> None:
        data = link.receive()
        if data is None or (data and not guest.hear(data)):
            self._part(link, guest)

    def _hang_up(self, guest: Guest) -> None:
        """Let go of the connection a guest has, if any; its lines are not told, because a new one takes its place or nobody is left."""
        for link, owner in list(self._links.values()):
            if owner is guest:
                del self._links[link.fd]
                self._close(link)

    def _part(self, link: Link, guest: Guest) -> None:
        self._links.pop(link.fd, None)
        self._close(link)
        guest.gone()

    def _refuse(self, caller: _Waiting, who: str, why: str) -> None:
        if (who, why) not in self._remembered and len(self._remembered) < MAX_REMEMBERED:
            self._remembered.add((who, why))
            log.warning("caller refused at=%s peer=%s who=%s: %s; further tries are counted", self.name, caller.link.peer, who, why)
        self._drop(caller)

    def _drop(self, caller: _Waiting) -> None:
        del self._waiting[caller.link.fd]
        self._close(caller.link)

    def _close(self, link: Link) -> None:
        self._selector.unregister(link.fd)
        link.close()


@dataclass(slots=True)
class Receptions:
    """All addresses of a process. Lines on the same address share its listening socket, as the operating system wants it."""

    _open: dict[tuple[str, int], Reception] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def join(self, where: tuple[str, int], caller: Caller, make: Callable[[], Guest], channel: int, owner: object) -> Guest:
        """Expect this caller at an address; raise PortUnavailable when nothing can listen there or another line has the channel."""
        with self._lock:
            if where not in self._open:
                self._open[where] = Reception(*where)
                self._open[where].start()
            return self._open[where].expect(caller, make, channel, owner)

    def leave(self, where: tuple[str, int], caller: Caller) -> None:
        """A line no longer needs this caller; the address is given back when it was the last."""
        with self._lock:
            reception = self._open.get(where)
            if reception is not None and reception.forget(caller):
                del self._open[where]
                reception.stop()

    def counters(self, where: tuple[str, int]) -> ReceptionCounters | None:
        """What has happened at an address; None while nobody listens there."""
        reception = self._open.get(where)
        return reception.counters if reception else None


RECEPTIONS = Receptions()  # of this process: a TCP port belongs to the process, not to a line

"""Commands on their way: sent within a fraction of a second after they were written down, again until a result or their end, given up after it.

One process leads this. It looks into the table instead of listening: a committed row is sent whatever happens to who wrote it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from central.context import Central
from central.control.model import Kind
from central.control.results import Asked, note, told
from central.db.pool import Connection, DatabaseError, Pool, PoolBusy
from central.db.statements import load_statements, rows, run
from central.mqtt.session import Session
from protocol import command as wire
from protocol.messages import encode_record
from protocol.topics import Down, down

log = logging.getLogger(__name__)

_SQL = load_statements("central.control")
EVERY_S = 0.15
_AGAIN_S = 4.0  # the broker keeps a command for a gateway that is away, so this is for what gets lost, and harmless
_GRACE_S = 5.0  # a result may be on its way when the time is over; one that comes later still counts
_RUNNING_S = 720.0  # the longest a switch may take to prove itself, with what its line may need before
_AT_ONCE = 200
_WINDOW = 10  # nothing is heard on this session
_GIVE_UP_EVERY_S = 1.0
_PURGE_EVERY_S = 3600.0
_KEEP_READS_DAYS = 90
_PURGE_AT_ONCE = 5000
_DAY_MS = 86_400_000


class Publisher(Protocol):
    """What is needed of an MQTT session."""

    def publish(self, topic: str, payload: bytes, *, retain: bool, expiry_s: int | None = None) -> bool:
        """Send; False when it could not be handed over."""


@dataclass(slots=True)
class ControlRounds:
    """What is remembered between rounds. `clock`: Unix seconds."""

    publisher: Publisher
    clock: Callable[[], float]
    _looked_s: float = field(default=float("-inf"))
    _purged_s: float = field(default=float("-inf"))

    def turn(self, pool: Pool) -> None:
        """One turn, in transactions of its own. Raises DatabaseError."""
        now_s = self.clock()
        with pool.connection() as conn:
            send(conn, self.publisher, int(now_s * 1000))
            if abs(now_s - self._looked_s) >= _GIVE_UP_EVERY_S:  # abs: the clock may be set back
                self._looked_s = now_s
                give_up(conn, int(now_s * 1000))
            if abs(now_s - self._purged_s) >= _PURGE_EVERY_S:
                self._purged_s = now_s
                purge(conn, int(now_s * 1000))


def lead_commands(central: Central, client_id: str, stop: threading.Event, still_leader: Callable[[], None]) -> None:
    """Send commands over a session of their own until `stop`; raises DatabaseError when the leadership is lost."""
    session = Session(central.settings.broker, client_id, (), _WINDOW)
    session.start()
    try:
        work_commands(ControlRounds(session, central.clock), central.pool, stop, still_leader)
    finally:
        session.stop()


def work_commands(rounds: ControlRounds, pool: Pool, stop: threading.Event, still_leader: Callable[[], None]) -> None:
    """Work until `stop`; raises DatabaseError when the leadership is lost."""
    while not stop.is_set():
        still_leader()
        try:
            rounds.turn(pool)
        except (DatabaseError, PoolBusy) as error:
            log.warning("commands wait, the next round follows: %s", error)
        stop.wait(EVERY_S)


def send(conn: Connection, publisher: Publisher, now_ms: int) -> int:
    """Publish what is due, then note it; returns how many. A crash in between sends them once more under the same id, which is harmless."""
    due = rows(conn, _SQL["due"], _Due, now_ms=now_ms, again_ms=int(_AGAIN_S * 1000), limit=_AT_ONCE)
    sent = [one.id for one in due if _publish(publisher, one, now_ms)]
    if sent:
        with conn.transaction():
            run(conn, _SQL["mark_sent"], ids=sent, now_ms=now_ms)
            run(conn, _SQL["note_sent"], ids=sent, now_ms=now_ms)
    conn.commit()
    return len(sent)


def give_up(conn: Connection, now_ms: int) -> int:
    """Settle what nobody answered in time, each with its audit row; returns how many."""
    limits = {"grace_ms": int(_GRACE_S * 1000), "running_ms": int(_RUNNING_S * 1000), "limit": _AT_ONCE}
    with conn.transaction():
        given_up = rows(conn, _SQL["give_up"], Asked, now_ms=now_ms, **limits)
        for one in given_up:
            note(conn, one.id, one.state, now_ms, code=one.code)
            told(conn, one, "central", one.state, one.code)
    if given_up:
        log.info("%d commands got no result in time", len(given_up))
    return len(given_up)


def purge(conn: Connection, now_ms: int) -> int:
    """Delete settled reads and frames of months ago with their history; switches stay. Counted in the log."""
    with conn.transaction():
        purged = run(conn, _SQL["purge"], before_ms=now_ms - _KEEP_READS_DAYS * _DAY_MS, limit=_PURGE_AT_ONCE)
    if purged:
        log.info("purged %d commands older than %d days", purged, _KEEP_READS_DAYS)
    return purged


@dataclass(frozen=True, slots=True)
class _Due:
    id: str
    key: str
    kind: Kind
    gateway: str
    device: str | None
    line: str | None
    arguments: dict[str, Any]
    reason: str
    requested_by: str
    requested_at_ms: int
    expires_at_ms: int


def _publish(publisher: Publisher, one: _Due, now_ms: int) -> bool:
    left_s = max(1, -((now_ms - one.expires_at_ms) // 1000))
    return publisher.publish(down(one.gateway, Down.CMD), encode_record(_command(one)), retain=False, expiry_s=left_s)


def _command(one: _Due) -> wire.Command:
    quantities = one.arguments.get("quantities")
    facts = {"id": one.id, "kind": one.kind, "key": one.key, "device": one.device, "line": None if one.device else one.line}
    return wire.Command.model_validate(
        {
            **facts,
            "quantities": tuple(quantities) if quantities is not None else None,
            "command": one.arguments.get("command"),
            "issued_at_ms": one.requested_at_ms,
            "expires_at_ms": one.expires_at_ms,
            "reason": one.reason,
            "requested_by": one.requested_by,
        }
    )

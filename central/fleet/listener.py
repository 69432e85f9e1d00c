"""The fleet's side of the leader: hear what gateways say, hand them their documents."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from central.db.pool import CONTENT_ERRORS, Connection, Pool
from central.fleet.desired import publish_documents
from central.fleet.gaps import mind_gaps
from central.fleet.gateways import observe
from central.fleet.resend import ask
from central.ingest.quarantine import put
from central.ingest.verify import Poison
from central.mqtt.session import Message, Session
from protocol.errors import MessageError

log = logging.getLogger(__name__)

_GROUP = 200
_GROUP_BYTES = 1 << 20


class Listener:
    """Holds what was published on the present broker connection; a new connection publishes everything again, retained or not."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = 0
        self._published: set[str] = set()
        self._held: list[Message] = []  # taken and not yet written down; nothing more is taken before they are

    def hear(self, pool: Pool, wait_s: float) -> int:
        """Take waiting messages, write them down in one transaction, acknowledge. Raises DatabaseError; the next call tries the same again."""
        self._held = self._held or self._session.take(_GROUP, _GROUP_BYTES, wait_s, 0.0)
        done, count = self._held, len(self._held)
        if done:
            _note_all(pool, done)
            self._session.acknowledge(done)
        self._held = []
        return count

    def tell(self, pool: Pool) -> int:
        """Publish the documents the broker has not got from us yet."""
        if not self._session.connected:
            return 0
        if self._connection != self._session.connections:
            self._connection = self._session.connections
            self._published.clear()
        with pool.connection() as conn:
            return publish_documents(conn, lambda topic, body: self._session.publish(topic, body, retain=True), self._published)

    def ask_again(self, pool: Pool, now_ms: int) -> int:
        """Follow the gaps in what gateways sent and ask for what does not come by itself. Returns how many ranges were asked for."""
        if not self._session.connected:
            return 0
        with pool.connection() as conn:
            requests = mind_gaps(conn, now_ms)
        return ask(requests, lambda topic, body: self._session.publish(topic, body, retain=False))


def _note_all(pool: Pool, messages: Sequence[Message]) -> None:
    with pool.connection() as conn:
        for message in messages:
            _note(conn, message)


def _note(conn: Connection, message: Message) -> None:
    """One message; one that cannot be understood or stored is quarantined and stops no other."""
    try:
        with conn.transaction():
            observe(conn, message)
    except MessageError as error:
        put(conn, [Poison(message, None, error.code, str(error))])
    except CONTENT_ERRORS as error:
        put(conn, [Poison(message, None, "storage.refused", str(error))])

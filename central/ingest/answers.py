"""Results of commands in a batch: they settle what they answer, and what answers nothing is kept like everything that cannot be used."""

from __future__ import annotations

from central.control.results import settle_results
from central.db.pool import Connection
from central.ingest.sift import Sifted
from central.ingest.verify import Poison
from central.mqtt.session import Message
from protocol.messages import encode_results


def take_results(conn: Connection, item: Sifted) -> list[Poison]:
    """Settle commands in the caller's transaction; returns the results that answer no command of this gateway, for quarantine."""
    strays = settle_results(conn, item.batch.gateway, item.results) if item.results else []
    return [Poison(Message(item.message.topic, encode_results(item.batch, [one.result]), {}), item.batch, one.reason, one.text) for one in strays]

"""A whole path: a real outbox and sender, a real broker, an ingest worker and the leader's side of the fleet on a real database."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from central.db.pool import Connection, Pool
from central.fleet.gateways import fleet_filters
from central.fleet.listener import Listener
from central.ingest.worker import Counters, filters, work
from central.mqtt.session import Session
from central.settings import BrokerSettings, IngestSettings
from edge_agent.buffer.batches import Limits as OutboxLimits
from edge_agent.buffer.database import EPOCH_SHIFT
from edge_agent.buffer.outbox import Outbox
from edge_agent.uplink.sender import Announcer, Clock, Reconnect, Sender
from edge_agent.uplink.session import Options
from edge_agent.uplink.session import Session as EdgeSession
from edge_agent.uplink.window import Limits, Window
from protocol.messages import Birth, Health
from protocol.reading import Reading, SeriesKey

WAIT_S = 30.0
FIRST_MS = 1_790_000_000_000
_FAST = Limits(retry_s=1.0, refused_s=0.2, refused_max_s=1.0, ack_grace_s=0.2, backfill_per_s=1000, backfill_burst=100)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Box:
    """Gateway gw-1: one reading a batch. `end` and `begin` are a restart of its program."""

    def __init__(self, directory: Path, options: Options) -> None:
        self._directory = directory
        self._options = options
        self.begin()

    def begin(self) -> None:
        self.outbox = Outbox(self._directory, "gw-1", 1, OutboxLimits(min_free_bytes=0), now_ms=now_ms)
        self.sender = Sender(
            self.outbox,
            lambda topic, will: EdgeSession(self._options, topic, will),
            Window(_FAST),
            Announcer(self._birth, self._health),
            Clock(time.monotonic, now_ms, random.uniform),
            on_document=lambda _name, _body: None,
            on_command=lambda _body, _expiry_s: None,
            reconnect=Reconnect(0.05, 0.5),
        )

    def end(self) -> None:
        self.sender.stop(5)
        self.outbox.close()

    def read(self, count: int) -> None:
        for _ in range(count):
            seq = self.outbox.backlog().last_seq + 1
            self.outbox.append_readings([Reading(SeriesKey("m1", "energy_active_forward"), FIRST_MS + 60_000 * seq, seq)])

    def lose(self, first: int, last: int) -> None:
        """Take rows out of its file, as a failing disk would, while its program does not run."""
        with sqlite3.connect(self._directory / "outbox.db") as db:
            db.execute("DELETE FROM batch WHERE position & ? BETWEEN ? AND ?", ((1 << EPOCH_SHIFT) - 1, first, last))
        db.close()

    def _birth(self) -> Birth:
        return Birth(gateway="gw-1", generation=1, epoch=self.outbox.epoch, agent_version="test", started_at_ms=1, lines=())

    def _health(self) -> Health:
        told = self.outbox.backlog()
        marks = {"epoch": told.epoch, "last_seq": told.last_seq, "acked_seq": told.acked_seq, "first_held_seq": told.first_held_seq}
        return Health(at_ms=now_ms(), uptime_s=1, backlog_batches=told.batches, backlog_bytes=told.payload_bytes, outbox_bytes=0, **marks)


class Site:
    """The box and central's side. `until` runs the leader's rounds until something holds."""

    def __init__(self, box: Box, listener: Listener, pool: Pool, conn: Connection) -> None:
        self.box = box
        self.conn = conn
        self._listener = listener
        self._pool = pool

    def until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"did not happen within {WAIT_S:.0f} s: {what}")
            self._listener.hear(self._pool, 0.02)
            self._listener.ask_again(self._pool, now_ms())

    def row(self, query: str) -> tuple[object, ...] | None:
        found = self.conn.execute(query).fetchone()  # type: ignore[arg-type]
        self.conn.commit()
        return found

    def stored(self) -> list[int]:
        """Values that arrived; the reading of batch n has the value n."""
        found = [row[0] for row in self.conn.execute("select value from reading order by value")]
        self.conn.commit()
        return found

    def set_back(self, seq: int) -> None:
        """What a restored backup does: central knows nothing of what came after batch `seq`."""
        self.conn.execute("delete from reading where value > %s", (seq,))
        self.conn.execute("delete from batch where seq > %s", (seq,))
        self.conn.execute("update ack_cursor set received = int8multirange(int8range(1, %s, '[]'))", (seq,))
        self.conn.commit()


@pytest.fixture
def whole_site(mosquitto, site: Connection, pool: Pool, tmp_path: Path) -> Iterator[Site]:
    broker = mosquitto()
    passwords = {}
    for user in ("central", "gw-1"):
        passwords[user] = tmp_path / user
        passwords[user].write_text(broker.passwords[user])
    settings = BrokerSettings(host=broker.host, port=broker.port, username="central", password_file=passwords["central"])
    stop = threading.Event()
    ingest, leader = Session(settings, "ingest", filters(), 50), Session(settings, "leader", fleet_filters(), 50)
    worker = threading.Thread(target=work, args=(ingest, pool, IngestSettings(commit_wait_ms=5), time.time, stop, Counters()))
    ingest.start()
    leader.start()
    worker.start()
    (tmp_path / "box").mkdir()
    box = Box(tmp_path / "box", Options("gw-1", broker.host, broker.port, username="gw-1", password_file=passwords["gw-1"]))
    yield Site(box, Listener(leader), pool, site)
    box.end()
    stop.set()
    worker.join(10)
    ingest.stop()
    leader.stop()

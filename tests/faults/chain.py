"""The test bed from outbox to table: a mosquitto, a PostgreSQL with fsync on, real ingest workers, gateways as processes, and the book.

One database server serves all scenarios of a process (started when the first one needs it, stopped at exit); each chain has a database of its own.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from central.db.pool import OperationalError, connect, open_pool
from central.ingest.worker import Counters, filters, work
from central.mqtt.session import Session
from central.settings import BrokerSettings, IngestSettings
from protocol.messages import Ack, decode_record
from protocol.topics import Down, down
from provisioning.rehearse.broker import CENTRAL_USER
from tests.faults.book import Book
from tests.faults.broker import Broker
from tests.faults.database import database
from tests.faults.gateway import ROOT, Box, Place
from tests.faults.wait import LONG_S, wait


@contextmanager
def chain(
    *, host: str = "127.0.0.1", persistent: bool = False, apart: bool = False, tls: Path | None = None, ingest_window: int = 150
) -> Iterator[Chain]:
    """A running chain without gateways. `persistent`: the broker keeps a store; `apart`: ingest is `central run` in a process of its own;
    `tls`: folder with ca.pem, broker.pem, broker.key."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="ce-faults-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        dsn = stack.enter_context(database())
        broker = Broker(folder / "broker", host, persistent, tls)
        stack.callback(broker.kill)
        broker.start()
        book = Book(folder / "book")
        stack.callback(book.close)
        bed = Chain(folder, dsn, broker, book)
        if apart:
            stack.enter_context(_central_process(bed))
        else:
            bed.counters = stack.enter_context(ingest(bed, dsn, ingest_window))
        stack.callback(bed.kill_boxes)
        yield bed


@dataclass
class Chain:
    """What a scenario works with."""

    folder: Path
    dsn: str
    broker: Broker
    book: Book
    counters: list[Counters] = field(default_factory=list)
    ingest_pid: int = 0
    boxes: dict[str, Box] = field(default_factory=dict)

    def box(self, gateway: str = "gw-1", **options: Any) -> Box:
        """Start a gateway; see `Box` for options."""
        self.boxes[gateway] = Box(Place(self.folder, self.broker, self.book), gateway, **options)
        self.boxes[gateway].start()
        return self.boxes[gateway]

    @contextmanager
    def feeding(self, every_s: float = 0.05) -> Iterator[None]:
        """Let every gateway store a cycle each `every_s` meanwhile; one that is dead is passed over until it runs again."""
        stop = threading.Event()
        threads = [threading.Thread(target=_feed, args=(box, every_s, stop), daemon=True) for box in self.boxes.values()]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def drained(self, limit_s: float = LONG_S) -> list[str]:
        """Wait until central's ledger has every accepted cycle; what is missing then, in words."""
        begun = time.monotonic()
        while missing := self.missing():
            if time.monotonic() - begun > limit_s:
                return [f"{missing} accepted batches are not stored after {limit_s:.0f} s"]
            time.sleep(0.05)
        return []

    def missing(self) -> int:
        """Accepted batches that are not in central's ledger yet."""
        return len({(entry.gateway, entry.epoch, entry.seq) for entry in list(self.book.entries)} - self.ledger())

    def settled(self, messages: int) -> None:
        """Wait until the workers in this process have dealt with so many messages."""
        wait(lambda: sum(one.messages for one in self.counters) >= messages, LONG_S, f"{messages} messages are dealt with")

    def ledger(self) -> set[tuple[str, int, int]]:
        """(gateway, epoch, seq) of every batch central has."""
        with connect(self.dsn) as conn:
            return set(conn.execute("select gateway, epoch, seq from batch").fetchall())

    def ledger_or_none(self) -> set[tuple[str, int, int]] | None:
        """The ledger, or None while the server does not answer."""
        try:
            return self.ledger()
        except OperationalError:
            return None

    def scalar(self, query: str) -> Any:
        """The one value of a query."""
        with connect(self.dsn, autocommit=True) as conn:
            row = conn.execute(query).fetchone()
        return row[0] if row else None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with connect(self.dsn, autocommit=True) as conn:
            return conn.execute(query).fetchall()

    def execute(self, *statements: str) -> None:
        """Run statements, each committed."""
        with connect(self.dsn, autocommit=True) as conn:
            for statement in statements:
                conn.execute(statement)

    def kill_boxes(self) -> None:
        """End every gateway."""
        for box in self.boxes.values():
            box.kill()


class Receipts:
    """Hears every receipt central gives, as any gateway would."""

    def __init__(self, bed: Chain) -> None:
        self._heard: list[tuple[str, Ack]] = []
        self._session = Session(_broker_settings(bed), f"receipts-{secrets.token_hex(3)}", [down("+", Down.ACK)], 1000)

    def __enter__(self) -> Receipts:
        self._session.start()
        wait(lambda: self._session.connected, LONG_S, "the listener connects")
        return self

    def __exit__(self, *_: object) -> None:
        self._session.stop()

    def covered(self) -> set[tuple[str, int, int]]:
        """(gateway, epoch, seq) of every batch a receipt was heard for."""
        for message in self._session.take(10_000, 1 << 30, 0.05, 0):
            self._heard.append((message.topic.split("/")[2], decode_record(Ack, message.payload)))
            self._session.acknowledge([message])
        ranges = [(gateway, ack.epoch, first, last) for gateway, ack in self._heard for first, last in ((1, ack.seq), *ack.also)]
        return {(gateway, epoch, seq) for gateway, epoch, first, last in set(ranges) for seq in range(first, last + 1)}


@contextmanager
def ingest(bed: Chain, dsn: str, window: int = 150) -> Iterator[list[Counters]]:
    """The default number of ingest workers in this process, subscribed."""
    settings = IngestSettings(window=window)
    stop, counters = threading.Event(), [Counters() for _ in range(settings.workers)]
    sessions = [Session(_broker_settings(bed), f"central-{n}-{secrets.token_hex(3)}", filters(), window) for n in range(settings.workers)]
    with open_pool(dsn, max_size=4) as pool:
        threads = [
            threading.Thread(target=work, args=(session, pool, settings, time.time, stop, counter), daemon=True)
            for session, counter in zip(sessions, counters, strict=True)
        ]
        for session, thread in zip(sessions, threads, strict=True):
            session.start()
            thread.start()
        try:
            wait(lambda: all(session.connected for session in sessions), LONG_S, "ingest connects")
            time.sleep(0.1)  # the subscription is on its way
            yield counters
        finally:
            stop.set()
            for session, thread in zip(sessions, threads, strict=True):
                thread.join(20)
                session.stop()


@contextmanager
def _central_process(bed: Chain) -> Iterator[None]:
    """`central run --roles ingest` with this chain's database and broker."""
    broker = _broker_settings(bed)
    config = bed.folder / "central.toml"
    config.write_text(
        f'data_dir = "data"\n[database]\ndsn = "{bed.dsn}"\n[broker]\nhost = "{broker.host}"\nport = {broker.port}\n'
        f'username = "{broker.username}"\npassword_file = "{broker.password_file}"\n'
    )
    command = [sys.executable, "-m", "central", "--config", str(config), "run", "--roles", "ingest"]
    path = bed.folder / "central.log"
    with path.open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | {"MALLOC_ARENA_MAX": "2"})
    bed.ingest_pid = process.pid
    try:
        _wait_for_central(process, path)
        time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_central(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until every worker is connected; raises RuntimeError with the log's end when central ends or takes too long."""
    deadline = time.monotonic() + LONG_S
    while log.read_bytes().count(b"connected to broker") < IngestSettings().workers:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"central does not run: {log.read_text()[-2000:]}")
        time.sleep(0.02)


def _broker_settings(bed: Chain) -> BrokerSettings:
    password = bed.folder / "central-password"
    password.write_text(bed.broker.passwords[CENTRAL_USER])
    ca = bed.broker.tls / "ca.pem" if bed.broker.tls else None
    return BrokerSettings(host=bed.broker.host, port=bed.broker.port, username=CENTRAL_USER, password_file=password, ca_file=ca)


def _feed(box: Box, every_s: float, stop: threading.Event) -> None:
    while not stop.wait(every_s):
        if box.pid:
            box.append()

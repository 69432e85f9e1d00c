"""The test bed from outbox to table: a mosquitto, a PostgreSQL with fsync on, real ingest workers, gateways as processes, and the book.

One database server serves all scenarios of a process (started when the first one needs it, stopped at exit); each chain has a database of its own.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

from central.database import bring_up_to_date
from central.db.embedded import embedded
from central.db.pool import Connection, connect, open_pool
from central.ingest.worker import Counters, filters, work
from central.mqtt.session import Session
from central.settings import BrokerSettings, IngestSettings
from protocol.messages import Ack, decode_record
from protocol.topics import Down, down
from provisioning.rehearse.broker import CENTRAL_USER, BrokerFiles, find_mosquitto, write_broker_files
from tests.faults import campus
from tests.faults.book import Book

ROOT = Path(__file__).resolve().parents[2]
GATEWAYS = ("gw-1", "gw-2", "gw-3")
WAIT_S = 60.0
_TEMPLATE = "faults_template"


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
        self.boxes[gateway] = Box(self, gateway, **options)
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

    def drained(self, limit_s: float = WAIT_S) -> list[str]:
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
        wait(lambda: sum(one.messages for one in self.counters) >= messages, WAIT_S, f"{messages} messages are dealt with")

    def ledger(self) -> set[tuple[str, int, int]]:
        """(gateway, epoch, seq) of every batch central has."""
        with connect(self.dsn) as conn:
            return set(conn.execute("select gateway, epoch, seq from batch").fetchall())

    def scalar(self, query: str) -> Any:
        """The one value of a query."""
        with connect(self.dsn, autocommit=True) as conn:
            row = conn.execute(query).fetchone()  # type: ignore[call-overload]
        return row[0] if row else None

    def execute(self, *statements: str) -> None:
        """Run statements, each committed."""
        with connect(self.dsn, autocommit=True) as conn:
            for statement in statements:
                conn.execute(statement)  # type: ignore[call-overload]

    def kill_boxes(self) -> None:
        """End every gateway."""
        for box in self.boxes.values():
            box.kill()


class Broker:
    """A mosquitto on one port for as long as the chain lives."""

    def __init__(self, folder: Path, host: str, persistent: bool, tls: Path | None) -> None:
        self.host, self.port, self.tls = host, free_port(host), tls
        self.passwords = {user: secrets.token_hex(8) for user in (CENTRAL_USER, *GATEWAYS)}
        self.files = BrokerFiles(folder, folder / "store" if persistent else None)
        self._process: subprocess.Popen[bytes] | None = None
        write_broker_files(self.files, self.port, self.passwords, host)
        if tls is not None:
            with self.files.config.open("a", encoding="utf-8") as config:
                config.write(f"certfile {tls}/broker.pem\nkeyfile {tls}/broker.key\n")

    def start(self) -> None:
        """Start and wait until it listens."""
        binary = find_mosquitto()
        assert binary is not None
        with (self.files.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([binary, "-c", str(self.files.config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait(self._listens, 10, "mosquitto listens")

    def stop(self) -> None:
        """End it as an operator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def forget(self) -> None:
        """Delete what it has stored."""
        if self.files.persistence is not None:
            shutil.rmtree(self.files.persistence)
            self.files.persistence.mkdir(mode=0o700)

    def log(self) -> str:
        """Everything it has said."""
        return (self.files.folder / "log").read_text(encoding="utf-8", errors="replace")

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=20)
            self._process = None

    def _listens(self) -> bool:
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
        except OSError:
            return False
        return True


class Receipts:
    """Hears every receipt central gives, as any gateway would."""

    def __init__(self, bed: Chain) -> None:
        self._heard: list[tuple[str, Ack]] = []
        self._session = Session(_broker_settings(bed), f"receipts-{secrets.token_hex(3)}", [down("+", Down.ACK)], 1000)

    def __enter__(self) -> Receipts:
        self._session.start()
        wait(lambda: self._session.connected, WAIT_S, "the listener connects")
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


class Box:
    """A gateway's process. `port`: where it believes the broker is (a proxy's, else the broker's own); `prefix`: words before its command."""

    def __init__(
        self,
        bed: Chain,
        gateway: str,
        *,
        port: int | None = None,
        prefix: Sequence[str] = (),
        connect: bool = True,
        keepalive_s: int = 30,
        sender: dict[str, Any] | None = None,
    ) -> None:
        self.gateway, self.starts = gateway, 0
        self.ups: list[float] = []
        self.downs: list[float] = []
        self.documents: list[tuple[int, float]] = []
        self.append_s: list[float] = []
        self._bed, self._prefix, self._numbers = bed, prefix, count()
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._folder = bed.folder / gateway
        self._folder.mkdir()
        (self._folder / "password").write_text(bed.broker.passwords[gateway])
        self._options = {
            "folder": str(self._folder),
            "gateway": gateway,
            "host": bed.broker.host,
            "port": port or bed.broker.port,
            "password_file": str(self._folder / "password"),
            "ca_file": str(bed.broker.tls / "ca.pem") if bed.broker.tls else None,
            "connect": connect,
            "keepalive_s": keepalive_s,
            "sender": sender or {},
        }

    @property
    def pid(self) -> int:
        """Process id, 0 while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    @property
    def connected(self) -> bool:
        """Whether it said so last."""
        return len(self.ups) > len(self.downs)

    def start(self) -> None:
        """Start (again) on the same outbox; waits until it takes orders."""
        self.starts += 1
        command = [*self._prefix, sys.executable, "-m", "tests.faults.box", json.dumps(self._options)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1)
        self._answers = queue.SimpleQueue()
        threading.Thread(target=self._listen, args=(self._process, self._answers), daemon=True).start()
        if self._answers.get(timeout=WAIT_S) is None:
            raise RuntimeError(f"{self.gateway} does not start:\n{self.log()[-2000:]}")
        if self._options["connect"] and self.starts == 1:
            wait(lambda: self.connected, WAIT_S, f"{self.gateway} connects")

    def connect(self) -> None:
        """Start its uplink."""
        self._order(do="connect")

    def append(self) -> bool:
        """Store the next cycle and write it into the book; False when the gateway is dead or refuses."""
        number = next(self._numbers)
        self._bed.book.attempt(self.gateway, number)
        begun = time.monotonic()
        try:
            self._order(do="append", cycle=number)
            answer = self._answers.get(timeout=WAIT_S)
        except (OSError, ValueError):
            return False
        if answer is None or "stored" not in answer:
            return False
        self.append_s.append(time.monotonic() - begun)
        self._bed.book.accept(self.gateway, number, answer["epoch"], answer["seq"])
        return True

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            if self.connected:
                self.downs.append(time.monotonic())

    def log(self) -> str:
        """Everything it has logged."""
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def _order(self, **words: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")

    def _listen(self, process: subprocess.Popen[str], answers: queue.SimpleQueue[dict[str, Any] | None]) -> None:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                self._hear(json.loads(line), answers)
        except ValueError:  # killed within a line, or closed by `kill`
            pass
        answers.put(None)

    def _hear(self, said: dict[str, Any], answers: queue.SimpleQueue[dict[str, Any] | None]) -> None:
        if "up" in said:
            self.ups.append(said["up"])
        elif "down" in said:
            self.downs.append(said["down"])
        elif "document" in said:
            self.documents.append((said["version"], said["at"]))
        else:
            answers.put(said)


def wait(ready: Callable[[], object], limit_s: float, what: str) -> float:
    """Wait for what must come; returns the seconds it took. Raises TimeoutError."""
    begun = time.monotonic()
    while not ready():
        if time.monotonic() - begun > limit_s:
            raise TimeoutError(f"not within {limit_s:.0f} s: {what}")
        time.sleep(0.01)
    return time.monotonic() - begun


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody uses now."""
    with socket.create_server((host, 0)) as probe:
        return int(probe.getsockname()[1])


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
            wait(lambda: all(session.connected for session in sessions), WAIT_S, "ingest connects")
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
        wait(lambda: path.read_bytes().count(b"connected to broker") == IngestSettings().workers, WAIT_S, f"central runs: {path.read_text()}")
        time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _broker_settings(bed: Chain) -> BrokerSettings:
    password = bed.folder / "central-password"
    password.write_text(bed.broker.passwords[CENTRAL_USER])
    ca = bed.broker.tls / "ca.pem" if bed.broker.tls else None
    return BrokerSettings(host=bed.broker.host, port=bed.broker.port, username=CENTRAL_USER, password_file=password, ca_file=ca)


@contextmanager
def database() -> Iterator[str]:
    """DSN of a new database that knows the fault campus."""
    name = f"chain_{secrets.token_hex(4)}"
    with connect(server(), autocommit=True) as conn:
        conn.execute(f"create database {name} template {_TEMPLATE}")
    try:
        yield make_conninfo(server(), dbname=name)
    finally:
        with connect(server(), autocommit=True) as conn:
            conn.execute(f"drop database {name} with (force)")


@cache
def data_dir() -> Path:
    """Data directory of this process's database server. Its account must be able to pass the folders above."""
    folder = Path(tempfile.mkdtemp(prefix="ce-faults-"))
    folder.chmod(0o711)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder / "data"


@cache
def server() -> str:
    """DSN of this process's database server."""
    stack = ExitStack()
    dsn = stack.enter_context(embedded(data_dir()))
    atexit.register(stack.close)
    with connect(dsn, autocommit=True) as conn:
        conn.execute(f"create database {_TEMPLATE} template template0")
    template = make_conninfo(dsn, dbname=_TEMPLATE)
    bring_up_to_date(template)
    with connect(template, autocommit=True) as conn:
        _register(conn)
    return dsn


def _register(conn: Connection) -> None:
    conn.execute("insert into place values ('campus', null, 'campus', '校', 'Campus', 0)")
    for gateway in GATEWAYS:
        conn.execute("insert into gateway (code, place, name_zh, name_en, position) values (%s, 'campus', '网关', 'Gateway', 0)", [gateway])
        conn.execute("insert into line (gateway, code, settings, position) values (%s, 'l1', '{}', 0)", [gateway])
        conn.execute(
            "insert into device (code, profile, kind, address, place, gateway, line, name_zh, name_en, position) "
            "select %(g)s || '-m' || n, 'a/b', 'electricity_meter', n::text, 'campus', %(g)s, 'l1', 'm', 'm', n from generate_series(0, %(last)s) as n",
            {"g": gateway, "last": campus.DEVICES - 1},
        )


def _feed(box: Box, every_s: float, stop: threading.Event) -> None:
    while not stop.wait(every_s):
        if box.pid:
            box.append()

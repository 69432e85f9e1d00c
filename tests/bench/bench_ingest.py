"""How close ingest comes to what PostgreSQL can take at all.

Limit: binary COPY of pre-packed rows into the same table, one connection, fsync on. `stage`: the transaction of 50 batches of 200 readings (ledger,
COPY, cursor, notify, commit), prepared as the limit's rows are. `path`: 600 such batches published by another process over a real mosquitto to the
default number of workers in one process, until the last one is committed. `executemany`: the usual way to be exactly-once, INSERT ... ON CONFLICT DO
NOTHING by psycopg's executemany (which pipelines), 2,000 rows a transaction. Interleaved in random order with fresh rows each time; medians; table
filled with 400,000 rows before.
"""

from __future__ import annotations

import random
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from central.db.copy import copy_in
from central.db.embedded import embedded
from central.db.migrate import migrate
from central.db.pool import Connection, connect, open_pool
from central.ingest.pack import Rows, pack
from central.ingest.series import SeriesIds
from central.ingest.store import commit, prepare
from central.ingest.verify import verify
from central.ingest.worker import Counters, filters, work
from central.mqtt.session import Message, Session
from central.settings import BrokerSettings, IngestSettings
from protocol.messages import CRC_PROPERTY, BatchId, Columns, checksum, encode_readings
from protocol.reading import SeriesKey
from protocol.topics import Up, up
from provisioning.rehearse.broker import BrokerFiles, find_mosquitto, write_broker_files
from tests.bench.figure import Figure

_DEVICES, _QUANTITIES = 200, ("energy_active_forward", "voltage_a", "voltage_b", "voltage_c", "current_a", "current_b", "current_c", "power_active")
_PER_BATCH, _PER_GROUP, _PER_SMALL_GROUP, _PATH_BATCHES = 200, 50, 10, 600
_ROUNDS = 15
_GROUPS = 5  # commits a sample: one alone mostly measures the disk's mood
_START_MS = 1_700_000_000_000
_COPY = b"copy reading (series_id, measured_at, value, quality) from stdin (format binary)"
_INSERT = b"insert into reading (series_id, measured_at, value, quality) values (%s, to_timestamp(%s / 1000.0), %s, 0) on conflict do nothing"
_PUBLISHER = Path(__file__).with_name("publish_batches.py")


def run() -> list[Figure]:
    """Measure; one to two minutes."""
    with tempfile.TemporaryDirectory(prefix="ce-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with embedded(folder / "data") as dsn, connect(dsn, autocommit=True) as conn:
            migrate(conn)
            _register(conn)
            return _measure(dsn, conn, folder)


def _measure(dsn: str, conn: Connection, folder: Path) -> list[Figure]:
    keys = [SeriesKey(f"m{n}", quantity) for n in range(_DEVICES) for quantity in _QUANTITIES]
    series = SeriesIds()
    series.resolve(conn, [keys])
    minutes = iter(range(10_000_000))
    feed = _Feed(keys, minutes)
    for _ in range(40):
        _copy(conn, series, feed.group(_PER_GROUP))
    rates: dict[str, list[float]] = {"limit": [], "stage": [], "path": [], "executemany": []}
    with _path(dsn, folder, feed) as path:
        methods: dict[str, Callable[[], float]] = {
            "limit": lambda: _several(lambda: _copy(conn, series, feed.group(_PER_GROUP))),
            "stage": lambda: _several(lambda: _stage(conn, series, feed.group(_PER_GROUP))),
            "path": path,
            "executemany": lambda: _executemany(conn, series, feed.group(_PER_SMALL_GROUP)),
        }
        for number in range(_ROUNDS + 1):
            for method in random.sample(list(methods), len(methods)):
                rate = methods[method]()
                if number:  # the first round warms caches and prepared statements
                    rates[method].append(rate)
    medians = {method: statistics.median(values) for method, values in rates.items()}
    return [
        _figure("database stage", medians["stage"], medians["limit"], "≥ 0.93"),
        _figure("whole path", medians["path"], medians["limit"], "≥ 0.80"),
        Figure(
            "database stage beside executemany",
            f"{medians['stage']:,.0f} readings/s",
            f"{medians['executemany']:,.0f} rows/s",
            f"{medians['stage'] / medians['executemany']:.1f}",
            "≥ 10",
        ),
    ]


def _several(method: Callable[[], float]) -> float:
    """The rate over several commits of equal size: the harmonic mean of theirs."""
    return statistics.harmonic_mean([method() for _ in range(_GROUPS)])


def _figure(name: str, ours: float, limit: float, aim: str) -> Figure:
    return Figure(name, f"{ours:,.0f} readings/s", f"{limit:,.0f} rows/s bare COPY", f"{ours / limit:.2f}", aim)


class _Feed:
    """Batches nobody has seen: every one takes the next minute of 200 series."""

    def __init__(self, keys: list[SeriesKey], minutes: Iterator[int]) -> None:
        self._keys, self._minutes, self._seq = keys, minutes, 0

    def group(self, batches: int) -> list[tuple[BatchId, Columns]]:
        return [self._batch() for _ in range(batches)]

    def messages(self, batches: int) -> list[Message]:
        made = []
        for batch, columns in self.group(batches):
            payload = encode_readings(batch, columns)
            made.append(Message(up(batch.gateway, Up.DATA), payload, {CRC_PROPERTY: f"{checksum(payload):08x}"}))
        return made

    def _batch(self) -> tuple[BatchId, Columns]:
        self._seq += 1
        minute = next(self._minutes)
        first = (minute * _PER_BATCH) % len(self._keys)
        at_ms = _START_MS + minute // (len(self._keys) // _PER_BATCH) * 60_000
        values = [minute * 1000 + n for n in range(_PER_BATCH)]
        keys = tuple(self._keys[first : first + _PER_BATCH])
        return BatchId("gw-1", 1, 1, self._seq), Columns(keys, list(range(_PER_BATCH)), [at_ms] * _PER_BATCH, values, [0] * _PER_BATCH)


def _copy(conn: Connection, series: SeriesIds, group: list[tuple[BatchId, Columns]]) -> float:
    ids = np.concatenate([series.resolve(conn, [data.series])[0] for _, data in group]).astype(np.int64)
    times = np.array([at for _, data in group for at in data.measured_at_ms], np.int64)
    values = np.array([value for _, data in group for value in data.value], np.int64)
    packed = pack(Rows(ids, times, values, np.zeros(len(ids), np.int64)))
    started = time.perf_counter()
    with conn.transaction():
        copy_in(conn, _COPY, packed)
    return len(ids) / (time.perf_counter() - started)


def _executemany(conn: Connection, series: SeriesIds, group: list[tuple[BatchId, Columns]]) -> float:
    rows = [
        (series_id, at_ms, value)
        for _, data in group
        for series_id, at_ms, value in zip(series.resolve(conn, [data.series])[0], data.measured_at_ms, data.value, strict=True)
    ]
    started = time.perf_counter()
    with conn.transaction(), conn.cursor() as cursor:
        cursor.executemany(_INSERT, rows)
    return len(rows) / (time.perf_counter() - started)


def _stage(conn: Connection, series: SeriesIds, group: list[tuple[BatchId, Columns]]) -> float:
    messages = [Message(up(batch.gateway, Up.DATA), encode_readings(batch, data), {}) for batch, data in group]
    arrivals = [verify(message, _START_MS * 2) for message in messages]
    group_ready = prepare(conn, series, arrivals)
    started = time.perf_counter()
    stored = commit(conn, group_ready)
    seconds = time.perf_counter() - started
    assert stored.readings == _PER_GROUP * _PER_BATCH
    return stored.readings / seconds


@contextmanager
def _path(dsn: str, folder: Path, feed: _Feed) -> Iterator[Callable[[], float]]:
    """A broker, a publisher process and a worker; yields what sends some batches and waits until they are committed."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    passwords = {"central": secrets.token_hex(8), "gw-1": secrets.token_hex(8)}
    files = BrokerFiles(folder / "broker")
    write_broker_files(files, port, passwords)
    (folder / "password").write_text(passwords["central"])
    binary = find_mosquitto()
    assert binary, "the whole path needs a mosquitto"
    broker = subprocess.Popen([binary, "-c", str(files.config)], stderr=subprocess.DEVNULL)
    settings = BrokerSettings(port=port, username="central", password_file=folder / "password")
    stop = threading.Event()
    sessions = [Session(settings, f"bench-{n}", filters(), IngestSettings().window) for n in range(IngestSettings().workers)]
    counters = [Counters() for _ in sessions]
    publisher = subprocess.Popen([sys.executable, str(_PUBLISHER), str(port), passwords["gw-1"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with open_pool(dsn, max_size=4) as pool:
        workers = [
            threading.Thread(target=work, args=(session, pool, IngestSettings(), time.time, stop, counter))
            for session, counter in zip(sessions, counters, strict=True)
        ]
        for session, worker in zip(sessions, workers, strict=True):
            session.start()
            worker.start()
        try:
            _wait(lambda: all(session.connected for session in sessions))
            time.sleep(0.5)
            yield lambda: _send(publisher, counters, feed.messages(_PATH_BATCHES))
        finally:
            stop.set()
            for session, worker in zip(sessions, workers, strict=True):
                worker.join()
                session.stop()
            publisher.kill()
            publisher.communicate()
            broker.terminate()
            broker.wait()


def _send(publisher: subprocess.Popen[bytes], counters: list[Counters], messages: list[Message]) -> float:
    assert publisher.stdin
    assert publisher.stdout
    for message in messages:
        crc = message.properties[CRC_PROPERTY].encode()
        publisher.stdin.write(len(message.payload).to_bytes(4, "big") + crc + message.payload)
    publisher.stdin.write(bytes(4))
    publisher.stdin.flush()
    publisher.stdout.readline()  # it has them all
    target = sum(counter.readings for counter in counters) + len(messages) * _PER_BATCH
    started = time.perf_counter()
    publisher.stdin.write(b"go\n")
    publisher.stdin.flush()
    _wait(lambda: sum(counter.readings for counter in counters) >= target)
    seconds = time.perf_counter() - started
    return len(messages) * _PER_BATCH / seconds


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def _register(conn: Connection) -> None:
    conn.execute("insert into place values ('campus', null, 'campus', '校', 'Campus', 0)")
    conn.execute("insert into gateway (code, place, name_zh, name_en, position) values ('gw-1', 'campus', '网关', 'Gateway', 0)")
    conn.execute("insert into line (gateway, code, settings, position) values ('gw-1', 'l1', '{}', 0)")
    conn.execute(
        "insert into device (code, profile, kind, address, place, gateway, line, name_zh, name_en, position) "
        f"select 'm' || n, 'a/b', 'electricity_meter', n::text, 'campus', 'gw-1', 'l1', 'm', 'm', n from generate_series(0, {_DEVICES - 1}) as n"
    )


if __name__ == "__main__":
    for figure in run():
        print(figure)

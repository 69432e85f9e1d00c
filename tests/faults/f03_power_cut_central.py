"""Central's database loses power, or is killed, while ingest stores batches.

What is exercised: the embedded PostgreSQL with its shipped settings, and central's own store() with real messages; a batch counts as receipted when
store() has returned, which is when ingest would publish the receipt.
    kill    SIGKILL of the postmaster at random instants, restart on the same files: finds wrong receipts, not missing fsyncs
    cut     every change that any PostgreSQL process asks of the disk is recorded (as at the edge), the power is cut at random points of the
            record, and PostgreSQL itself must recover from what tests/faults/disk.py says is left; the same with fsync = off must be noticed
Not exercised: MQTT on the way (the chain scenarios have it), replicas, and PostgreSQL's own guarantees beyond the points tried.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psycopg

from central.database import bring_up_to_date
from central.db import embedded as cluster
from central.db.account import server_account
from central.db.pool import connect
from central.ingest.series import SeriesIds
from central.ingest.store import store
from central.ingest.verify import verify
from central.mqtt.session import Message
from protocol.messages import CRC_PROPERTY, BatchId, checksum, columns, encode_readings
from protocol.topics import Up, up
from tests.faults import campus, database
from tests.faults.disk import Cut, Disk, lay_out
from tests.faults.power_cut import memory_folder
from tests.faults.recorder import mark, read_log, recorded
from tests.faults.scenario import Outcome, Size

TITLE = "central's database killed, and its power cut"
NEEDS = ("linux", "cc")
_KILLS = {Size.SLICE: 2, Size.FULL: 30}
_CUTS = {Size.SLICE: 2, Size.FULL: 40}
_WEAK_CUTS = {Size.SLICE: 4, Size.FULL: 10}
_GROUPS = 40  # transactions in a record
_START_S = 60
_EPOCH = 1
_SITE = "fsync = {fsync}\nshared_buffers = 32MB\nmin_wal_size = 32MB\nmax_wal_size = 64MB\nsynchronous_commit = on\n"


@dataclass(slots=True)
class _Tally:
    receipted: int = 0
    checks: int = 0
    lost: int = 0
    wrong: int = 0
    bad_points: int = 0
    said: list[str] = field(default_factory=list)


def run(chance: Random, size: Size) -> Outcome:
    """Kill, then cut, then cut with fsync off."""
    kills, cuts, weak = _Tally(), _Tally(), _Tally()
    with memory_folder() as folder:
        folder.chmod(0o711)
        home = folder / "central"
        with cluster.embedded(home) as dsn:
            bring_up_to_date(dsn)
            with connect(dsn, autocommit=True) as conn:
                database.register(conn)
            _kill_often(home, dsn, chance, _KILLS[size], kills)
        _cut_often(home, folder, chance, _CUTS[size], cuts, first=100_000, fsync="on")
        _cut_often(home, folder, chance, _WEAK_CUTS[size], weak, first=200_000, fsync="off", until_found=size is Size.SLICE)
    failures = [*kills.said[:5], *cuts.said[:5]]
    if not weak.bad_points:
        failures.append(f"{weak.checks} power cuts with fsync = off and nothing was noticed: the harness is blind")
    notes = (
        f"{_KILLS[size]} kills, {kills.receipted} batches receipted among them",
        f"{cuts.checks} power cuts, fsync off: {weak.bad_points} of {weak.checks} cuts show it",
    )
    return Outcome(kills.receipted + cuts.receipted, kills.lost + cuts.lost, kills.wrong + cuts.wrong, 0, tuple(failures), notes)


# --- kill ------------------------------------------------------------------------------------------------------------------


def _kill_often(home: Path, dsn: str, chance: Random, kills: int, tally: _Tally) -> None:
    """`embedded` starts a killed server again, as it does for central."""
    receipted, stop = list[int](), threading.Event()
    writer = threading.Thread(target=_write, args=(dsn, receipted.append, stop), daemon=True)
    writer.start()
    try:
        for _ in range(kills):
            had, until = len(receipted), time.monotonic() + _START_S
            while len(receipted) == had and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.5))
            _kill(home)
    finally:
        stop.set()
        writer.join(_START_S)
    _await_server(dsn)
    _compare(dsn, receipted, "after the kills", tally)
    tally.receipted = len(receipted)


def _write(dsn: str, receipted: Callable[[int], object], stop: threading.Event) -> None:
    """Store groups of new batches until told to stop; a group that failed is offered again, as the gateways would."""
    number = 0
    while not stop.is_set():
        try:
            with connect(dsn) as conn:
                series = SeriesIds()
                while not stop.is_set():
                    store(conn, series, [verify(_message(one), campus.at(one) + 10**9) for one in range(number, number + 3)])
                    for one in range(number, number + 3):
                        receipted(one)
                    number += 3
        except psycopg.Error:
            time.sleep(0.05)


def _await_server(dsn: str) -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            connect(dsn).close()
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def _kill(home: Path) -> None:
    with suppress(ProcessLookupError, FileNotFoundError):
        os.kill(int((home / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)


# --- cut -------------------------------------------------------------------------------------------------------------------


def _cut_often(home: Path, folder: Path, chance: Random, cuts: int, tally: _Tally, *, first: int, fsync: str, until_found: bool = False) -> None:
    """Record one life of the server, then cut it at random points, in their order."""
    log, root = folder / "log", home / "postgres"
    log.touch()
    log.chmod(0o666)
    disk = Disk(root)
    with _recorded_server(home, log, fsync, disk) as dsn:
        _store_marked(dsn, log, chance, first)
    operations = list(read_log(log))
    begun = next(number for number, one in enumerate(operations) if one.op == "!")
    at = sorted(chance.randrange(begun, len(operations) + 1) for _ in range(cuts))
    receipted: list[int] = []
    for number in range(len(operations) + 1):
        for _ in range(at.count(number)):
            if not (until_found and tally.bad_points):
                _cut_here(disk, folder / "point", chance, receipted, tally, f"operation {number} of {len(operations)}")
        if number < len(operations):
            one = operations[number]
            if one.op == "!":
                receipted += json.loads(one.data)
            else:
                disk.apply(one)
    tally.receipted = len(receipted)
    log.unlink()


@contextmanager
def _recorded_server(home: Path, log: Path, fsync: str, disk: Disk) -> Iterator[str]:
    """The embedded server under the recorder; it ends by SIGKILL, and everything it ever asked for is in the record."""
    server = cluster.prepare(home)
    (server.data / "site.conf").write_text(_SITE.format(fsync=fsync))
    server.account.own(server.data / "site.conf", 0o600)
    with cluster.embedded(home):
        pass  # writes its configuration, recovers if it has to, and ends in order
    disk.adopt()
    words = [f"{name}={value}" for name, value in recorded({}, server.data, log).items()]
    start = [str(server.programs / "pg_ctl"), "start", "-D", str(server.data), "-w", "-t", str(_START_S), "-l", str(server.data / "start.log")]
    done = server.account.run(["env", *words, *start], timeout_s=_START_S + 10)
    if done.returncode:
        raise RuntimeError(f"PostgreSQL does not start under the recorder: {done.stdout[-300:]} {done.stderr[-300:]}")
    try:
        yield server.dsn
    finally:
        _kill(home)
        while cluster.running(server):
            time.sleep(0.05)


def _store_marked(dsn: str, log: Path, chance: Random, first: int) -> None:
    mark(log, "[]")
    number = first
    with connect(dsn) as conn:
        series = SeriesIds()
        for _ in range(_GROUPS):
            group = range(number, number + chance.randint(1, 8))
            store(conn, series, [verify(_message(one), campus.at(one) + 10**9) for one in group])
            mark(log, json.dumps(list(group)))
            number = group.stop
            if chance.random() < 0.1:
                with connect(dsn, autocommit=True) as other:
                    other.execute("checkpoint")


def _cut_here(disk: Disk, point: Path, chance: Random, receipted: list[int], tally: _Tally, place: str) -> None:
    cut = chance.choice((Cut.LOST, Cut.RANDOM, Cut.RANDOM, Cut.NAMES))
    point.mkdir()
    point.chmod(0o711)
    lay_out(disk.after_cut(chance, cut), point / "postgres")
    _hand_over(point / "postgres")
    had = len(tally.said)
    try:
        with cluster.embedded(point) as dsn:
            _compare(dsn, receipted, f"{place}, {cut}", tally)
    except Exception as error:  # noqa: BLE001 - a server that does not come up has lost everything
        tally.lost += len(receipted)
        tally.said.append(f"{place}, {cut}: {type(error).__name__}: {str(error)[-300:]}")
    tally.bad_points += len(tally.said) > had
    tally.checks += 1
    shutil.rmtree(point)


def _hand_over(data: Path) -> None:
    account = server_account()
    (data / "postmaster.pid").unlink(missing_ok=True)
    for path in (data, *data.rglob("*")):
        account.own(path, 0o700 if path.is_dir() else 0o600)


# --- what is there ---------------------------------------------------------------------------------------------------------


def _message(number: int) -> Message:
    batch = BatchId("gw-1", 1, _EPOCH, number + 1)
    payload = encode_readings(batch, columns(campus.cycle("gw-1", number)))
    return Message(up("gw-1", Up.DATA), payload, {CRC_PROPERTY: f"{checksum(payload):08x}"})


def _compare(dsn: str, receipted: list[int], when: str, tally: _Tally) -> None:
    """Every receipted batch stands in the ledger and all its readings in the table, with their values."""
    with connect(dsn, autocommit=True) as conn:
        ledger = {seq for (seq,) in conn.execute("select seq from batch where gateway = 'gw-1'").fetchall()}
        query = "select device, quantity, (extract(epoch from measured_at) * 1000)::bigint, value from reading join series on id = series_id"
        there = conn.execute(query).fetchall()
    counts: dict[int, int] = {}
    for device, quantity, at_ms, found in there:
        cycle = (at_ms - campus.START_MS) // campus.CYCLE_MS
        counts[cycle] = counts.get(cycle, 0) + 1
        tally.wrong += found != campus.value(device, quantity, at_ms)
    gone = [one for one in receipted if one + 1 not in ledger or counts.get(one) != campus.PER_CYCLE]
    tally.lost += len(gone)
    if gone:
        tally.said.append(f"{when}: {len(gone)} of {len(receipted)} receipted batches are missing or not whole")

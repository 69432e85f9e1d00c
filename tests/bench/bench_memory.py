"""What a gigabyte of backlog costs an agent: memory, and the time from a start (or a kill) to the first durable commit.

The real agent as a process of its own, without lines, storing 200 readings ten times a second; connected to a mosquitto whose only subscriber never
sends a receipt, so its window is full and its backlog grows. Beside it the same with an empty outbox at the start. Backlog: a gigabyte of batches of
about 1 KB, written by SQL, each with its own identity and checksum. Memory: VmRSS, median of 10 looks a second apart, after 5 s. Start: from exec to
the return of the first append, Python's start and imports included; "killed": the process before was ended by SIGKILL in the middle of its appends.
Empty and full take turns, in random order.
"""

from __future__ import annotations

import random
import re
import secrets
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import orjson
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.buffer import database
from edge_agent.buffer.batches import Limits
from edge_agent.buffer.outbox import Outbox
from protocol.messages import BatchId, checksum, columns, encode_readings
from protocol.topics import PREFIX
from provisioning.rehearse.broker import BrokerFiles, find_mosquitto, write_broker_files
from tests.bench.figure import Figure
from tests.bench.fleet.meters import Meters

_BACKLOG_BYTES = 1 << 30
_STARTS, _LOOKS, _SETTLE_S = 5, 10, 5.0
_GATEWAY, _START_MS = "gw-1", 1_760_000_000_000


def run() -> list[Figure]:
    """Measure; two to three minutes and 1.1 GB of disk."""
    with tempfile.TemporaryDirectory(prefix="ce-") as name, _broker(Path(name)) as (port, password):
        folders = {kind: _state(Path(name) / kind, port, password) for kind in ("empty", "full")}
        batches = _fill(folders["full"])
        rss: dict[str, float] = {}
        starts: dict[str, list[float]] = {"empty": [], "full": []}
        for kind in random.sample(list(folders), 2):
            with _agent(folders[kind]) as process:
                _first_commit_s(process)
                time.sleep(_SETTLE_S)
                rss[kind] = statistics.median(_rss_mib(process) for _ in range(_LOOKS))
        for _ in range(_STARTS):
            for kind in random.sample(list(folders), 2):
                with _agent(folders[kind]) as process:
                    starts[kind].append(_first_commit_s(process))
                    time.sleep(random.uniform(0.1, 0.5))  # killed somewhere among its appends
        backlog_ms = {kind: _backlog_ms(folder) for kind, folder in folders.items()}
    size = f"{_BACKLOG_BYTES >> 20} MiB in {batches:,} batches"
    return [
        Figure(
            f"resident memory, backlog {size}",
            f"{rss['full']:.1f} MiB",
            f"{rss['empty']:.1f} MiB empty",
            f"{rss['full'] / rss['empty']:.2f}",
            "≤ 1.1",
        ),
        _start_figure("start to first commit after kill -9, median", statistics.median, starts),
        _start_figure("start to first commit after kill -9, worst", max, starts),
        Figure("counting the backlog", f"{backlog_ms['full']:.2f} ms", f"{backlog_ms['empty']:.2f} ms empty", "–", "as with nothing"),
    ]


def _start_figure(name: str, pick, starts: dict[str, list[float]]) -> Figure:  # type: ignore[no-untyped-def]
    full, empty = pick(starts["full"]), pick(starts["empty"])
    return Figure(name, f"{full:.2f} s", f"{empty:.2f} s empty", f"{full / empty:.2f}", "≤ 2 s")


def _state(folder: Path, port: int, password: str) -> Path:
    folder.mkdir()
    (folder / "password").write_text(password, encoding="utf-8")
    (folder / "agent.toml").write_text(
        f'gateway = "{_GATEWAY}"\nstate_dir = "state"\n[uplink]\nhost = "127.0.0.1"\nport = {port}\nusername = "{_GATEWAY}"\n'
        'password_file = "password"\nreconnect_min_s = 0.05\n[buffer]\nquota_mib = 4096\n[log]\nlevel = "ERROR"\n',
        encoding="utf-8",
    )
    return folder


def _fill(folder: Path) -> int:
    """Write the backlog; returns its number of batches."""
    outbox = Outbox(folder / "state", _GATEWAY, 1, Limits(), now_ms=lambda: _START_MS)
    epoch = outbox.epoch
    outbox.close()
    head, tail = _template(epoch)
    with closing(sqlite3.connect(folder / "state" / database.FILE_NAME, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("BEGIN")
        number = _BACKLOG_BYTES // (len(head) + len(tail) + 60)
        db.executemany("INSERT INTO batch VALUES (?, 'readings', ?, 100, ?, ?)", _rows(number, head, tail))
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return number


def _rows(number: int, head: bytes, tail: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    for seq in range(1, number + 1):
        payload = zlib.compress(b"%s%d%s" % (head, seq, tail), 0)  # not packed, so that a million of them take seconds
        yield 1 << database.EPOCH_SHIFT | seq, _START_MS, checksum(payload), payload


def _template(epoch: int) -> tuple[bytes, bytes]:
    """An envelope of about 1 KB, cut at its seq."""
    readings = [reading for message in Meters([f"m{n:05}" for n in range(7)], seed=1).poll(_START_MS) for reading in message]
    raw = zlib.decompress(encode_readings(BatchId(_GATEWAY, 1, epoch, 1_000_000), columns(readings)))
    head, _, tail = raw.partition(b"1000000")
    assert orjson.loads(head + b"7" + tail)["seq"] == 7
    return head, tail


# --- processes ---------------------------------------------------------------------------------------------------------


@contextmanager
def _agent(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The agent on this state; killed at the end."""
    command = [sys.executable, "-m", "tests.bench.fleet.lone_agent", str(folder / "agent.toml")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _first_commit_s(process: subprocess.Popen[str]) -> float:
    assert process.stdout
    word, _, seconds = process.stdout.readline().partition(" ")
    if word != "committed":
        raise RuntimeError("the agent did not start; run tests.bench.fleet.lone_agent by hand to see why")
    return float(seconds)


def _rss_mib(process: subprocess.Popen[str]) -> float:
    time.sleep(1)
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text(encoding="ascii"))
    assert found
    return int(found[1]) / 1024


def _backlog_ms(folder: Path) -> float:
    outbox = Outbox(folder / "state", _GATEWAY, 1, Limits(quota_bytes=4 << 30), now_ms=lambda: _START_MS)
    took = []
    for _ in range(20):
        started = time.perf_counter()
        outbox.backlog()
        took.append(time.perf_counter() - started)
    outbox.close()
    return statistics.median(took) * 1000


@contextmanager
def _broker(folder: Path) -> Iterator[tuple[int, str]]:
    """A mosquitto with a subscriber that takes everything and says nothing; yields port and the gateway's password."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    passwords = {"central": secrets.token_hex(8), _GATEWAY: secrets.token_hex(8)}
    files = BrokerFiles(folder / "broker")
    write_broker_files(files, port, passwords)
    binary = find_mosquitto()
    assert binary, "this needs a mosquitto"
    broker = subprocess.Popen([binary, "-c", str(files.config)], stderr=subprocess.DEVNULL)
    listener = paho.Client(CallbackAPIVersion.VERSION2, client_id="silent", protocol=paho.MQTTv5)
    listener.username_pw_set("central", passwords["central"])
    listener.on_connect = lambda client, *_: client.subscribe(f"{PREFIX}/+/up/#", qos=1)
    try:
        _connect(listener, port)
        yield port, passwords[_GATEWAY]
    finally:
        listener.disconnect()
        listener.loop_stop()
        broker.terminate()
        broker.wait()


def _connect(client: paho.Client, port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            client.connect("127.0.0.1", port)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            client.loop_start()
            return


if __name__ == "__main__":
    for figure in run():
        print(figure)

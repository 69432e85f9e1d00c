"""The ground a fleet stands on: a database with its registry, a broker, ingest processes, and the process that plays the gateways."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from central.db.embedded import embedded
from central.db.migrate import migrate
from central.db.pool import Connection, connect
from provisioning.rehearse.broker import BrokerFiles, find_mosquitto, write_broker_files

_ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a load needs to know. `passwords`: broker account -> password; `central` is the trusted one."""

    folder: Path
    dsn: str
    conn: Connection
    port: int
    passwords: dict[str, str]

    @property
    def password_file(self) -> Path:
        """The trusted account's password."""
        return self.folder / "password"


@contextmanager
def ground(accounts: Sequence[str] = ()) -> Iterator[Ground]:
    """A migrated empty database and a broker with these gateways' accounts; all gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ce-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        passwords = {user: secrets.token_hex(8) for user in ("central", *accounts)}
        (folder / "password").write_text(passwords["central"], encoding="utf-8")
        with embedded(folder / "data") as dsn, connect(dsn, autocommit=True) as conn, _broker(folder / "broker", passwords) as port:
            migrate(conn)
            conn.execute("insert into place values ('campus', null, 'campus', '校', 'Campus', 0)")
            yield Ground(folder, dsn, conn, port, passwords)


def register(conn: Connection, prefix: str, gateways: int, meters: int) -> float:
    """Enter gateways `prefix`0.. with their meters into the registry; returns the seconds it took."""
    started = time.perf_counter()
    conn.execute(
        "insert into gateway (code, place, name_zh, name_en, position) "
        "select %s || n, 'campus', '网关', 'Gateway', n from generate_series(0, %s - 1) as n",
        [prefix, gateways],
    )
    conn.execute(
        "insert into line (gateway, code, settings, position) select %s || n, 'l1', '{}', 0 from generate_series(0, %s - 1) as n", [prefix, gateways]
    )
    conn.execute(
        "insert into device (code, profile, kind, address, place, gateway, line, name_zh, name_en, position) "
        "select g || '-m' || m, 'a/b', 'electricity_meter', m::text, 'campus', g, 'l1', 'm', 'm', m "
        "from (select %s || n as g from generate_series(0, %s - 1) as n) as gateways, generate_series(0, %s - 1) as m",
        [prefix, gateways, meters],
    )
    conn.execute("analyze gateway, device, line")
    return time.perf_counter() - started


def holdings(conn: Connection) -> dict[str, list[int]]:
    """What the table holds: gateway -> [readings, sum of values]."""
    rows = conn.execute(
        "select d.gateway, count(*), sum(r.value)::bigint from reading as r join series as s on s.id = r.series_id "
        "join device as d on d.code = s.device group by 1"
    )
    return {gateway: [readings, total] for gateway, readings, total in rows}


class Ingest:
    """One `central run --roles ingest` process."""

    def __init__(self, here: Ground, number: int, workers: int) -> None:
        config = here.folder / f"central-{number}.toml"
        config.write_text(
            f'data_dir = "central-{number}"\n[database]\ndsn = "{here.dsn}"\n[broker]\nport = {here.port}\nusername = "central"\n'
            f'password_file = "{here.password_file}"\n[ingest]\nworkers = {workers}\n',
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "central", "--config", str(config), "run", "--roles", "ingest"]
        self._process = subprocess.Popen(command, cwd=_ROOT, stderr=(here.folder / f"central-{number}.log").open("w"))

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    @property
    def rss_mib(self) -> float:
        """Resident memory now."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii"))
        return int(found[1]) / 1024 if found else 0.0

    @property
    def cpu_s(self) -> float:
        """CPU time it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it as a service manager would."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def ingest(here: Ground, processes: int, workers: int) -> Iterator[list[Ingest]]:
    """Ingest processes that have subscribed."""
    running = [Ingest(here, number, workers) for number in range(processes)]
    try:
        deadline = time.monotonic() + 60
        sessions = processes * (workers + 1)  # each process has one for backlog beside the live ones
        while sum((here.folder / f"central-{n}.log").read_text(encoding="utf-8").count("connected to broker") for n in range(processes)) < sessions:
            if time.monotonic() > deadline or any(one.ended for one in running):
                raise RuntimeError(f"ingest did not connect: {(here.folder / 'central-0.log').read_text(encoding='utf-8')[-2000:]}")
            time.sleep(0.05)
        time.sleep(0.5)
        yield running
    finally:
        for one in running:
            one.stop()


class Fleet:
    """The process that plays gateways; see `gateways`."""

    def __init__(self, here: Ground, name: str) -> None:
        command = [sys.executable, "-m", "tests.bench.fleet.gateways", str(here.port), str(here.password_file), name]
        self._process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def order(self, do: str, **order: Any) -> Any:
        """Have something done; returns its answer."""
        self.begin(do, **order)
        return self.answer()

    def begin(self, do: str, **order: Any) -> None:
        """Have something done; `answer` returns what came of it."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """The answer to the order before."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the fleet's process ended")
        return json.loads(line)

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def fleet(here: Ground, name: str) -> Iterator[Fleet]:
    """A fleet's process."""
    one = Fleet(here, name)
    with ExitStack() as stack:
        stack.callback(one.stop)
        yield one


@contextmanager
def _broker(folder: Path, passwords: dict[str, str]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    files = BrokerFiles(folder)
    write_broker_files(files, port, passwords)
    binary = find_mosquitto()
    assert binary, "this needs a mosquitto"
    process = subprocess.Popen([binary, "-c", str(files.config)], stderr=subprocess.DEVNULL)
    try:
        _await_listener(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _await_listener(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return

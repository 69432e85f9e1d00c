"""What every tier shares: a real mosquitto on a loopback port, with the same files a rehearsal gives its broker."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

import pytest

from provisioning.rehearse.broker import BrokerFiles, find_mosquitto, write_broker_files

_START_S = 10.0


@dataclass
class Broker:
    """A running mosquitto. `passwords`: user -> password; user `central` may do everything, every other user is a gateway of that id."""

    binary: str
    files: BrokerFiles
    host: str
    port: int
    passwords: dict[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start (again) on the same port and wait until it accepts connections."""
        log = (self.files.folder / "log").open("ab")
        with log:
            self.process = subprocess.Popen([self.binary, "-c", str(self.files.config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        _wait_for_port(self)

    def stop(self) -> None:
        """End it as an operator would (SIGTERM); it writes its persistence file."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=10)
            self.process = None

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None

    def restart(self) -> None:
        """Stop and start on the same port."""
        self.stop()
        self.start()

    def log(self) -> str:
        """Everything the broker has said."""
        return (self.files.folder / "log").read_text(encoding="utf-8", errors="replace")


StartBroker = Callable[..., Broker]


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartBroker]:
    """`mosquitto(users=("central", "gw-1", ...), persistent=False) -> Broker`, started. All brokers end with the session."""
    binary = find_mosquitto()
    if binary is None:
        _cannot_run("no mosquitto on this machine: run 'make test', which fetches one, or install the package 'mosquitto'")
    started: list[Broker] = []

    def start(users: tuple[str, ...] = ("central", "gw-1", "gw-2"), persistent: bool = False) -> Broker:
        folder = tmp_path_factory.mktemp("mosquitto")
        files = BrokerFiles(folder, folder / "data" if persistent else None)
        broker = Broker(binary, files, "127.0.0.1", _free_port(), {user: secrets.token_urlsafe(12) for user in users})
        write_broker_files(files, broker.port, broker.passwords)
        started.append(broker)
        broker.start()
        return broker

    yield start
    for broker in started:
        broker.kill()


def _cannot_run(reason: str) -> NoReturn:
    """Skip with a reason; fail where continuous integration must not pass by skipping."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait_for_port(broker: Broker) -> None:
    assert broker.process is not None
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if broker.process.poll() is not None:
            pytest.fail(f"mosquitto ended with {broker.process.returncode}:\n{broker.log()}")
        try:
            with socket.create_connection((broker.host, broker.port), timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    pytest.fail(f"mosquitto does not listen on {broker.port} after {_START_S} s:\n{broker.log()}")

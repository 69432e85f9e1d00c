"""Programs under measurement: central's web role as a process of its own, and what any server's process tells of itself."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from central.db.pool import connect
from central.identity.accounts import add_account
from central.identity.permissions import Role

_PASSWORD = "seven green kettles"
_START_S = 90.0


@dataclass(frozen=True, slots=True)
class Server:
    """A program that answers at `url`."""

    url: str
    process: subprocess.Popen[bytes]

    def rss_mib(self) -> float:
        """Memory of the process (VmRSS), MiB."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii"))
        return int(found[1]) / 1024 if found else 0.0

    def cpu_s(self) -> float:
        """Processor time it has used, seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(command: Sequence[str], environment: Mapping[str, str], port: int, ready: str = "/") -> Iterator[Server]:
    """Run a program until it answers `ready`; ends it afterwards. Its output is shown only when it does not start."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
        try:
            server = Server(f"http://127.0.0.1:{port}", process)
            if not _answers(server, ready):
                log.seek(0)
                raise RuntimeError(f"{command[0]} did not answer within {_START_S:.0f} s: {log.read()[-2000:].decode(errors='replace')}")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(server: Server, ready: str) -> bool:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if httpx.get(server.url + ready, timeout=30).status_code < 500:
                return True
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    return False


@contextmanager
def web_role(dsn: str) -> Iterator[Server]:
    """`central run --roles web` with its settings as shipped, but for the database and the port."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ce-") as data:
        config = Path(data) / "central.toml"
        config.write_text("", encoding="utf-8")
        environment = {"CE_CENTRAL_DATABASE_DSN": dsn, "CE_CENTRAL_WEB_PORT": f"{port}", "CE_CENTRAL_DATA_DIR": data}
        command = [sys.executable, "-m", "central", "--config", str(config), "--log-level", "warning", "run", "--roles", "web"]
        with served(command, environment, port, "/login") as server:
            yield server


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def sign_in(dsn: str, server: Server, name: str) -> str:
    """Make the administrator `name` if there is none, and post the login form; returns the session cookie."""
    with connect(dsn) as conn:
        if not conn.execute("select 1 from account where name = %s", [name]).fetchone():
            add_account(conn, name, _PASSWORD, Role.ADMIN, time.time())
    with httpx.Client(base_url=server.url, timeout=30) as client:
        found = re.search(r'name="csrf" (?:value|content)="([0-9a-f]+)"', client.get("/login").text)
        answer = client.post("/login", data={"csrf": found[1] if found else "", "name": name, "password": _PASSWORD})
        if "ce_session" not in client.cookies:
            raise RuntimeError(f"cannot sign in as {name}: {answer.status_code}")
        return client.cookies["ce_session"]

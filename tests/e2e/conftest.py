"""One running demo for all end-to-end tests: started as a user starts it, stopped with SIGTERM, and nothing may stay behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from ctypes.util import find_library
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from provisioning.rehearse.broker import find_mosquitto

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "provisioning" / "sites" / "demo.yaml"
START_S, STOP_S = 240.0, 90.0
_BROWSER = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


class Demo:
    """`provision rehearse` in a folder of its own. `ready`: the event it prints when live values have arrived."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.lines: list[str] = []
        self.ready: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Where the console is served."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait for the ready event."""
        command = [
            sys.executable,
            "-m",
            "provisioning",
            "rehearse",
            "--site",
            str(SITE),
            "--data",
            str(self.folder),
            "--port",
            str(self.port),
            "--unattended",
            "--reports-every",
            "15",
        ]
        self.lines.clear()
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        self.ready = self.wait_for_event("ready", START_S)

    def stop(self) -> int:
        """Stop as Ctrl-C would; return the exit status."""
        assert self._process is not None
        assert self._reader is not None
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(timeout=STOP_S)
        self._reader.join(timeout=10)
        return status

    def kill(self) -> None:
        """End the supervisor without any warning."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=10)

    def api(self, path: str) -> Any:
        """A JSON answer of central's API."""
        token = (self.folder / "secrets" / "api-token").read_text(encoding="utf-8").strip()
        answer = httpx.get(self.address + path, headers={"Authorization": f"Bearer {token}"}, timeout=10, trust_env=False)
        return answer.raise_for_status().json()

    def pids(self, words: str = "") -> list[int]:
        """Processes of this demo whose command line has `words` (every process of it names the folder)."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.folder) in line and words in line and int(entry.parent.name) != os.getpid():
                found.append(int(entry.parent.name))
        return found

    def wait_for_event(self, name: str, limit_s: float) -> dict[str, Any]:
        """The next JSON line of that event; fails when the demo ends before it."""

        def look() -> dict[str, Any] | None:
            events = [json.loads(line) for line in self.lines if line.startswith("{")]
            found = next((event for event in events if event["event"] == name), None)
            if found is None and self._process is not None and self._process.poll() is not None:
                pytest.fail("the demo ended:\n" + "".join(self.lines))
            return found

        return until(look, limit_s, lambda: "".join(self.lines) + self._log_tails())

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                sys.stdout.write(line)
                self.lines.append(line)

    def _log_tails(self) -> str:
        logs = sorted((self.folder / "logs").glob("*.log"))
        return "".join(f"\n--- {log.name}\n{log.read_text(encoding='utf-8', errors='replace')[-2000:]}" for log in logs)


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """The demo, running. Its folder is open to other users, because a database server may run as one."""
    if find_mosquitto() is None:
        _cannot_run("no mosquitto on this machine: run 'make test', which fetches one, or install the package 'mosquitto'")
    folder = Path(tempfile.mkdtemp(prefix="demo-"))
    folder.chmod(0o755)
    running = Demo(folder)
    try:
        running.start()
        yield running
        status = running.stop()
        assert status == 0, "".join(running.lines[-20:])
        assert running.pids() == [], "processes stayed behind"
    finally:
        for pid in running.pids():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests: playwright can be started only once at a time in a process."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        _cannot_run("no chromium on this machine: install the package 'chromium', or run 'make test' as root")
    if find_library("atomic") is None:
        _cannot_run("playwright's node needs a library this machine lacks: install the package 'libatomic1', or run 'make test' as root")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_BROWSER)
        yield browser
        browser.close()


def until(look: Callable[[], Any], limit_s: float, explain: Callable[[], str] = str) -> Any:
    """The first true result of `look` within the limit; fails with `explain()` otherwise."""
    deadline = time.monotonic() + limit_s
    while True:
        result = look()
        if result:
            return result
        if time.monotonic() > deadline:
            pytest.fail(f"not within {limit_s:.0f} s\n{explain()}")
        time.sleep(0.2)


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., Any]:
    """`until`, for tests."""
    return until


def _cannot_run(reason: str) -> NoReturn:
    """Skip with a reason; fail where continuous integration must not pass by skipping."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])

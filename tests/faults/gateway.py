"""The handle of a gateway's process (`tests.faults.box`): orders to it, what it says, and the book of what it accepted."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests.faults.book import Book
from tests.faults.broker import Broker
from tests.faults.wait import LONG_S, wait

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Place:
    """Where gateways live: a folder for theirs, the broker they know, the book they are written into."""

    folder: Path
    broker: Broker
    book: Book


class Box:
    """A gateway's process. `port`: where it believes the broker is (a proxy's, else the broker's own); `prefix`: words before its command."""

    def __init__(
        self,
        place: Place,
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
        self._place, self._prefix, self._numbers = place, prefix, count()
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._folder = place.folder / gateway
        self._folder.mkdir()
        (self._folder / "password").write_text(place.broker.passwords[gateway])
        self._options = {
            "folder": str(self._folder),
            "gateway": gateway,
            "host": place.broker.host,
            "port": port or place.broker.port,
            "password_file": str(self._folder / "password"),
            "ca_file": str(place.broker.tls / "ca.pem") if place.broker.tls else None,
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
        if self._answers.get(timeout=LONG_S) is None:
            raise RuntimeError(f"{self.gateway} does not start:\n{self.log()[-2000:]}")
        if self._options["connect"] and self.starts == 1:
            wait(lambda: self.connected, LONG_S, f"{self.gateway} connects")

    def connect(self) -> None:
        """Start its uplink."""
        self._order(do="connect")

    def append(self) -> bool:
        """Store the next cycle and write it into the book; False when the gateway is dead or refuses."""
        number = next(self._numbers)
        self._place.book.attempt(self.gateway, number)
        begun = time.monotonic()
        try:
            self._order(do="append", cycle=number)
            answer = self._answers.get(timeout=LONG_S)
        except (OSError, ValueError):
            return False
        if answer is None or "stored" not in answer:
            return False
        self.append_s.append(time.monotonic() - begun)
        self._place.book.accept(self.gateway, number, answer["epoch"], answer["seq"])
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

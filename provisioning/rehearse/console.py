"""What a person reads while a rehearsal runs: one line a step, with the seconds since the start; JSON lines for scripts on request."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TextIO


class Console:
    """Writes progress to a stream at once. `unattended` adds one JSON object a line for each event."""

    def __init__(self, stream: TextIO, unattended: bool = False, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._unattended = unattended
        self._now = now
        self._started_at = now()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return self._now() - self._started_at

    def step(self, name: str, text: str) -> None:
        """Say that a step is done."""
        self._write(f"[{self.seconds:6.1f} s] {name:<10} {text}")

    def note(self, text: str) -> None:
        """Say something that happened by itself."""
        self._write(f"[{self.seconds:6.1f} s] {text}")

    def block(self, lines: list[str]) -> None:
        """Say what a person must not miss."""
        self._write("\n".join(["", *(f"  {line}" for line in lines), ""]))

    def event(self, name: str, **facts: object) -> None:
        """Tell a script."""
        if self._unattended:
            self._write(json.dumps({"event": name, "seconds": round(self.seconds, 2), **facts}, ensure_ascii=False))

    def _write(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()

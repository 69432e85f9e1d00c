"""One supervised process: started in its own group, restarted with back-off when it dies, stopped with a grace period, its log capped.

Nothing here waits for long: the supervisor calls `tend` every fraction of a second.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_BACK_OFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # the last one repeats; a rehearsal never gives up on a program
_STEADY_S = 30.0  # a program that ran this long starts its back-off anew
_MAX_LOG_BYTES = 4 * 2**20  # per program; one older piece of the same size is kept beside it
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `stop_signal` asks it to end; after `grace_s` its whole group is killed."""

    name: str
    command: tuple[str, ...]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    grace_s: float = 10.0
    stop_signal: signal.Signals = signal.SIGTERM
    keep_open: tuple[int, ...] = ()  # descriptors the process inherits


class Child:
    """A program and its current process. `say` gets one line for each death."""

    def __init__(self, program: Program, say: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self.program = program
        self.restarts = 0
        self._say = say
        self._now = now
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._due_at: float | None = None
        self._failures = 0

    @property
    def pid(self) -> int | None:
        """Process id, or None while it is not running."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start the program; raises OSError if it cannot be executed."""
        self.program.log.parent.mkdir(parents=True, exist_ok=True)
        with self.program.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.program.command,
                env={**os.environ, **self.program.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=self.program.keep_open,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509  the supervisor has one thread
            )
        self._started_at, self._due_at = self._now(), None

    def tend(self) -> bool:
        """Cap the log; notice a death and start again when its back-off is over. Return True while the process runs."""
        _cap(self.program.log)
        if self.pid is not None:
            return True
        if self._due_at is None:
            self._note_death()
        elif self._now() >= self._due_at:
            self.restarts += 1
            self.start()
        return False

    def ask_to_stop(self) -> None:
        """Send the stop signal; `finish` waits for the end."""
        self._due_at = float("inf")
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self.program.stop_signal)

    def finish(self) -> bool:
        """Wait for the end, then make sure nothing of its group is left. Return False if it had to be killed."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout=self.program.grace_s)
            willing = True
        except subprocess.TimeoutExpired:
            willing = False
        _kill_group(self._process.pid)
        self._process.wait()
        return willing

    def tail(self, lines: int = 12) -> str:
        """The last lines of its log, for an error message."""
        try:
            text = self.program.log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(f"  | {line}" for line in text.splitlines()[-lines:])

    def _note_death(self) -> None:
        now = self._now()
        if now - self._started_at >= _STEADY_S:
            self._failures = 0
        wait_s = _BACK_OFF_S[min(self._failures, len(_BACK_OFF_S) - 1)]
        self._failures += 1
        self._due_at = now + wait_s
        self._say(f"{self.program.name} {_how_it_ended(self._process)}; starting again in {wait_s:g} s (log: {self.program.log})")


def adopt_orphans() -> None:
    """From now on the orphans of our children become ours (Linux), so that `end_orphans` finds them."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(known: Collection[int]) -> None:
    """Take note of adopted processes that ended, so that none stays as a zombie. `known`: processes somebody else waits for."""
    for pid in _children(os.getpid()):
        if pid not in known:
            _reaped(pid)


def end_orphans(grace_s: float = 10.0, now: Callable[[], float] = time.monotonic) -> int:
    """End every process still below us, first asking, then killing. Return how many there were."""
    orphans = [pid for pid in _children(os.getpid()) if not _reaped(pid)]
    count = len(orphans)
    for which in (signal.SIGINT, signal.SIGKILL):  # SIGINT makes PostgreSQL roll back, write a checkpoint and end
        for pid in orphans:
            _signal(pid, which)
        deadline = now() + grace_s
        while orphans and now() < deadline:
            time.sleep(0.05)
            orphans = [pid for pid in orphans if not _reaped(pid)]
    return count


def _die_with(parent: int) -> Callable[[], None] | None:
    """What a new process does before it becomes the program: ask the kernel for SIGTERM when the supervisor dies, however that happens."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def _cap(log: Path) -> None:
    """Keep one old piece and empty the log; the program writes on (its file is open for appending)."""
    try:
        if log.stat().st_size > _MAX_LOG_BYTES:
            shutil.copyfile(log, log.with_name(log.name + ".1"))
            os.truncate(log, 0)
    except FileNotFoundError:
        return


def _how_it_ended(process: subprocess.Popen[bytes] | None) -> str:
    code = process.returncode if process is not None else None
    if code is None:
        return "did not start"
    return f"ended with {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _signal(pid: int, which: signal.Signals) -> None:
    try:
        os.kill(pid, which)
    except ProcessLookupError:
        return


def _children(parent: int) -> list[int]:
    """Direct children, zombies included; empty where there is no /proc."""
    listed = Path(f"/proc/{parent}/task/{parent}/children")
    if listed.exists():
        return [int(pid) for pid in listed.read_text().split()]
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent_pid = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended while we looked
        if parent_pid == parent:
            found.append(int(stat.parent.name))
    return found


def _reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True

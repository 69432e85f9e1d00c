"""Set-up steps: run what is not done yet, say so in one line each, remember it with a stamp.

Plain standard library: this runs before the virtual environment exists.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache"
_COMMAND_TIMEOUT_S = 1200
_TAIL_LINES = 15


class SetupError(Exception):
    """Set-up cannot go on. The message says what happened and what to do next; it is shown without a trace."""


@dataclass(frozen=True)
class Step:
    """One thing to set up. `inputs`: files and texts whose change makes it run again; `present`: is its result (still) there?

    An `optional` step that fails is reported and the rest goes on.
    """

    name: str
    run: Callable[[], str]
    inputs: tuple[Path | str, ...]
    present: Callable[[], bool]
    optional: bool = False


def run_steps(steps: Sequence[Step]) -> bool:
    """Run what is needed, in order. Return False when a required step failed (the rest is not tried)."""
    with _one_at_a_time():
        for number, step in enumerate(steps, start=1):
            if not _run_step(step, f"set-up {number}/{len(steps)} {step.name}"):
                return False
    return True


def run_command(log: str, command: Sequence[str], next_step: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """Run a command, keep its output in .cache/logs/LOG.log and return it; raise SetupError with the last lines and `next_step`."""
    folder = CACHE / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{log}.log"
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"{' '.join(command)}: {error}\n  next step: {next_step}") from error
    text = done.stdout.decode(errors="replace")
    path.write_text(text, encoding="utf-8")
    if done.returncode != 0:
        tail = "\n".join(f"  | {line}" for line in text.splitlines()[-_TAIL_LINES:])
        raise SetupError(f"'{' '.join(command)}' ended with {done.returncode}:\n{tail}\n  whole output: {path}\n  next step: {next_step}")
    return text


def say(text: str) -> None:
    """Print one progress line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _run_step(step: Step, title: str) -> bool:
    fingerprint = _fingerprint(step)
    stamp = CACHE / "stamps" / step.name.replace(" ", "-")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == fingerprint and step.present():
        say(f"{title}: in place")
        return True
    say(f"{title} ...")
    started = time.monotonic()
    try:
        outcome = step.run()
    except SetupError as error:
        say(f"{title}: {'skipped' if step.optional else 'FAILED'}: {error}")
        return step.optional
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(fingerprint, encoding="utf-8")
    say(f"{title}: {outcome} ({time.monotonic() - started:.1f} s)")
    return True


def _fingerprint(step: Step) -> str:
    digest = hashlib.sha256()
    for item in step.inputs:
        content = item.encode() if isinstance(item, str) else item.read_bytes() if item.is_file() else b"absent"
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two makes in one checkout wait for each other."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("set-up: another set-up is running here, waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield

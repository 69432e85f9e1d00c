"""A second agent is started on a buffer that is in use.

What is exercised: whole `edge-agent run` processes on one state_dir, without lines and uplink. The first holds the buffer, several seconds ones must
refuse within a second of having started up (the time the interpreter takes to import is measured by `--version` and taken off) and say why;
the first must go on undisturbed, and after it was killed the next start must work at once.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from edge_agent.buffer.batches import Limits
from edge_agent.buffer.outbox import Outbox
from protocol.errors import StorageBusy
from tests.faults.scenario import Outcome, Size

TITLE = "two agents on one buffer"
NEEDS = ("linux",)
_REFUSE_S = 1.0
_START_S = 30.0
_CONFIG = 'gateway = "gw-1"\nstate_dir = "{state}"\n'


def run(chance: Random, size: Size) -> Outcome:
    """Start second agents at random moments of the first one's life."""
    tries = 3 if size is Size.SLICE else 30
    with tempfile.TemporaryDirectory(prefix="two-agents-") as name:
        folder = Path(name)
        (folder / "agent.toml").write_text(_CONFIG.format(state=folder / "state"), encoding="utf-8")
        idle_s = _took_s(folder, "--version")[0]
        first = _agent(folder)
        try:
            _await_start(folder, first)
            failures, slowest_s = _second_ones(folder, chance, tries, idle_s)
            if first.poll() is not None:
                failures.append(f"the first agent ended with {first.returncode}")
        finally:
            first.kill()
            first.wait()
        failures += _taken_after(folder / "state")
    notes = (f"refused {tries} of {tries - sum('second' in one for one in failures)}", f"slowest {slowest_s:.2f} s above start-up")
    return Outcome(tries, 0, 0, 0, tuple(failures), notes)


def _second_ones(folder: Path, chance: Random, tries: int, idle_s: float) -> tuple[list[str], float]:
    failures, slowest_s = [], 0.0
    for _ in range(tries):
        time.sleep(chance.uniform(0, 0.2))
        took_s, status, said = _took_s(folder, "run")
        slowest_s = max(slowest_s, took_s - idle_s)
        if status == 0 or "another edge-agent uses this buffer" not in said or "Traceback" in said:
            failures.append(f"a second agent ended with {status} and said {said[:200]!r}")
        elif took_s - idle_s > _REFUSE_S:
            failures.append(f"a second agent took {took_s - idle_s:.2f} s to refuse")
    return failures, slowest_s


def _taken_after(state: Path) -> list[str]:
    """What stands in the way of the next start once the first agent is dead."""
    try:
        Outbox(state, "gw-1", 1, Limits(), now_ms=lambda: time.time_ns() // 1_000_000).close()
    except StorageBusy as error:
        return [f"the buffer is still held after its owner was killed: {error}"]
    return []


def _command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "edge_agent", "--config", str(folder / "agent.toml"), *words]


def _agent(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(_command(folder, "run"), stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _took_s(folder: Path, *words: str) -> tuple[float, int, str]:
    begun = time.monotonic()
    done = subprocess.run(_command(folder, *words), capture_output=True, text=True, timeout=_START_S, check=False)
    return time.monotonic() - begun, done.returncode, done.stderr


def _await_start(folder: Path, agent: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_S
    while b" runs, epoch " not in (folder / "log").read_bytes():
        if agent.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the first agent does not start: {(folder / 'log').read_text(encoding='utf-8', errors='replace')[-500:]}")
        time.sleep(0.02)

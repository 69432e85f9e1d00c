"""Supervised processes, with real ones: they come back, they end, they leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from provisioning.rehearse import child as child_module
from provisioning.rehearse.child import Child, Program

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
WITH_GRANDCHILD = (
    "import subprocess, sys, time; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, flush=True); time.sleep(600)"
)
LIMIT_S = 20.0


@pytest.fixture
def run(tmp_path):
    children: list[Child] = []
    said: list[str] = []

    def start(code: str, grace_s: float = 5.0) -> tuple[Child, list[str]]:
        program = Program("program", (sys.executable, "-c", code), tmp_path / "program.log", grace_s=grace_s)
        children.append(Child(program, said.append))
        children[-1].start()
        return children[-1], said

    yield start
    for one in children:
        one.ask_to_stop()
        one.finish()


def test_a_killed_program_comes_back_and_it_is_said_once(run):
    child, said = run(SLEEPER)
    first = child.pid
    os.kill(first, signal.SIGKILL)

    _until(lambda: child.tend() and child.pid != first)

    assert child.restarts == 1
    assert len(said) == 1
    assert "was ended by SIGKILL; starting again in 0.5 s" in said[0]


def test_a_program_that_keeps_dying_waits_longer_each_time(tmp_path):
    clock = [0.0]
    waits: list[str] = []
    child = Child(Program("program", (sys.executable, "-c", "raise SystemExit(3)"), tmp_path / "log"), waits.append, lambda: clock[0])
    child.start()

    def step() -> bool:
        child.tend()
        clock[0] += 0.1
        return len(waits) == 3

    _until(step)
    child.ask_to_stop()
    child.finish()

    assert [wait.split("starting again in ")[1].split(" s")[0] for wait in waits] == ["0.5", "1", "2"]


def test_a_program_that_does_not_listen_is_killed(run, tmp_path):
    child, _ = run(STUBBORN, grace_s=0.2)
    pid = child.pid
    _until(lambda: (tmp_path / "program.log").read_text() == "up\n")

    child.ask_to_stop()

    assert child.finish() is False
    assert not _alive(pid)


def test_what_a_program_started_ends_with_it(run, tmp_path):
    child, _ = run(WITH_GRANDCHILD)
    _until(lambda: (tmp_path / "program.log").read_text().strip() != "")
    grandchild = int((tmp_path / "program.log").read_text())

    child.ask_to_stop()
    child.finish()

    _until(lambda: not _alive(grandchild))


def test_a_stopped_program_is_not_started_again(run):
    child, _ = run(SLEEPER)
    child.ask_to_stop()
    child.finish()

    assert child.tend() is False
    assert child.restarts == 0


def test_a_log_keeps_one_older_piece(run, tmp_path, monkeypatch):
    monkeypatch.setattr(child_module, "_MAX_LOG_BYTES", 10)
    child, _ = run("import time; print('x' * 50, flush=True); time.sleep(600)")
    log = tmp_path / "program.log"
    _until(lambda: log.stat().st_size > 10)

    child.tend()

    assert (log.stat().st_size, (tmp_path / "program.log.1").stat().st_size) == (0, 51)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux")
def test_programs_end_when_the_supervisor_is_killed(tmp_path):
    supervisor = f"""
import sys, time
from pathlib import Path
from provisioning.rehearse.child import Child, Program
child = Child(Program("p", (sys.executable, "-c", {SLEEPER!r}), Path({str(tmp_path / "log")!r})), print)
child.start()
print(child.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", supervisor], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert _alive(pid)

        process.kill()

        _until(lambda: not _alive(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_CHILD_SUBREAPER is Linux")
def test_orphans_of_killed_programs_are_found_and_ended():
    code = f"""
import os, signal, subprocess, sys, time
from provisioning.rehearse.child import adopt_orphans, end_orphans
adopt_orphans()
middle = subprocess.Popen([sys.executable, "-c", {WITH_GRANDCHILD!r}], stdout=subprocess.PIPE, text=True)
orphan = int(middle.stdout.readline())
middle.kill(); middle.wait()
print(end_orphans(), os.path.exists(f"/proc/{{orphan}}"))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.split() == ["1", "False"]


def _until(condition) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

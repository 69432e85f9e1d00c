"""The short form of every fault scenario, each in a process of its own; `make faults` plays the long one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEED = os.environ.get("CE_TEST_SEED", "20261122")
SCENARIOS = sorted(path.stem for path in (ROOT / "tests" / "faults").glob("f[0-9][0-9]_*.py"))
LIMIT_S = 300


@pytest.mark.timeout(LIMIT_S + 30)
@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_accepted_is_lost(name):
    command = [sys.executable, "-m", "tests.faults", "--only", name, "--slice", "--json", "--seed", SEED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)

    if done.returncode != 0:
        pytest.fail(f"{' '.join(command[1:])}\n{done.stderr[-4000:]}")
    (played,) = json.loads(done.stdout)["scenarios"]
    if played["skipped"]:
        pytest.skip(played["said"])

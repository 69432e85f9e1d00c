"""The short form of every fault scenario; `make faults` plays the long one. Those chosen run in one process and share its database server."""

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
LIMIT_S = 900


@pytest.fixture(scope="module")
def played(request):
    """Name -> how the scenario went, of every scenario this run of pytest has chosen."""
    chosen = {item.callspec.params["name"] for item in request.session.items if item.path == request.path}
    command = [sys.executable, "-m", "tests.faults", "--only", ",".join(sorted(chosen)), "--slice", "--json", "--seed", SEED]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
    assert done.stdout, f"{' '.join(command[1:])} broke off with {done.returncode}"
    return {one["name"]: one for one in json.loads(done.stdout)["scenarios"]}


@pytest.mark.timeout(LIMIT_S + 30)
@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_accepted_is_lost(played, name):
    one = played[name]
    again = f"python -m tests.faults --only {name} --slice --seed {SEED}"

    assert one["passed"], f"{one['title']}: {one['said'] or one['outcome']}\nagain: {again}"
    if one["skipped"]:
        pytest.skip(one["said"])

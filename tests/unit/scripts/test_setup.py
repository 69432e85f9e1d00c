"""Set-up names what the system lacks before it does anything that takes minutes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


@pytest.fixture
def checkout(tmp_path) -> Path:
    shutil.copytree(SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def _set_up(checkout: Path, target: str) -> subprocess.CompletedProcess[str]:
    """Run set-up in a folder that holds nothing else, on a system whose PATH has no program at all."""
    command = [sys.executable, str(checkout / "scripts" / "setup.py"), target]
    return subprocess.run(command, env={"PATH": str(checkout / "none")}, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("target", ["demo", "test"])
def test_a_missing_npm_is_named_with_the_command_that_installs_it(checkout, target):
    done = _set_up(checkout, target)

    assert done.returncode == 1
    assert "this system lacks" in done.stdout
    assert "apt-get install --no-install-recommends" in done.stdout
    assert "npm, then the same again" in done.stdout
    assert "Traceback" not in done.stderr
    assert not (checkout / ".venv").exists()

"""The console's peers, two Python stacks people would build it with: NiceGUI and Dash in an environment of their own, served on the same database.

Grafana, MyEMS and ThingsBoard cannot be had as Python packages (one called grafana is empty); they are not measured here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from tests.bench.console.browser import Wanted
from tests.bench.console.server import Server, free_port, served

PACKAGES = ("nicegui==3.18.0", "dash[compress]==4.4.1", "psycopg[binary]==3.3.9", "psycopg-pool==3.3.3")
NAMES = ("nicegui", "dash")
_VENV = Path(__file__).resolve().parents[3] / ".cache" / "bench" / "console-peers"
_DONE = "peer-installed"  # written last, so that half an installation does not count
_INSTALL_S = 300


def install() -> Path | None:
    """The Python of the peers' environment, made with pip where it is missing; prints the reason and returns None if that does not work."""
    python, done = _VENV / "bin" / "python", _VENV / _DONE
    if python.exists() and done.exists() and done.read_text(encoding="utf-8").split() == list(PACKAGES):
        return python
    _VENV.parent.mkdir(parents=True, exist_ok=True)
    try:
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(_VENV)],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES],
        ):
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_S)
    except subprocess.CalledProcessError as error:
        print(f"peers of the console left out: {' '.join(error.cmd[1:4])} failed: {error.stderr.strip().splitlines()[-1:]}")
        return None
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"peers of the console left out: {error}")
        return None
    done.write_text("\n".join(PACKAGES) + "\n", encoding="utf-8")
    return python


@contextmanager
def peer(name: str, python: Path, dsn: str, today: date) -> Iterator[Server]:
    """One of NAMES, served until left."""
    port = free_port()
    environment = {"BENCH_DSN": dsn, "BENCH_TODAY": f"{today}", "BENCH_PORT": f"{port}"}
    with served([str(python), str(Path(__file__).with_name(f"console_{name}.py"))], environment, port) as server:
        yield server


def wanted(node: str, tab: str) -> Wanted:
    """The figure of a place in one of the peers' tabs."""
    shown = f'.content[data-place="{node}"][data-tab="{tab}"]'
    return Wanted(f"{shown} .figure", drawn="" if tab == "meters" else f"{shown} canvas, {shown} .main-svg")

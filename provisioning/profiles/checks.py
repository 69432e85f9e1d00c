"""What a conformance run is made of: single checks, and all of one run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from protocol.profile import AnyProfile
from provisioning.profiles.trial import Trial

State = Literal["passed", "failed", "skipped"]
Tell = Callable[["Check"], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `where`: `virtual` or `device`; `log`: the bytes, one line a frame."""

    where: str
    name: str
    state: State
    detail: str = ""
    log: tuple[str, ...] = ()


@dataclass
class Conformance:
    """All checks of one run and what the device said."""

    profile: AnyProfile
    checks: list[Check] = field(default_factory=list)
    trials: dict[str, Trial] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return all(check.state != "failed" for check in self.checks)

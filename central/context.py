"""What a router is handed: settings, database pool, clock. Built once by the role runner, never global."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from central.db.pool import Pool
from central.settings import Settings


@dataclass(frozen=True)
class Central:
    """Collaborators of the web role. `clock`: Unix seconds. `dsn`: for connections that live outside the pool (LISTEN)."""

    settings: Settings
    pool: Pool
    clock: Callable[[], float]
    dsn: str

"""One switch on its way to a line: its exchanges are built when its turn comes, and not before, because its time may have run out by then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from edge_agent.drivers.access import Access
from edge_agent.drivers.procedure import Procedure
from edge_agent.drivers.read_back import Written
from edge_agent.drivers.switching import switch
from edge_agent.lines.clock import Clock
from edge_agent.lines.site_time import SiteTime
from protocol.command import Command
from protocol.profile import AnyProfile
from protocol.site_plan import Device


@dataclass(slots=True)
class Job:
    """A switch with all it needs. `left_s()`: how long it is still valid; `begun`: its turn has come, so something may have been sent."""

    command: Command
    profile: AnyProfile
    device: Device
    clock: Clock
    zone: tzinfo
    left_s: Callable[[], float]
    begun: bool = False

    def procedure(self) -> Procedure[Written]:
        """The exchanges. Raises Refused with `expired_at` in its details when its time has run out."""
        self.begun = True
        now_local = self._now_local()
        expires_at = now_local() + timedelta(seconds=self.left_s())
        return (yield from switch(self.profile, self.device, str(self.command.command), Access(), now_local, expires_at))

    def _now_local(self) -> Callable[[], datetime]:
        """Local time that no correction of the clock moves while the job runs."""
        base, base_s = SiteTime(self.clock, self.zone).now(), self.clock.monotonic()
        return lambda: base + timedelta(seconds=self.clock.monotonic() - base_s)

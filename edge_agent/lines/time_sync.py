"""The clocks of a line's devices: which are off, when a broadcast may correct them, and what is told.

A broadcast (DL/T 645 08H) moves a clock by five minutes at most, once a day, and no meter takes it around midnight, when it freezes its registers.
"""

from __future__ import annotations

import logging
from datetime import datetime, time

from edge_agent.lines.marks import Marks
from edge_agent.lines.outlet import Outlet
from protocol.errors import StorageError

log = logging.getLogger(__name__)
DRIFT_MS = 10_000  # worth a broadcast
BEYOND_MS = 300_000  # more than a broadcast can mend
AFTER_START_S = 600.0  # the box's own clock may still be corrected
QUIET_FROM, QUIET_TO = time(23, 50), time(0, 10)


class TimeSync:
    """State of one line."""

    def __init__(self, line_id: str, outlet: Outlet, marks: Marks, started_at: float) -> None:
        self._line_id, self._outlet, self._marks, self._started_at = line_id, outlet, marks, started_at
        self._drifting: dict[str, int] = {}

    def noted(self, device: str, meter: str, offset_ms: int, broadcast: bool) -> None:
        """A device's clock was read. `meter`: its marks' name; `broadcast`: its model follows a broadcast."""
        if broadcast and DRIFT_MS < abs(offset_ms) <= BEYOND_MS:
            self._drifting[device] = offset_ms
        else:
            self._drifting.pop(device, None)
        self._tell(device, meter, offset_ms)

    @property
    def waiting(self) -> bool:
        """Whether there is a clock a broadcast would mend."""
        return bool(self._drifting)

    def due(self, now: float, local: datetime) -> bool:
        """Whether to broadcast the time now; `local`: site time, which must be trusted. Raises StorageError."""
        return (
            self.waiting
            and now - self._started_at >= AFTER_START_S
            and QUIET_TO <= local.time() < QUIET_FROM
            and self._marks.get(f"line {self._line_id}", "time_sync") != local.toordinal()
        )

    def begin(self, local: datetime) -> list[str]:
        """Note the broadcast before it is sent, so that a crash cannot repeat it; returns the devices it is for. Raises StorageError."""
        self._marks.put(f"line {self._line_id}", "time_sync", local.toordinal())
        log.info("broadcast of the time line=%s for=%s", self._line_id, ", ".join(self._drifting))
        return list(self._drifting)

    def keep(self, devices: frozenset[str]) -> None:
        """Forget the others."""
        self._drifting = {device: offset for device, offset in self._drifting.items() if device in devices}

    def _tell(self, device: str, meter: str, offset_ms: int) -> None:
        """Tell once of a clock that is further off than a broadcast mends, and once when it is right again."""
        try:
            told = self._marks.get(meter, "clock_off") == 1
            if abs(offset_ms) > BEYOND_MS and not told:
                message = "the device's clock is more than five minutes off; a broadcast cannot mend it: set it by hand, and check its battery"
                stored = self._outlet.tell("meter.clock_off", "warning", message, device, offset_s=offset_ms // 1000)
            elif abs(offset_ms) <= DRIFT_MS and told:
                stored = self._outlet.tell("meter.clock_right", "info", "the device's clock is right again", device, offset_s=offset_ms // 1000)
            else:
                return
            if stored:
                self._marks.put(meter, "clock_off", int(not told))
        except StorageError as error:
            log.error("mark not kept device=%s error=%s", device, error)

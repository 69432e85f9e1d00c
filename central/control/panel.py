"""What a device's page shows of commands: whether it can be asked, what was asked last, and its raw exchanges."""

from __future__ import annotations

from dataclasses import dataclass

from central.control.issue import GatewayState, gateway_state
from central.control.listing import frames_of_device, newest
from central.control.model import Command, FramesView
from central.db.pool import Connection
from central.metering.device import get_device

RECENT_MS = 15 * 60_000  # an answer older than this is no longer "now": the ordinary values are newer


@dataclass(frozen=True, slots=True)
class ReadPanel:
    """`gateway`: None for a device that reports by itself. `read`: the newest one, if it is of the last quarter of an hour."""

    device: str
    gateway: str | None
    state: GatewayState | None
    removed: bool
    read: Command | None
    frames: FramesView

    @property
    def waiting(self) -> bool:
        """Whether something is still to come."""
        return (self.read is not None and self.read.open) or (self.frames.command is not None and self.frames.command.open)

    @property
    def reachable(self) -> bool:
        """Whether asking makes sense now."""
        return self.state is not None and self.state.state == "online" and not self.removed


def read_panel(conn: Connection, device: str, now_ms: int) -> ReadPanel:
    """The panel of one device; raises NotFound."""
    found = get_device(conn, device)
    read = newest(conn, device, "read")
    recent = read if read is not None and read.requested_at_ms > now_ms - RECENT_MS else None
    state = gateway_state(conn, found.gateway) if found.gateway is not None else None
    return ReadPanel(device, found.gateway, state, found.removed, recent, frames_of_device(conn, device))

"""Talking to systemd: READY, STATUS, and WATCHDOG as long as every thread makes progress. Does nothing without NOTIFY_SOCKET."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping

_LOG = logging.getLogger(__name__)
Progress = Mapping[str, tuple[float, float]]  # thread -> (monotonic time it was last seen alive, longest silence in seconds)


class Notifier:
    """Sends state lines to the service manager (sd_notify(3)); an address that begins with @ is an abstract socket."""

    def __init__(self, address: str | None) -> None:
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self._failed = False

    def notify(self, *lines: str) -> None:
        """Send lines such as READY=1; a service manager that does not listen is no reason to stop."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.settimeout(1.0)
                channel.sendto("\n".join(lines).encode(), self._address)
            self._failed = False
        except OSError as error:
            if not self._failed:
                _LOG.warning("the service manager cannot be told: %s", error)
            self._failed = True


def feed_period_s(environment: Mapping[str, str], process_id: int) -> float | None:
    """Seconds between two feeds: a third of WATCHDOG_USEC; None if no watchdog watches this process."""
    try:
        limit_us = int(environment.get("WATCHDOG_USEC", "0"))
        watched = int(environment.get("WATCHDOG_PID", str(process_id)))
    except ValueError:
        return None
    return limit_us / 3e6 if limit_us > 0 and watched == process_id else None


def stalled(progress: Progress, now_s: float) -> list[str]:
    """Names of the threads that were silent for longer than they may be."""
    return sorted(name for name, (seen_s, limit_s) in progress.items() if now_s - seen_s > limit_s)

"""The site's local time: what devices' clocks show, and what their freezes and events are dated in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge_agent.lines.clock import Clock
from protocol.errors import ConfigError

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")  # no summer time since 1991, so that a box without the zone files is right too
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class SiteTime:
    """Local time by the box's clock. Instants are naive, as devices tell them."""

    clock: Clock
    zone: tzinfo = CHINA

    def now(self) -> datetime:
        """Now, naive and local."""
        return datetime.fromtimestamp(self.clock.wall_ms() / 1000, self.zone).replace(tzinfo=None)

    def ms(self, local: datetime) -> int:
        """Unix milliseconds UTC of a naive local instant; the earlier one where an hour comes twice."""
        return (local.replace(tzinfo=self.zone) - datetime(1970, 1, 1, tzinfo=UTC)) // _MS


def zone_of(name: str | None) -> tzinfo:
    """The zone of a plan's site; None is China's. Raises ConfigError."""
    if name is None:
        return CHINA
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f"{name!r} is no time zone this box knows; expected a name such as Asia/Shanghai") from error

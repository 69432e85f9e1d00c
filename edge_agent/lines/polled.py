"""The devices of a line as the poller sees them: driver, what was learned, and how often each group is due."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from edge_agent.drivers.driver import Driver, driver_for
from edge_agent.drivers.plan import AnyItem, Memory
from edge_agent.lines.exchange import ExchangeTiming
from edge_agent.lines.timeouts import TD_MAX_S, ReplyDelays
from protocol.errors import CampusError, ConfigError, NoReply, UnexpectedReply, WireError
from protocol.messages import MAX_DEVICES_TOLD, DeviceHealth
from protocol.profile import AnyProfile
from protocol.site_plan import Device

SLOWEST_TOLD = 4


@dataclass(slots=True)
class Tally:
    """How exchanges with one device went since it is polled. Written by the line's thread, read by others."""

    exchanges: int = 0
    timeouts: int = 0
    damaged: int = 0

    def failed(self, error: CampusError) -> None:
        """Count what went wrong by its kind; what is no fault of the device or its wire is not counted."""
        if isinstance(error, WireError):
            self.damaged += 1
        elif isinstance(error, NoReply | UnexpectedReply):
            self.timeouts += 1


@dataclass(slots=True)
class Polled:
    """One device, and everything learned about it since the agent started."""

    device: Device
    driver: Driver
    memory: Memory = field(default_factory=Memory)
    delays: ReplyDelays = field(default_factory=ReplyDelays)
    bad: set[str] = field(default_factory=set)  # quantities whose last value could not be used
    bad_values: int = 0
    tally: Tally = field(default_factory=Tally)

    def health(self) -> DeviceHealth:
        """What is told of it."""
        tally = self.tally
        return DeviceHealth(
            id=self.device.id, exchanges=tally.exchanges, timeouts=tally.timeouts, damaged=tally.damaged, delay_ms=self.delays.median_ms()
        )

    def periods(self) -> dict[str, float]:
        """Seconds per poll group that has items; the device's own `poll_s` goes before the profile's."""
        groups = dict.fromkeys(item.group for item in self.driver.profile.items)
        return {group: float(self.device.poll_s.get(group) or self.driver.profile.groups[group]) for group in groups}

    def items(self, groups: Iterable[str]) -> list[AnyItem]:
        """The items of these groups, in profile order."""
        wanted = frozenset(groups)
        return [item for item in self.driver.profile.items if item.group in wanted]

    def timing(self) -> ExchangeTiming:
        """Waits for the next exchange with this device."""
        timing = self.driver.profile.timing
        first_byte_s = self.delays.first_byte_s(timing.first_byte_ms / 1000)
        return ExchangeTiming(timing.gap_ms / 1000, first_byte_s, timing.between_bytes_ms / 1000, TD_MAX_S)

    def is_same(self, device: Device, profile: AnyProfile) -> bool:
        """True when what was learned is still about this device."""
        return self.device.address == device.address and self.driver.profile == profile


def polled_devices(
    devices: Iterable[Device], profiles: Mapping[str, AnyProfile], old: Mapping[str, Polled], refuse: Callable[[Device, ConfigError], None]
) -> dict[str, Polled]:
    """The devices that can be polled, in plan order; unchanged ones keep what they have learned. The others are told to `refuse`."""
    found: dict[str, Polled] = {}
    for device in devices:
        try:
            found[device.id] = _polled(device, profiles, old.get(device.id))
        except ConfigError as error:
            refuse(device, error)
    return found


def telling(devices: Iterable[Polled]) -> tuple[DeviceHealth, ...]:
    """The devices worth telling of: those with most trouble, worst first, then the slowest; no more than a health message holds."""
    told = sorted((one.health() for one in devices), key=lambda one: (-(one.timeouts + one.damaged), -(one.delay_ms or 0), one.id))
    troubled = [one for one in told if one.timeouts or one.damaged][: MAX_DEVICES_TOLD - SLOWEST_TOLD]
    slowest = sorted((one for one in told if one not in troubled and one.delay_ms is not None), key=lambda one: -(one.delay_ms or 0))
    return (*troubled, *slowest[:SLOWEST_TOLD])


def _polled(device: Device, profiles: Mapping[str, AnyProfile], old: Polled | None) -> Polled:
    profile = profiles.get(device.profile)
    if profile is None:
        raise ConfigError(f"device {device.id}: profile {device.profile!r} is not installed on this gateway; install it or correct the site plan")
    if old is not None and old.is_same(device, profile):
        return Polled(device, old.driver, old.memory, old.delays, old.bad, old.bad_values, old.tally)
    new = Polled(device, driver_for(profile))
    try:
        new.driver.check(device)
        new.periods()
    except CampusError as error:
        raise ConfigError(f"device {device.id}: {error.message}") from error
    except KeyError as error:
        raise ConfigError(f"device {device.id}: profile {device.profile} gives no period for group {error}; add it to `groups`") from error
    return new

"""What every protocol driver offers, and the table of drivers. Drivers are pure: bytes in, bytes out, no port, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from edge_agent.drivers.cjt188 import Cjt188Driver
from edge_agent.drivers.dlt645 import Dlt645Driver
from edge_agent.drivers.fields import Decoded
from edge_agent.drivers.mbus import MbusDriver
from edge_agent.drivers.modbus import ModbusDriver
from edge_agent.drivers.plan import Request
from edge_agent.lines.exchange import Transaction
from protocol.errors import DeviceRefused, TargetSilent
from protocol.profile import AnyProfile, Profile188, ProfileMbus, ProfileModbus
from protocol.site_plan import Device


class Driver(Protocol):
    """Speaks one profile's protocol."""

    @property
    def profile(self) -> AnyProfile:
        """The profile this driver reads by."""

    def check(self, device: Device) -> None:
        """Raise EncodeError if the device's address does not fit the protocol."""

    def transaction(self, request: Request, replies: Sequence[Any]) -> Transaction[Any] | None:
        """The next exchange of a request, given its accepted replies so far; None when it is complete.

        Raises DeviceRefused when the last reply is a refusal.
        """

    def decode(self, request: Request, replies: Sequence[Any]) -> Decoded:
        """The values in the replies of a complete request."""


def driver_for(profile: AnyProfile) -> Driver:
    """The driver that speaks a profile's protocol."""
    if isinstance(profile, ProfileModbus):
        return ModbusDriver(profile)
    if isinstance(profile, Profile188):
        return Cjt188Driver(profile)
    if isinstance(profile, ProfileMbus):
        return MbusDriver(profile)
    return Dlt645Driver(profile)


def refusal_lasts(error: DeviceRefused) -> bool:
    """True when asking the same tomorrow is soon enough; busy and silent devices may answer the next time."""
    return not error.retryable


def target_silent(error: DeviceRefused) -> bool:
    """True when a gateway answers in place of a silent device."""
    return isinstance(error, TargetSilent)

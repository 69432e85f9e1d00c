"""The reading that proves a write took effect, and the write's outcome. An answer to the write itself proves nothing either way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_agent.drivers.asking import UNHEARD, read_items
from edge_agent.drivers.procedure import Ask, Pause, Procedure
from edge_agent.drivers.writes import Write
from protocol.errors import DeviceRefused, PayloadError, Refused
from protocol.profile import AnyProfile
from protocol.site_plan import Device


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write. `seen`: the value read last; `refusal`: the device's own word, which it may give and act all the same.

    `already`: nothing was sent. `refused`, `unconfirmed`: the value did not change in the time given; it may still do so after `unconfirmed`.
    """

    outcome: Literal["done", "already", "refused", "unconfirmed"]
    seen: int | None
    refusal: DeviceRefused | None = None


def write_and_confirm(
    profile: AnyProfile, device: Device, write: Write, quantity: str, value: int, within_s: int, every_s: float
) -> Procedure[Written]:
    """Send the write, once, and read until the quantity has the value."""
    refusal = yield from _sent(write)
    seen, waited_s = None, 0.0
    while True:
        now = yield from try_value(profile, device, quantity)
        seen = seen if now is None else now
        if now == value:
            return Written("done", value, refusal)
        if waited_s >= within_s:
            return Written("unconfirmed" if refusal is None else "refused", seen, refusal)
        yield Pause(every_s)
        waited_s += every_s


def read_value(profile: AnyProfile, device: Device, quantity: str) -> Procedure[int]:
    """The value of a quantity now. Raises Refused if it cannot be read: what cannot be read back is not to be written."""
    items = [item for item in profile.items if item.quantity == quantity]
    if not items:
        raise Refused(f"profile {profile.profile} reads no {quantity}, so nothing would prove the write", device=device.id)
    found = yield from read_items(profile, device, items)
    if quantity not in found:
        raise Refused(f"the device gives no {quantity}, so nothing would prove the write", device=device.id)
    return found[quantity]


def try_value(profile: AnyProfile, device: Device, quantity: str) -> Procedure[int | None]:
    """The value, or None when the device does not give it just now."""
    try:
        return (yield from read_value(profile, device, quantity))
    except (*UNHEARD, DeviceRefused, PayloadError, Refused):
        return None


def _sent(write: Write) -> Procedure[DeviceRefused | None]:
    """Send it; return the refusal, if that is the answer. Silence and damage say nothing about what the device has done."""
    try:
        write.check((yield Ask(write.transaction)))
    except DeviceRefused as error:
        return error
    except UNHEARD:
        pass
    return None

"""The baud rate of a DL/T 645 meter, changed so that nobody loses it: whatever happens, the result says which rate it answers at."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.drivers.asking import UNHEARD, replies_to
from edge_agent.drivers.dlt645 import version_of
from edge_agent.drivers.driver import driver_for
from edge_agent.drivers.plan import Memory, plan
from edge_agent.drivers.procedure import Ask, Pause, Procedure, Speed
from edge_agent.lines.exchange import Transaction
from protocol.errors import DeviceRefused, NoReply, Refused
from protocol.profile import AnyProfile, Profile1997, Profile2007
from protocol.site_plan import Device
from protocol.wire import dlt645

SETTLE_S = 0.5  # for the meter to change over


@dataclass(frozen=True, slots=True)
class BaudChange:
    """The rate the meter answers at now; `refusal`: its own word, if it gave one."""

    baud: int
    refusal: DeviceRefused | None = None


def change_baud(profile: AnyProfile, device: Device, old: int, new: int) -> Procedure[BaudChange]:
    """17H at the old rate, then ask at the new one, then, in silence, at the old. Raises NoReply if the meter answers at neither.

    All meters of a line change one after the other, each by this; the line's own rate is set when the last has.
    """
    if not isinstance(profile, Profile2007 | Profile1997):
        raise Refused(f"{profile.protocol.value}: no command changes the baud rate", device=device.id)
    version = version_of(profile)
    asked = dlt645.change_baud_request(device.address, new, version)
    refusal: DeviceRefused | None = None
    yield Speed(old)
    try:
        reply = yield Ask(Transaction(asked.to_bytes(profile.preamble), dlt645.Decoder(), lambda reply: dlt645.matches(version, asked, reply)))
        dlt645.reply_data(version, asked, reply)
    except DeviceRefused as error:
        refusal = error
    except UNHEARD:
        pass  # it may have changed all the same
    yield Pause(SETTLE_S)
    for baud in (new, old) if refusal is None else (old, new):
        yield Speed(baud)
        if (yield from _answers(profile, device)):
            return BaudChange(baud, refusal)
    raise NoReply(f"the meter answers neither at {new} nor at {old}; look for it at other rates before the line's is changed", device=device.id)


def _answers(profile: AnyProfile, device: Device) -> Procedure[bool]:
    """Whether the device says anything, be it a refusal."""
    request = plan(profile, device, profile.items[:1], Memory(), 0.0)[0]
    try:
        yield from replies_to(driver_for(profile), request)
    except DeviceRefused:
        return True
    except UNHEARD:
        return False
    return True

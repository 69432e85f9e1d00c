"""What polling a profile costs its line. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_agent.drivers.driver import driver_for
from edge_agent.drivers.plan import Field, Memory, plan
from protocol.errors import CampusError
from protocol.profile import AnyProfile, ProfileMbus
from protocol.profile_items import Item188, ItemMbus, Protocol, RegisterItem
from protocol.site_plan import Device, Line

TD_S = 0.05  # a usual reply delay
_WHOLE_188 = 19  # data of a 901F reply behind identifier and SER
_WHOLE_MBUS = 70  # E5, the question behind the selection, and an answer of six records


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one poll group: exchanges a read takes, bits on the wire both ways, what is waited beside them, and the time at the profile's own speed."""

    group: str
    period_s: int
    exchanges: int
    wire_bits: int
    waits_s: float
    seconds: float

    @property
    def share_of_32(self) -> float:
        """Share of the line's time (1.0 = all of it)."""
        return 32 * self.seconds / self.period_s


def costs(profile: AnyProfile) -> list[Cost]:
    """Return what each poll group costs on a line."""
    device = Device(id="one", profile=profile.profile, address=usual_address(profile), place="bench")
    driver = driver_for(profile)
    found = []
    for group, period_s in profile.groups.items():
        items = [item for item in profile.items if item.group == group]
        exchanges = wire_bytes = 0
        for request in plan(profile, device, items, Memory(), 0.0):
            try:
                transaction = driver.transaction(request, [])
            except CampusError:
                continue
            if transaction is None:
                continue
            exchanges += 1
            wire_bytes += len(transaction.request) + _answer_bytes(request.fields, transaction.request)
        bits, waits_s = wire_bytes * profile.serial.bits_per_byte, exchanges * (TD_S + profile.timing.gap_ms / 1000)
        found.append(Cost(group, period_s, exchanges, bits, waits_s, bits / profile.serial.baud + waits_s))
    return found


def usual_address(profile: AnyProfile) -> str:
    """An address a device of this profile could have."""
    if isinstance(profile, ProfileMbus):
        return "17" if profile.by == "primary" else "12345678"
    return {Protocol.MODBUS_RTU: "17", Protocol.CJT188: "00112233445566"}.get(profile.protocol, "000102030425")


def line_share(line: Line, costs_of: Callable[[str], Sequence[Cost]]) -> float:
    """Share of its time (1.0 = all of it) a line spends on its devices' polls, each answering at once. `costs_of`: by profile key."""
    share = 0.0
    for device in line.devices:
        for cost in costs_of(device.profile):
            share += (cost.wire_bits / line.baud + cost.waits_s) / (device.poll_s.get(cost.group) or cost.period_s)
    return share


def _answer_bytes(fields: Sequence[Field], request: bytes) -> int:
    """Length of a reply: about the request's own frame with the values behind."""
    return len(request) + max(_ends_at(one) for one in fields)


def _ends_at(field: Field) -> int:
    if isinstance(field.item, RegisterItem):
        return 2 * (field.offset + field.item.count)
    if isinstance(field.item, ItemMbus):
        return _WHOLE_MBUS
    return _WHOLE_188 if isinstance(field.item, Item188) else field.offset + field.item.size

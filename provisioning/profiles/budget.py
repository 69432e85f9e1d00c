"""What polling a profile costs its line. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.drivers.driver import driver_for
from edge_agent.drivers.plan import Field, Memory, plan
from protocol.errors import CampusError
from protocol.profile import AnyProfile
from protocol.profile_items import Item188, ItemMbus, RegisterItem
from protocol.site_plan import Device

TD_S = 0.05  # a usual reply delay
_WHOLE_188 = 19  # data of a 901F reply behind identifier and SER
_WHOLE_MBUS = 70  # E5, the question behind the selection, and an answer of six records


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one poll group: exchanges, seconds of line time a read takes, and the share of a line that 32 such devices take."""

    group: str
    period_s: int
    exchanges: int
    seconds: float

    @property
    def share_of_32(self) -> float:
        """Share of the line's time (1.0 = all of it)."""
        return 32 * self.seconds / self.period_s


def costs(profile: AnyProfile, address: str) -> list[Cost]:
    """Return what each poll group costs on a line of the profile's own speed. Raises EncodeError for an address that does not fit."""
    device = Device(id="one", profile=profile.profile, address=address, place="bench")
    driver = driver_for(profile)
    byte_s = profile.serial.bits_per_byte / profile.serial.baud
    found = []
    for group, period_s in profile.groups.items():
        items = [item for item in profile.items if item.group == group]
        seconds, exchanges = 0.0, 0
        for request in plan(profile, device, items, Memory(), 0.0):
            try:
                transaction = driver.transaction(request, [])
            except CampusError:
                continue
            if transaction is None:
                continue
            exchanges += 1
            answer = _answer_bytes(request.fields, transaction.request)
            seconds += (len(transaction.request) + answer) * byte_s + TD_S + profile.timing.gap_ms / 1000
        found.append(Cost(group, period_s, exchanges, seconds))
    return found


def _answer_bytes(fields: Sequence[Field], request: bytes) -> int:
    """Length of a reply: about the request's own frame with the values behind."""
    return len(request) + max(_ends_at(one) for one in fields)


def _ends_at(field: Field) -> int:
    if isinstance(field.item, RegisterItem):
        return 2 * (field.offset + field.item.count)
    if isinstance(field.item, ItemMbus):
        return _WHOLE_MBUS
    return _WHOLE_188 if isinstance(field.item, Item188) else field.offset + field.item.size

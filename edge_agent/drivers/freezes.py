"""Frozen registers: what a device kept of the ends of its days, months or hours, newest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar, cast

from edge_agent.drivers.asking import read_items
from edge_agent.drivers.plan import AnyItem, Memory
from edge_agent.drivers.procedure import Procedure
from edge_agent.drivers.stamps import Stamp, period_end, read_stamp
from protocol.errors import DeviceRefused, PayloadError
from protocol.profile import AnyProfile
from protocol.profile_items import RegisterBlock, RegisterItem
from protocol.profile_logs import Freeze188, Freeze1997, Freeze2007, FreezeModbus, StampModbus
from protocol.site_plan import Device

Freeze = Freeze2007 | Freeze1997 | Freeze188 | FreezeModbus
T = TypeVar("T")
AHEAD = timedelta(hours=1)  # a freeze further in the future shows a clock that is wrong, not a register
_LONGEST_READ = 125  # Modbus application protocol 6.3


@dataclass(frozen=True, slots=True)
class Frozen:
    """Registers at one instant (site-local, naive). `dated_by_us`: the device keeps no instant with them."""

    at: datetime
    values: tuple[tuple[str, int], ...]
    dated_by_us: bool = False


def read_freezes(
    profile: AnyProfile,
    device: Device,
    freeze: Freeze,
    known: Callable[[datetime], bool],
    most: int,
    now: datetime,
    memory: Memory | None = None,
    now_s: float = 0.0,
) -> Procedure[list[Frozen]]:
    """At most `most` freezes, newest first, until one whose instant is known. `now`: site-local.

    Raises DeviceRefused if the device has none of this kind, PayloadError for one of the future: its clock is wrong.
    """
    memory = Memory() if memory is None else memory
    found: list[Frozen] = []
    for number in range(min(most, freeze.depth)):
        try:
            at = yield from _instant(profile, device, freeze, number, now)
        except DeviceRefused:
            if number == 0:
                raise
            break  # it keeps fewer than the profile says
        if at is None or known(at) or (found and at >= found[-1].at):
            break  # empty, seen before, or a device that answers the same to every number
        if at > now + AHEAD:
            raise PayloadError("a freeze is dated in the future: the device's clock is wrong", device=device.id, at=at.isoformat(" "))
        try:
            values = yield from _values(profile, device, freeze, number, memory, now_s)
        except PayloadError:
            values = {}  # what cannot be used today cannot tomorrow; older ones may be good
        except DeviceRefused:
            if number == 0:
                raise
            break  # it keeps fewer than the profile says
        found.append(Frozen(at, tuple(values.items()), freeze.time is None))
    return found


def first_place(freeze: Freeze) -> str:
    """What tells one freeze of a profile from another, for whoever remembers which were seen."""
    first = freeze.items[0]
    return f"{freeze.period}.{first.address:04x}" if isinstance(first, RegisterItem) else f"{freeze.period}.{first.di.lower()}"


def _instant(profile: AnyProfile, device: Device, freeze: Freeze, number: int, now: datetime) -> Procedure[datetime | None]:
    """The instant the device keeps with a freeze (one without a year is the last such day), or the end of the period it must belong to."""
    stamp: Stamp | None = freeze.time
    if stamp is None:
        return period_end(now, freeze.period, number)
    at = yield from read_stamp(profile, device, _shifted(stamp, number * freeze.step))
    if at is None or "YY" in stamp.format:
        return at
    this_year = at.replace(year=now.year)
    return this_year if this_year <= now + AHEAD else at.replace(year=now.year - 1)


def _values(profile: AnyProfile, device: Device, freeze: Freeze, number: int, memory: Memory, now_s: float) -> Procedure[dict[str, int]]:
    """The registers of one freeze. What the device refused of the newest is not asked of older ones."""
    kept = [item for item in freeze.items if isinstance(item, RegisterItem) or memory.has((item.di,), now_s)]
    items: tuple[AnyItem, ...] = tuple(_shifted(item, number * freeze.step) for item in kept)
    view = profile.model_copy(update={"items": items, "blocks": _blocks(items)})
    return (yield from read_items(view, device, items, memory if number == 0 else None, now_s))


def _blocks(items: tuple[AnyItem, ...]) -> tuple[RegisterBlock, ...]:
    """One range over a group of registers: they are one record, so what lies between them belongs to it."""
    registers = [item for item in items if isinstance(item, RegisterItem)]
    if len({item.function for item in registers}) != 1:
        return ()
    first, last = min(item.address for item in registers), max(item.address + item.count - 1 for item in registers)
    return (RegisterBlock(function=registers[0].function, first=first, last=last),) if last - first < _LONGEST_READ else ()


def _shifted(place: T, by: int) -> T:
    """The same place in an older record."""
    if isinstance(place, RegisterItem | StampModbus):
        return cast(T, place.model_copy(update={"address": place.address + by}))
    di = str(getattr(place, "di"))  # noqa: B009 - every other place has one
    return cast(T, place.model_copy(update={"di": f"{int(di, 16) + by:0{len(di)}X}"}))  # type: ignore[attr-defined]

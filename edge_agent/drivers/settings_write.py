"""Settings: a value written in the item's own place and format, and read back."""

from __future__ import annotations

import struct

from edge_agent.drivers.access import Access
from edge_agent.drivers.asking import read_data
from edge_agent.drivers.encode import registers_with_value, with_value
from edge_agent.drivers.plan import AnyItem
from edge_agent.drivers.procedure import Procedure
from edge_agent.drivers.read_back import Written, read_value, write_and_confirm
from edge_agent.drivers.writes import Write, write_188, write_645, write_registers
from protocol.errors import NotFound, Refused
from protocol.profile import AnyProfile, Profile188, Profile1997, Profile2007
from protocol.profile_items import ItemMbus, RegisterItem
from protocol.profile_writes import Setting
from protocol.site_plan import Device

_EVERY_S = 2.0
_LEVEL = "04"  # DL/T 645: the usual level of settings, where neither access nor profile names one


def write_setting(profile: AnyProfile, device: Device, setting: str, value: int, access: Access) -> Procedure[Written]:
    """Write a setting of the profile (`value` in base units) and read it back; nothing is sent when it has the value already.

    Raises NotFound, Refused (out of range, cannot be read back) or EncodeError (the item cannot show the value exactly); nothing was sent then.
    """
    known = _known(profile, device, setting, value)
    item = next((one for one in profile.items if one.quantity == known.quantity), None)
    if item is None:
        raise Refused(f"profile {profile.profile} reads no {known.quantity}, so nothing would prove the write", device=device.id)
    if (seen := (yield from read_value(profile, device, known.quantity))) == value:
        return Written("already", seen)
    write = yield from _write(profile, device, known, item, value, access)
    return (yield from write_and_confirm(profile, device, write, known.quantity, value, known.within_s, _EVERY_S))


def _known(profile: AnyProfile, device: Device, setting: str, value: int) -> Setting:
    known = next((one for one in profile.settings if one.name == setting), None)
    if known is None:
        names = ", ".join(one.name for one in profile.settings) or "none"
        raise NotFound(f"profile {profile.profile} has no setting {setting!r}; it has {names}", device=device.id)
    if not known.least <= value <= known.most:
        raise Refused(f"{setting}: {value} is outside {known.least}..{known.most}", device=device.id, value=value)
    return known


def _write(profile: AnyProfile, device: Device, setting: Setting, item: AnyItem, value: int, access: Access) -> Procedure[Write]:
    """The exchange that writes the value; what stands beside it is read first and written back as it was."""
    if isinstance(item, RegisterItem):
        if setting.function is None:
            raise Refused(f"profile {profile.profile}: setting {setting.name} names no function that writes it", device=device.id)
        raw = yield from read_data(profile, device, (item.function, item.address, item.count))
        old = struct.unpack(f">{len(raw) // 2}H", raw)
        return write_registers(device, setting.function, item.address, registers_with_value(item, old, value))
    if isinstance(item, ItemMbus):
        raise Refused(f"{profile.protocol.value} writes no settings", device=device.id)
    data = with_value(item, (yield from read_data(profile, device, (item.di,))), value)
    if isinstance(profile, Profile2007 | Profile1997):
        return write_645(profile, device, item.di, data, access, access.level or setting.level or _LEVEL)
    if isinstance(profile, Profile188):
        return write_188(profile, device, item.di, data)
    raise Refused(f"{profile.protocol.value} writes no settings", device=device.id)

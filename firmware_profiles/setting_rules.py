"""Rules of settings: only a plain value that may be written, in the place it is read from, inside what its format can show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from firmware_profiles.item_rules import full_scale
from protocol.document import Problem
from protocol.profile import AnyProfile
from protocol.profile_items import ByteItem, Protocol, RegisterItem
from protocol.profile_writes import Setting
from protocol.quantities import Kind

# What somebody is billed by, and what only commands may change: writing it as a setting would forge a register or pass the guards of a command.
_NEVER = ("energy_", "water_volume", "balance_", "purchase", "overdraft_energy", "overdraft_money", "status_word", "meter_relay", "relay_", "input_")
_BY_PASSWORD = frozenset({Protocol.DLT645_2007, Protocol.DLT645_1997})


def setting_problems(profile: AnyProfile) -> Iterator[Problem]:
    """What is wrong with the settings of one profile."""
    names = Counter(setting.name for setting in profile.settings)
    quantities = Counter(setting.quantity for setting in profile.settings)
    readable = {item.quantity: item for item in profile.items}
    for index, setting in enumerate(profile.settings):
        path = ("settings", index)
        if names[setting.name] > 1:
            yield (*path, "name"), f"setting {setting.name} stands {names[setting.name]} times; names are unique"
        if quantities[setting.quantity] > 1:
            yield (*path, "quantity"), f"{quantities[setting.quantity]} settings write {setting.quantity}; one is enough"
        item = readable.get(setting.quantity)
        if item is None:
            yield (*path, "quantity"), f"{setting.name} is read back as {setting.quantity}, which no item of this profile reads"
            continue
        for problem in (*_quantity(item), *_way(profile.protocol, setting, item), *_range(setting, item)):
            yield path, problem


def _quantity(item: Any) -> Iterator[str]:
    if item.quantity.startswith(_NEVER) or item.spec.kind in (Kind.CUMULATIVE, Kind.DEMAND):
        yield f"{item.quantity} is measured, counted or switched; it is never written as a setting"
    if item.bits is not None or (isinstance(item, RegisterItem) and item.type == "bit"):
        yield f"{item.quantity} is a part of a word; writing it would write its neighbours too"


def _way(protocol: Protocol, setting: Setting, item: Any) -> Iterator[str]:
    if protocol in _BY_PASSWORD:
        if setting.level is None:
            yield f"{setting.name}: DL/T 645 writes need the level of a password"
        if setting.function is not None:
            yield f"{setting.name}: function belongs to Modbus"
        if isinstance(item, ByteItem) and item.offset:
            yield f"{setting.name}: {item.quantity} stands at offset {item.offset} of its identifier; only whole identifiers are written"
    elif isinstance(item, RegisterItem):
        yield from _registers(setting, item)
    else:
        yield f"{setting.name}: settings of a {protocol.value} device are not written"


def _registers(setting: Setting, item: RegisterItem) -> Iterator[str]:
    if setting.level is not None:
        yield f"{setting.name}: level belongs to DL/T 645"
    if setting.function is None:
        yield f"{setting.name}: expected the function that writes its registers, 6 or 16"
    if item.function != 3:
        yield f"{setting.name}: {item.quantity} is read with function {item.function}; only holding registers (function 3) are written"
    if setting.function == 6 and item.count != 1:
        yield f"{setting.name}: function 6 writes one register, {item.quantity} takes {item.count}"


def _range(setting: Setting, item: Any) -> Iterator[str]:
    most = full_scale(item)
    if most is None:
        return
    signed = item.signed if isinstance(item, ByteItem) else item.type.startswith("i")
    least = -most if signed else 0
    if setting.least < least or setting.most > most:
        yield f"{setting.name}: {setting.least}..{setting.most} reaches beyond {int(least)}..{int(most)} {item.spec.base_unit}, what its format shows"
    step = abs(item.factor())
    for bound in (setting.least, setting.most):
        if bound % step:
            yield f"{setting.name}: {bound} {item.spec.base_unit} is no whole number of counts; one is {step} {item.spec.base_unit}"

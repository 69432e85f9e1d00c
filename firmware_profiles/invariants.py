"""What must hold for a whole profile that no single field shows. Each rule yields (path in the document, problem)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator

from firmware_profiles.block_rules import block_problems
from firmware_profiles.command_rules import command_problems
from firmware_profiles.item_rules import item_problems
from firmware_profiles.log_rules import log_problems
from firmware_profiles.prepay_rules import prepay_problems
from firmware_profiles.setting_rules import setting_problems
from protocol.document import Problem
from protocol.profile import AnyProfile, DeviceKind, Verified
from protocol.profile_items import Protocol

_PLACEHOLDERS = frozenset({"todo", "tbd", "fixme", "unknown", "internal", "none", "xxx", "n/a"})
_PHASE_SHAPES = ("voltage", "current", "power_active", "power_reactive", "power_apparent", "power_factor", "energy_active_forward_phase")
_LINE_VOLTAGES = frozenset({"voltage_ab", "voltage_bc", "voltage_ca"})
_MUST_READ: dict[DeviceKind, tuple[str, ...]] = {
    DeviceKind.ELECTRICITY_METER: ("energy_active_forward", "energy_active_total"),
    DeviceKind.WATER_METER: ("water_volume",),
    DeviceKind.RELAY: ("relay_1",),
    DeviceKind.AIR_CONDITIONER: ("ac_power", "temperature"),  # infrared controllers cannot tell whether the unit runs; the room's temperature can
}


def profile_problems(profile: AnyProfile) -> Iterator[Problem]:
    """Everything that is wrong with one valid-looking profile."""
    for rule in RULES:
        yield from rule(profile)


def _names(profile: AnyProfile) -> Iterator[Problem]:
    for field in ("name", "maker"):
        if not re.search(r"[\u4e00-\u9fff]", getattr(profile, field).zh):
            yield (field, "zh"), f"expected a Chinese name, got {getattr(profile, field).zh!r}"


def _source(profile: AnyProfile) -> Iterator[Problem]:
    words = set(re.split(r"[\s,;:.()]+", profile.source.casefold()))
    if len(profile.source) < 20 or words & _PLACEHOLDERS:
        yield ("source",), f"expected the standard, manual or public driver the addresses come from, got {profile.source!r}"


def _left_open(profile: AnyProfile) -> Iterator[Problem]:
    """What `provision profile new` marks for a person to fill in."""
    shown = {"source": profile.source, "name": profile.name.zh, "maker": profile.maker.zh, "ask_maker": " ".join(profile.ask_maker)}
    for field, text in shown.items():
        if "FILL IN" in text or "请填" in text:
            yield (field,), f"still to be filled in: {text!r} (FILL IN and 请填 mark what the skeleton left open)"


def _groups(profile: AnyProfile) -> Iterator[Problem]:
    for index, item in enumerate(profile.items):
        if item.group not in profile.groups:
            yield ("items", index, "group"), f"group {item.group!r} has no period; expected one of {', '.join(profile.groups) or '(none)'}"
    used = {item.group for item in profile.items}
    for name in profile.groups:
        if name not in used:
            yield ("groups", name), f"no item belongs to group {name!r}; remove it or correct its spelling"


def _quantities_once(profile: AnyProfile) -> Iterator[Problem]:
    counts = Counter(item.quantity for item in profile.items)
    for index, item in enumerate(profile.items):
        if counts[item.quantity] > 1:
            yield ("items", index, "quantity"), f"quantity {item.quantity} stands {counts[item.quantity]} times; a device has one series of each"


def _must_read(profile: AnyProfile) -> Iterator[Problem]:
    wanted = _MUST_READ.get(profile.kind, ())
    if wanted and not any(item.quantity in wanted for item in profile.items):
        yield ("items",), f"a profile of kind {profile.kind.value} reads {' or '.join(wanted)}; none of its items does"


def _phases(profile: AnyProfile) -> Iterator[Problem]:
    if profile.kind is not DeviceKind.ELECTRICITY_METER:
        if profile.phases is not None:
            yield ("phases",), f"phases belong to electricity meters; remove it from a {profile.kind.value}"
        return
    if profile.phases is None:
        yield ("phases",), "an electricity meter says how many phases it measures: expected 1 or 3"
    quantities = {item.quantity for item in profile.items}
    for index, item in enumerate(profile.items):
        shape, _, phase = item.quantity.rpartition("_")
        if profile.phases == 1 and ((shape in _PHASE_SHAPES and phase in "bc") or item.quantity in _LINE_VOLTAGES):
            yield ("items", index, "quantity"), f"{item.quantity} in a single-phase profile; its values stand under phase a or the total"
        if profile.phases == 3 and shape in _PHASE_SHAPES and phase in ("a", "b", "c"):
            missing = [f"{shape}_{other}" for other in "abc" if f"{shape}_{other}" not in quantities]
            if missing:
                yield ("items", index, "quantity"), f"{item.quantity} without {', '.join(missing)}; three phases are read together"


def _timing(profile: AnyProfile) -> Iterator[Problem]:
    silent_ms = math.ceil(3.5 * profile.serial.bits_per_byte * 1000 / profile.serial.baud)
    if profile.protocol is Protocol.MODBUS_RTU and profile.timing.gap_ms < silent_ms:
        yield ("timing", "gap_ms"), f"expected at least 3.5 byte times, {silent_ms} ms at {profile.serial.baud} baud; got {profile.timing.gap_ms}"
    if profile.protocol in (Protocol.DLT645_2007, Protocol.DLT645_1997) and profile.timing.first_byte_ms < 500:
        yield ("timing", "first_byte_ms"), f"a DL/T 645 meter may take 500 ms to answer; got {profile.timing.first_byte_ms}"


def _trust(profile: AnyProfile) -> Iterator[Problem]:
    """A draft says what has to be found out; what is asked by bench or field profiles has been answered."""
    if profile.verified is Verified.DRAFT and not profile.ask_maker:
        yield ("verified",), "a draft rests on assumptions: list under `ask_maker` what the maker has to answer before it is trusted"
    for index, question in enumerate(profile.ask_maker):
        if len(question) < 15:
            yield ("ask_maker", index), f"expected a question that can be answered, got {question!r}"
    if profile.verified in (Verified.BENCH, Verified.FIELD) and profile.ask_maker:
        yield ("ask_maker",), f"a profile verified by {profile.verified.value} has no open questions; put what was found into `notes`"


RULES: tuple[Callable[[AnyProfile], Iterator[Problem]], ...] = (
    _names,
    _source,
    _left_open,
    _groups,
    _quantities_once,
    _must_read,
    _phases,
    _timing,
    _trust,
    item_problems,
    block_problems,
    command_problems,
    setting_problems,
    log_problems,
    prepay_problems,
)

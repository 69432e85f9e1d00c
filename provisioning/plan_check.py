"""Check a site plan against itself and the device profiles: mistakes stop an import, doubts are shown.

Pure: text and profiles come in, `file:line: problem` lines go out.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain

from pydantic import TypeAdapter

from protocol.document import Location, Problem, parse_yaml
from protocol.errors import ConfigError
from protocol.profile import REMEMBERED, AnyProfile, DeviceKind, ProfileMbus, Serial
from protocol.profile_items import Protocol
from protocol.site_plan import Device, Line, ReportingDevice, SitePlan, medium_problems, problems
from provisioning.profiles.budget import costs, line_share

_ADDRESS = {
    Protocol.DLT645_2007: (re.compile(r"\d{12}"), "12 digits"),
    Protocol.DLT645_1997: (re.compile(r"\d{12}"), "12 digits"),
    Protocol.CJT188: (re.compile(r"\d{14}"), "14 digits"),
    Protocol.MODBUS_RTU: (re.compile(r"[1-9]\d?|1\d\d|2[0-3]\d|24[0-7]"), "1 to 247, without leading zeros"),
    Protocol.MBUS: (re.compile(r"\d{8}"), "8 digits, the secondary address"),
}
_MBUS_PRIMARY = (re.compile(r"[1-9]\d?|1\d\d|2[0-4]\d|250"), "1 to 250, without leading zeros")
_REGISTER = {
    Protocol.DLT645_2007: (re.compile(r"[0-9A-F]{8}"), "8 hexadecimal digits"),
    Protocol.DLT645_1997: (re.compile(r"[0-9A-F]{4}"), "4 hexadecimal digits"),
    Protocol.CJT188: (re.compile(r"[0-9A-F]{4}"), "4 hexadecimal digits"),
    Protocol.MODBUS_RTU: (re.compile(r"[1-4]:0x[0-9A-F]{4}"), "FUNCTION:0xADDRESS, such as 4:0x0156"),
    Protocol.MBUS: (re.compile(r"(?!)"), "no captured registers"),
}
FULL_LINE = 0.8  # above this share of its time a line has no room for retries, dead devices and commands
_HEX = re.compile(r"([0-9A-Fa-f]{2})+")
_ADAPTER: TypeAdapter[SitePlan] = TypeAdapter(SitePlan)
Check = Callable[[SitePlan], Iterator[Problem]]


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What a check found: the plan, or None and its mistakes as `file:line: text`."""

    plan: SitePlan | None
    mistakes: tuple[str, ...]


def check_plan(text: str, name: str, profiles: Mapping[str, AnyProfile]) -> PlanReport:
    """Check a plan's text; mistakes of the whole document are listed together (the first 20, then a count)."""

    def mistakes(plan: SitePlan) -> Iterator[Problem]:
        yield from problems(plan)
        yield from medium_problems(plan, {key: profile.kind for key, profile in profiles.items()})
        yield from _profile_mistakes(plan, profiles)
        yield from _register_mistakes(plan, profiles)

    return PlanReport(*_parse(text, name, mistakes))


def plan_doubts(text: str, name: str, profiles: Mapping[str, AnyProfile]) -> tuple[str, ...]:
    """What looks like a slip in a plan without mistakes, as `file:line: text`."""
    return _parse(text, name, lambda plan: chain(_serial_doubts(plan, profiles), _load_doubts(plan, profiles)))[1]


def _parse(text: str, name: str, check: Check) -> tuple[SitePlan | None, tuple[str, ...]]:
    try:
        return parse_yaml(text, name, _ADAPTER, check), ()
    except ConfigError as error:
        return None, tuple(error.message.splitlines())


def _profile_mistakes(plan: SitePlan, profiles: Mapping[str, AnyProfile]) -> Iterator[Problem]:
    for path, device in plan.placed():
        profile = profiles.get(device.profile)
        if profile is None:
            near = difflib.get_close_matches(device.profile, profiles, n=3, cutoff=0.4)
            hint = f"; near: {', '.join(near)}" if near else "; see docs/profiles.md"
            yield (*path, "profile"), f"profile {device.profile!r} does not exist{hint}"
            continue
        pattern, expected = _MBUS_PRIMARY if isinstance(profile, ProfileMbus) and profile.by == "primary" else _ADDRESS[profile.protocol]
        if not pattern.fullmatch(device.address):
            yield (*path, "address"), f"address {device.address!r}: {profile.protocol.value} expects {expected}"
        if isinstance(device, ReportingDevice) and profile.kind is not DeviceKind.WATER_METER:
            yield (*path, "profile"), f"{device.profile} is a {profile.kind.value}; only water meters report by themselves"
    yield from _line_mistakes(plan, profiles)


def _line_mistakes(plan: SitePlan, profiles: Mapping[str, AnyProfile]) -> Iterator[Problem]:
    """What does not fit between a device and how its line asks it."""
    for path, line, device in _devices(plan):
        profile = profiles.get(device.profile)
        if profile is None:
            continue
        for group in device.poll_s.keys() - profile.groups.keys() - set(REMEMBERED):
            yield (*path, "poll_s"), f"profile {device.profile} has no poll group {group!r}; it has {', '.join(profile.groups)}"
        if profile.protocol is Protocol.MODBUS_RTU and line.data_bits == 7:
            yield (*path, "profile"), "Modbus RTU needs 8 data bits; the line is set to 7"


def _register_mistakes(plan: SitePlan, profiles: Mapping[str, AnyProfile]) -> Iterator[Problem]:
    if plan.rehearsal is None:
        return
    protocols = {device.id: profiles[device.profile].protocol for _, _, device in plan.devices() if device.profile in profiles}
    for index, one in enumerate(plan.rehearsal.devices):
        protocol = protocols.get(one.device)
        for key, value in one.registers.items():
            path: Location = ("rehearsal", "devices", index, "registers")
            if protocol is not None and not _REGISTER[protocol][0].fullmatch(key):
                yield path, f"register {key!r} of {one.device}: {protocol.value} expects {_REGISTER[protocol][1]}, upper case"
            if not _HEX.fullmatch(value):
                yield path, f"register {key} of {one.device}: expected bytes in hexadecimal, got {value!r}"


def _serial_doubts(plan: SitePlan, profiles: Mapping[str, AnyProfile]) -> Iterator[Problem]:
    """Devices whose shipped settings differ from their line's: it may be set so on site, more often it is a slip."""
    for path, line, device in _devices(plan):
        shipped, runs = _settings(profiles[device.profile].serial), _settings(line)
        if shipped != runs:
            yield (*path, "profile"), f"{device.profile} is shipped with {shipped}, the line runs {runs}; check the device's own setting"


def _load_doubts(plan: SitePlan, profiles: Mapping[str, AnyProfile]) -> Iterator[Problem]:
    """Lines that have more to read than time: their polls come late, and commands wait behind them."""
    costs_of = cache(lambda key: costs(profiles[key]))
    for g, gateway in enumerate(plan.gateways):
        for n, line in enumerate(gateway.lines):
            share = line_share(line, costs_of)
            if share > FULL_LINE:
                text = f"reading the {len(line.devices)} devices of {gateway.id}/{line.id} takes {100 * share:.0f} % of its time at {line.baud} baud"
                yield ("gateways", g, "lines", n, "id"), f"{text}; lengthen poll_s, raise the speed, or part the line"


def _settings(of: Line | Serial) -> str:
    return f"{of.baud} {of.data_bits}{of.parity}{of.stop_bits}"


def _devices(plan: SitePlan) -> Iterator[tuple[Location, Line, Device]]:
    for g, gateway in enumerate(plan.gateways):
        for n, line in enumerate(gateway.lines):
            for d, device in enumerate(line.devices):
                yield ("gateways", g, "lines", n, "devices", d), line, device

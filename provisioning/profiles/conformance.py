"""What a profile is worth: every check of one run, against a virtual device and, when there is one, the real device.

A check says what was expected and what was seen; a report of them is what somebody looks at before a profile goes into service.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from edge_agent.drivers.access import Access
from edge_agent.drivers.address import read_address
from edge_agent.lines.clock import Clock, SystemClock
from edge_agent.lines.line import Line
from edge_agent.lines.port import open_port
from edge_agent.lines.run_on import run_on
from protocol.profile import AnyProfile
from protocol.profile_items import RegisterItem
from protocol.site_plan import Device, VirtualFault
from protocol.site_plan import Line as LinePlan
from provisioning.profiles.beyond import switched, told_and_remembered, told_what_to_do
from provisioning.profiles.checks import Check, Conformance, State, Tell
from provisioning.profiles.trial import Trial, Tried, differences, timing_of, try_device
from provisioning.profiles.virtual_line import SITE_TIMEZONE, VirtualLine, virtual_line

SPOILT_ITEMS = 12  # read under each fault; a late reply costs seconds
FAULTS: tuple[tuple[str, VirtualFault], ...] = (
    ("noise around and inside replies", VirtualFault(kind="noisy", share=0.5)),
    ("half the checksums wrong", VirtualFault(kind="wrong_checksum", share=0.5)),
    ("an adapter that echoes", VirtualFault(kind="echoing")),
    ("some replies late", VirtualFault(kind="late_reply", share=0.3)),
)


FACTORY = Access()  # the password meters are shipped with


@dataclass(frozen=True, slots=True)
class Orders:
    """Commands a person agreed to have carried out on the real device, and its password."""

    commands: tuple[str, ...] = ()
    access: Access = FACTORY


def check_virtual(profile: AnyProfile, address: str, tell: Tell, clock: Clock | None = None) -> Conformance:
    """Play the profile as a device and read it with the agent's own driver over a baud-true line: whole, then with faults."""
    found = Conformance(profile)
    clock = clock or SystemClock()
    at_s = clock.wall_ms() / 1000
    with virtual_line(profile, address, at_s) as played, _opened(played.line, clock) as line:
        now = partial(_site_time, at_s)
        _add(found, tell, _reading(found, played, line))
        _add(found, tell, told_and_remembered("virtual", profile, played.device, line, now))
        for name, fault in FAULTS:
            played.play(fault)
            _add(found, tell, _under(profile, played, line, name))
            played.play(None)
        _add(found, tell, told_what_to_do(profile, played.device, line, now, found.trials["virtual"].values))
    return found


def check_device(
    profile: AnyProfile,
    device: Device,
    line_plan: LinePlan,
    expected: Mapping[str, int],
    orders: Orders,
    tell: Tell,
    clock: Clock | None = None,
) -> Conformance:
    """Read a real device in full and compare with what its display shows (`expected`: quantity -> base units). Writes nothing but `orders`."""
    found = Conformance(profile)
    with _opened(line_plan, clock or SystemClock()) as line:
        trial = found.trials["device"] = Trial(profile, device)
        for one in try_device(profile, device, line):
            trial.tried.append(one)
            tell(_of_request("device", one))
        beyond = list(told_and_remembered("device", profile, device, line, datetime.now)) if trial.values else []
        beyond += list(switched("device", profile, device, line, datetime.now, orders.commands, orders.access)) if trial.values else []
    _add(found, lambda _: None, iter([_of_request("device", one) for one in trial.tried]))
    _add(found, tell, iter(beyond))
    wrong = differences(trial.values, expected, profile.items)
    state: State = "failed" if wrong else "passed" if expected else "skipped"
    detail = "; ".join(wrong) or (f"{len(expected)} values agree" if expected else "give --expect QUANTITY=VALUE for what the display shows")
    _add(found, tell, iter([Check("device", "compared with the display", state, detail)]))
    return found


def ask_address(profile: AnyProfile, line_plan: LinePlan, clock: Clock | None = None) -> str:
    """The address of the only device on a line; raises what `read_address` raises."""
    with _opened(line_plan, clock or SystemClock()) as line:
        return run_on(line, read_address(profile), timing_of(profile))


def _site_time(at_s: float) -> datetime:
    """What a clock on the wall of the virtual line's site shows."""
    return datetime.fromtimestamp(at_s, ZoneInfo(SITE_TIMEZONE)).replace(tzinfo=None)


def _add(found: Conformance, tell: Tell, checks: Iterator[Check]) -> None:
    for check in checks:
        found.checks.append(check)
        tell(check)


@contextmanager
def _opened(plan: LinePlan, clock: Clock) -> Iterator[Line]:
    """A line of its own over a plan's port."""
    line = Line(open_port(plan), clock, plan.bits_per_byte / plan.baud, plan.gap_ms / 1000)
    try:
        yield line
    finally:
        line.close()


def _reading(found: Conformance, played: VirtualLine, line: Line) -> Iterator[Check]:
    """Everything once, each value beside the truth."""
    profile = found.profile
    trial = found.trials["virtual"] = Trial(profile, played.device)
    for one in try_device(profile, played.device, line):
        trial.tried.append(one)
        yield _of_request("virtual", one)
    truth = {item.quantity: _shown(item.quantity, played, profile) for item in profile.items}
    wrong = differences(trial.values, truth, profile.items)
    yield Check("virtual", "every value is what the device measures", "failed" if wrong else "passed", "; ".join(wrong) or f"{len(truth)} values")


def _under(profile: AnyProfile, played: VirtualLine, line: Line, name: str) -> Iterator[Check]:
    """Read on while answers are spoilt: a value may be missing, none may be wrong."""
    values: dict[str, int] = {}
    for one in try_device(profile, played.device, line, profile.items[:SPOILT_ITEMS]):
        values |= dict(one.values)
    truth = {quantity: _shown(quantity, played, profile) for quantity in values}
    wrong = differences(values, truth, profile.items)
    yield Check(
        "virtual", f"with {name}, no value is wrong", "failed" if wrong else "passed", "; ".join(wrong) or f"{len(values)} values came through"
    )


def _shown(quantity: str, played: VirtualLine, profile: AnyProfile) -> int:
    """What the register shows of the truth: flags show their own bits."""
    truth = played.truth(quantity)
    item = next(item for item in profile.items if item.quantity == quantity)
    if item.bits is not None:
        return round((truth & ((1 << item.bits[1]) - 1)) * item.factor())
    return int(bool(truth)) if isinstance(item, RegisterItem) and item.type == "bit" else truth


def _of_request(where: str, one: Tried) -> Check:
    name = "read " + " ".join(str(part) if isinstance(part, int) else part for part in one.request.key)
    log = tuple(f"{frame.direction} {frame.data.hex(' ').upper()}" for frame in one.frames)
    if one.error is not None:
        state: State = "skipped" if one.refused else "failed"
        return Check(where, name, state, one.error, log)
    values = ", ".join(f"{quantity} = {value}" for quantity, value in one.values)
    return Check(where, name, "failed" if one.bad else "passed", "; ".join([*one.bad, values]), log)

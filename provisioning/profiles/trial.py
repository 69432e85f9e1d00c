"""One device read in full on one line: every request with its bytes, what they mean, and what did not work. Reads only.

The bytes are what was really on the line; a trial is the raw material of a golden log and of a conformance report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from edge_agent.drivers.asking import replies_to
from edge_agent.drivers.driver import Driver, driver_for, refusal_lasts
from edge_agent.drivers.plan import Memory, Request, answered, plan, refused
from edge_agent.lines.exchange import ExchangeTiming, RawFrame
from edge_agent.lines.line import Line
from edge_agent.lines.run_on import run_on
from edge_agent.lines.timeouts import TD_MAX_S
from protocol.errors import CampusError, DeviceRefused, LineError, NoReply
from protocol.profile import AnyProfile
from protocol.profile_items import AnyItem
from protocol.site_plan import Device

ROUNDS = 2  # silence is believed after the first


@dataclass(frozen=True, slots=True)
class Tried:
    """One request and what came of it. `error` tells why there are no values; `refused`: the device said no; `bad`: values that could not be used."""

    request: Request
    frames: tuple[RawFrame, ...]
    values: tuple[tuple[str, int], ...] = ()
    bad: tuple[str, ...] = ()
    error: str | None = None
    refused: bool = False

    @property
    def frames_received(self) -> bool:
        """Whether anything at all came back."""
        return any(frame.direction == "<" and frame.data for frame in self.frames)  # silence is noted without bytes


@dataclass(slots=True)
class Trial:
    """Everything one run showed."""

    profile: AnyProfile
    device: Device
    tried: list[Tried] = field(default_factory=list)

    @property
    def values(self) -> dict[str, int]:
        """Quantity -> integer in base units, secondary side."""
        return {quantity: value for one in self.tried for quantity, value in one.values}

    @property
    def missing(self) -> tuple[str, ...]:
        """Quantities of the profile that the device did not give."""
        seen = self.values
        return tuple(dict.fromkeys(item.quantity for item in self.profile.items if item.quantity not in seen))


def try_device(profile: AnyProfile, device: Device, line: Line, items: Iterable[AnyItem] | None = None) -> Iterator[Tried]:
    """Read a device's items (default: all) and yield each request as it is done; stops after a device that never answers twice in a row.

    Raises EncodeError for an address that does not fit, PortUnavailable when the line goes.
    """
    driver, memory = driver_for(profile), Memory()
    driver.check(device)
    pending = plan(profile, device, profile.items if items is None else items, memory, 0.0)
    silent = 0
    while pending:
        request = pending.pop(0)
        one = _once(driver, request, line)
        if one.refused:
            pending = [*refused(profile, request, memory, 0.0), *pending]
        elif one.error is None:
            answered(memory, request)
        silent = silent + 1 if one.error is not None and not one.frames_received else 0
        yield one
        if silent > 1 and not memory.proven:
            return


def differences(values: Mapping[str, int], truth: Mapping[str, int], items: Iterable[AnyItem]) -> list[str]:
    """What was read otherwise than it is, in words. A register may be one step of its own away: it moved meanwhile, or shows no more."""
    steps = {item.quantity: abs(item.factor()) for item in items}
    found = []
    for quantity, expected in truth.items():
        got = values.get(quantity)
        step = steps.get(quantity, Fraction(1))
        if got is None:
            found.append(f"{quantity}: expected {expected}, not read")
        elif abs(got - expected) > max(step, Fraction(abs(expected), 1 << 20)):
            found.append(f"{quantity}: expected {expected}, read {got}")
    return found


def _once(driver: Driver, request: Request, line: Line) -> Tried:
    """One request with its follow-ups; the procedure tries each exchange twice, and what the line spoilt even then is tried once more."""
    error: CampusError | None = None
    for _ in range(ROUNDS):
        before = line.raw_frames()[-1:]
        try:
            decoded = driver.decode(request, run_on(line, replies_to(driver, request), timing_of(driver.profile)))
            return Tried(request, _since(line, before), decoded.values, decoded.bad)
        except DeviceRefused as told:
            return Tried(request, _since(line, before), error=told.message, refused=refusal_lasts(told))
        except LineError:
            raise
        except NoReply as told:
            return Tried(request, _since(line, before), error=told.message)
        except CampusError as told:
            error = told
    return Tried(request, _since(line, before), error=str(error))


def timing_of(profile: AnyProfile) -> ExchangeTiming:
    """The waits a profile asks for."""
    timing = profile.timing
    return ExchangeTiming(timing.gap_ms / 1000, timing.first_byte_ms / 1000, timing.between_bytes_ms / 1000, TD_MAX_S)


def _since(line: Line, before: list[RawFrame]) -> tuple[RawFrame, ...]:
    """What was said behind the last frame there was; the line forgets its oldest."""
    frames = line.raw_frames()
    at = next((place for place in range(len(frames), 0, -1) if before and frames[place - 1] is before[0]), 0)
    return tuple(frames[at:])

"""A device's clock: how far it is off the site's, and setting it by a write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from edge_agent.drivers.access import Access
from edge_agent.drivers.asking import UNHEARD, read_data
from edge_agent.drivers.procedure import Ask, Procedure
from edge_agent.drivers.stamps import decode_instant, encode_instant, encode_registers, read_stamp
from edge_agent.drivers.writes import Write, write_188, write_645, write_registers
from protocol.errors import DeviceRefused, PayloadError, Refused
from protocol.profile import AnyProfile, Profile188, Profile1997, Profile2007
from protocol.profile_logs import Clock188, Clock1997, Clock2007, ClockModbus
from protocol.site_plan import Device

Clock = Clock2007 | Clock1997 | Clock188 | ClockModbus
_DATE, _TIME = "YYMMDDWW", "hhmmss"
_LEVEL = "02"
SET_MS = 5_000  # a clock that was just set is not further off


def clock_of(profile: AnyProfile) -> Clock | None:
    """What the profile says of the device's clock."""
    clock: Clock | None = getattr(profile, "clock", None)
    return clock


def set_by_broadcast(profile: AnyProfile) -> bool:
    """True when a broadcast to the whole line corrects this model."""
    clock = clock_of(profile)
    return isinstance(clock, Clock2007 | Clock1997) and "broadcast" in clock.set_by


def read_clock(profile: AnyProfile, device: Device, now_local: Callable[[], datetime]) -> Procedure[int]:
    """Device time minus site time in ms, at the moment the reply arrived. Clocks show whole seconds, so it is good to a second.

    Raises Refused if the profile has no clock, PayloadError if the device shows no time.
    """
    clock = clock_of(profile)
    if clock is None:
        raise Refused(f"profile {profile.profile} has no clock", device=device.id)
    if isinstance(clock, Clock2007 | Clock1997):
        shown = yield from _date_and_time(profile, device, clock)
    else:
        shown = yield from read_stamp(profile, device, clock.read)
    arrived = now_local()
    if shown is None:
        raise PayloadError("the device shows no time: its clock has stopped or was never set", device=device.id)
    return (shown - arrived) // timedelta(milliseconds=1)


def set_clock(profile: AnyProfile, device: Device, access: Access, now_local: Callable[[], datetime]) -> Procedure[int]:
    """Write the site's time and return the offset that is left (as `read_clock`): only that reading tells what the writes did.

    Raises Refused if the model takes no such write, the device's refusal if its clock is still off afterwards.
    """
    refusal: DeviceRefused | None = None
    for build in _writes(profile, device, access):
        write = build(now_local())
        try:
            with suppress(*UNHEARD):
                write.check((yield Ask(write.transaction)))
        except DeviceRefused as error:
            refusal = error
    left_ms = yield from read_clock(profile, device, now_local)
    if refusal is not None and abs(left_ms) > SET_MS:
        raise refusal
    return left_ms


def _date_and_time(profile: AnyProfile, device: Device, clock: Clock2007 | Clock1997) -> Procedure[datetime | None]:
    """Two reads; where midnight may lie between them the date is asked again."""
    date = yield from read_data(profile, device, (clock.date,))
    time = yield from read_data(profile, device, (clock.time,))
    if time[1:3] == b"\x00\x00":
        date = yield from read_data(profile, device, (clock.date,))
    return decode_instant(_DATE + _TIME, time[:3] + date[:4])


def _writes(profile: AnyProfile, device: Device, access: Access) -> Sequence[Callable[[datetime], Write]]:
    """What sets the clock, each to be built with the time it is sent at."""
    clock = clock_of(profile)
    if isinstance(profile, Profile2007 | Profile1997) and isinstance(clock, Clock2007 | Clock1997) and "write" in clock.set_by:
        level = access.level or _LEVEL
        return (
            lambda now: write_645(profile, device, clock.date, encode_instant(_DATE, now), access, level),
            lambda now: write_645(profile, device, clock.time, encode_instant(_TIME, now), access, level),
        )
    if isinstance(profile, Profile188) and isinstance(clock, Clock188) and (di := clock.set_di) is not None:
        return (lambda now: write_188(profile, device, di, encode_instant(clock.read.format, now)),)
    if isinstance(clock, ClockModbus) and clock.set_function is not None:
        return (lambda now: write_registers(device, 16, clock.read.address, encode_registers(clock.read, now)),)
    raise Refused(f"profile {profile.profile} does not say that a write sets the clock", device=device.id)

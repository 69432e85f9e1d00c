"""Checks beyond polling: who the device is, its clock, what it froze and logged (any device), and what it can be told (virtual ones only)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial

from edge_agent.drivers.access import Access
from edge_agent.drivers.clock import clock_of, read_clock
from edge_agent.drivers.events import read_events
from edge_agent.drivers.freezes import read_freezes
from edge_agent.drivers.identity import read_identity
from edge_agent.drivers.load_records import read_load_records
from edge_agent.drivers.procedure import Procedure
from edge_agent.drivers.read_back import Written
from edge_agent.drivers.settings_write import write_setting
from edge_agent.drivers.switching import switch
from edge_agent.lines.line import Line
from edge_agent.lines.run_on import run_on
from protocol.errors import CampusError, DeviceRefused
from protocol.profile import AnyProfile, Profile2007, ProfileMbus
from protocol.profile_writes import Setting
from protocol.site_plan import Device
from provisioning.profiles.checks import Check
from provisioning.profiles.trial import timing_of

Now = Callable[[], datetime]  # site-local, naive
_FREEZES, _RECORDS = 2, 4  # read of each kind


def told_and_remembered(where: str, profile: AnyProfile, device: Device, line: Line, now: Now) -> Iterator[Check]:
    """Read identity, clock, freezes, event counts and load records. What a device refuses is skipped: it has none. Writes nothing."""
    if isinstance(profile, ProfileMbus):
        return

    def check(name: str, procedure: Callable[[], Procedure[str]]) -> Check:
        try:
            return Check(where, name, "passed", run_on(line, procedure(), timing_of(profile)))
        except DeviceRefused as refused:
            return Check(where, name, "skipped", refused.message)
        except CampusError as error:
            return Check(where, name, "failed", str(error))

    if profile.facts:
        yield check("identity", lambda: _identity(profile, device))
    if clock_of(profile) is not None:
        yield check("clock", lambda: _clock(profile, device, now))
    for place, freeze in enumerate(profile.freezes):
        yield check(f"frozen registers, {freeze.period}", partial(_freezes, profile, device, place, now()))
    if isinstance(profile, Profile2007):
        if profile.events:
            yield check("event logs", lambda: _events(profile, device))
        if profile.load_records is not None:
            yield check("load records", lambda: _load_records(profile, device, now()))


def told_what_to_do(profile: AnyProfile, device: Device, line: Line, now: Now, values: Mapping[str, int]) -> Iterator[Check]:
    """Carry out every command and write every setting of a virtual device, each proved by its reading; then put settings back."""
    yield from switched("virtual", profile, device, line, now, [command.name for command in profile.commands], Access())
    for setting in profile.settings:
        for value in _tried_values(profile, setting, values):
            what = f"{setting.name} = {value}"
            procedure = write_setting(profile, device, setting.name, value, Access())
            yield _written("virtual", what, partial(run_on, line, procedure, timing_of(profile)))


def switched(where: str, profile: AnyProfile, device: Device, line: Line, now: Now, commands: Iterable[str], access: Access) -> Iterator[Check]:
    """Carry out these commands, each proved by its reading."""
    for name in commands:
        procedure = switch(profile, device, name, access, now)
        yield _written(where, name, partial(run_on, line, procedure, timing_of(profile)))


def _identity(profile: AnyProfile, device: Device) -> Procedure[str]:
    facts = yield from read_identity(profile, device)
    return ", ".join(f"{name} {text}" for name, text in facts.items()) or "it tells nothing of itself"


def _clock(profile: AnyProfile, device: Device, now: Now) -> Procedure[str]:
    offset_ms = yield from read_clock(profile, device, now)
    return f"{offset_ms / 1000:+.0f} s beside this machine's clock"


def _freezes(profile: AnyProfile, device: Device, place: int, now: datetime) -> Procedure[str]:
    if isinstance(profile, ProfileMbus):
        return ""
    found = yield from read_freezes(profile, device, profile.freezes[place], lambda _: False, _FREEZES, now)
    return (
        "; ".join(f"{one.at:%Y-%m-%d %H:%M} " + ", ".join(f"{quantity} = {value}" for quantity, value in one.values) for one in found) or "none yet"
    )


def _events(profile: Profile2007, device: Device) -> Procedure[str]:
    counts = []
    for log in profile.events:
        try:
            count, _ = yield from read_events(profile, device, log, None)
        except DeviceRefused:
            continue
        counts.append(f"{log.event} {count}")
    return ", ".join(counts) or "it keeps none of these logs"


def _load_records(profile: Profile2007, device: Device, now: datetime) -> Procedure[str]:
    interval_s = profile.load_records.interval_s if profile.load_records is not None else 0
    found = yield from read_load_records(profile, device, now - timedelta(seconds=_RECORDS * interval_s), _RECORDS)
    return "; ".join(f"{one.at:%H:%M} {len(one.values)} values" for one in found) or "none yet"


def _written(where: str, what: str, run: Callable[[], Written]) -> Check:
    try:
        written = run()
    except CampusError as error:
        return Check(where, what, "failed", str(error))
    passed = written.outcome in ("done", "already")
    said = f"; the device said: {written.refusal.message}" if written.refusal is not None else ""
    return Check(where, what, "passed" if passed else "failed", f"{written.outcome}, reads {written.seen}{said}")


def _tried_values(profile: AnyProfile, setting: Setting, values: Mapping[str, int]) -> list[int]:
    """A value in the middle that the register can show, then the one that was there, if it may be written."""
    item = next(item for item in profile.items if item.quantity == setting.quantity)
    step = abs(item.factor())
    middle = round(round((setting.least + setting.most) / 2 / step) * step)
    before = values.get(setting.quantity)
    return [middle, *([before] if before is not None and setting.least <= before <= setting.most else [])]

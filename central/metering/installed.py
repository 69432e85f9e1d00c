"""Since when a meter hangs there, where the plan says it (`installed`): for devices that are new to central. A stay that has begun is never moved.

A site comes to this platform with meters that have counted for years; what they counted since their day belongs to the point, however late read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from central.consumption.days import bounds, day_of
from central.db.pool import Connection
from central.db.statements import load_statements, number
from central.metering.registry import Stay
from protocol.site_plan import Problem, SitePlan

_SQL = load_statements("central.metering")


@dataclass(frozen=True, slots=True)
class Stood:
    """What stood where so far. `began_ms`: device -> when its stays began. `occupied_ms`: point -> until when its last meter stood there."""

    began_ms: Mapping[str, Sequence[int]]
    occupied_ms: Mapping[str, int]
    now_ms: int


def load_stood(conn: Connection) -> Stood:
    """Every stay so far, in short."""
    began, occupied = (dict(conn.execute(_SQL[name]).fetchall()) for name in ("began", "occupied_until"))
    return Stood(began, occupied, number(conn, _SQL["transaction_ms"]))


def installed_problems(plan: SitePlan, stood: Stood) -> Iterator[Problem]:
    """Days that cannot be: to come, none on which a known device's stays began, or of a time when another meter stood at the point.

    The plan's time zone must be one.
    """
    zone = plan.site.timezone
    for path, device in plan.placed():
        if device.installed is None:
            continue
        began, midnight_ms = [day_of(at_ms, zone) for at_ms in stood.began_ms.get(device.id, ())], bounds(device.installed, zone)[0]
        if began and device.installed not in began:
            text = f"device {device.id!r} stands since {began[-1]}, not {device.installed}, and a plan does not move that; write that day or none"
            yield (*path, "installed"), text
        elif midnight_ms > stood.now_ms:
            yield (*path, "installed"), f"{device.installed} is still to come; expected today ({day_of(stood.now_ms, zone)}) or a day before"
        elif not began and midnight_ms < stood.occupied_ms.get(device.stands_at, 0):
            until = day_of(stood.occupied_ms[device.stands_at], zone)
            text = f"another meter stood at point {device.stands_at!r} until {until}; expected a later day, or no `installed`: then it begins now"
            yield (*path, "installed"), text


def newly_installed(stays: Iterable[Stay], stood: Stood) -> list[Stay]:
    """The stays, with the day left out where the device is known: what begins anew for it begins now."""
    return [replace(stay, installed=None) if stay.device in stood.began_ms else stay for stay in stays]

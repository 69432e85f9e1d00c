"""One series hour by hour: what was due, what is there, what is made up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from central.completeness.expected import expectations, period_s
from central.completeness.model import GRACE_MS, Hour, SeriesHours
from central.completeness.tally import Windows, due_windows, tally
from central.consumption.days import bounds, days_between
from central.consumption.load import site_zone
from central.db.copy import copy_out
from central.db.pool import Connection
from central.db.statements import load_statements, rows
from central.ingest.pack import unpack
from central.metering.device import get_device
from central.metering.model import DeviceView
from protocol.errors import Refused
from protocol.profile import AnyProfile

_SQL = load_statements("central.completeness")
HOUR_MS = 3_600_000
MAX_DAYS = 62
Profiles = Mapping[str, AnyProfile]


@dataclass(frozen=True, slots=True)
class _Stay:
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class _Series:
    series_id: int


@dataclass(frozen=True, slots=True)
class _Period:
    period_s: int


@dataclass(frozen=True, slots=True)
class _Register:
    register: str


def series_hours(conn: Connection, profiles: Profiles, device: str, quantity: str | None, from_ms: int, to_ms: int, now_ms: int) -> SeriesHours:
    """The hours of from <= time < to, whole local days at most MAX_DAYS long. `quantity` None: the register that stands for the device.

    Raises NotFound (no such device) and Refused (too long). The period is the one in force now.
    """
    view = get_device(conn, device)
    profile = profiles.get(view.profile)
    wanted = quantity or main_quantity(conn, view, profile)
    reporting = rows(conn, _SQL["reporting_period"], _Period, device=device)
    period_ms = (reporting[0].period_s if reporting else period_s(profile, view.poll_s, wanted)) * 1000
    hours: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    if to_ms - from_ms > MAX_DAYS * 24 * HOUR_MS:
        raise Refused(f"at most {MAX_DAYS} days can be looked at hour by hour; ask for a part")
    zone = site_zone(conn)
    for day in days_between(from_ms, min(to_ms, now_ms), zone):
        for hour_ms, due in _day_hours(conn, device, wanted, bounds(day, zone), now_ms - GRACE_MS, period_ms):
            for kind, amount in enumerate(due):
                hours[hour_ms][kind] += amount
    found = tuple(Hour(at_ms, *hours[at_ms]) for at_ms in sorted(hours) if from_ms <= at_ms < to_ms)
    return SeriesHours(device, wanted, period_ms // 1000, found)


def main_quantity(conn: Connection, view: DeviceView, profile: AnyProfile | None) -> str:
    """The quantity that stands for the device: the register that counts, else what its profile reads first; empty where there is nothing."""
    known = rows(conn, _SQL["register"], _Register, device=view.code)
    expected = expectations({view.profile: profile}) if profile else []
    candidates = [row.register for row in known] + [one.quantity for one in expected if one.quantity in view.quantities]
    return next(iter([*candidates, *(one.quantity for one in expected), *view.quantities]), "")


def _day_hours(
    conn: Connection, device: str, quantity: str, day: tuple[int, int], upto_ms: int, period_ms: int
) -> Iterator[tuple[int, tuple[int, int, int]]]:
    """Per due period of a day: the hour it begins in, and (1, measured, made up)."""
    stays = [(row.from_ms, row.to_ms) for row in rows(conn, _SQL["stays"], _Stay, device=device, from_ms=day[0], to_ms=day[1])]
    found = list(due_windows(day, stays, upto_ms, period_ms))
    if not found:
        return
    series = next((row.series_id for row in rows(conn, _SQL["series"], _Series, device=device, quantity=quantity)), 0)
    windows = Windows(*np.array([(series, *window, period_ms) for window in found], np.int64).T)
    read = unpack(copy_out(conn, _SQL["copy_readings"], {"ids": [series], "from_ms": day[0], "to_ms": day[1]}))
    measured, made_up = tally(windows, read.series_id, read.measured_at_ms, read.quality)
    begins = [at_ms for from_ms, to_ms in found for at_ms in range(from_ms, to_ms, period_ms)]
    for begin, is_measured, is_made_up in zip(begins, measured.tolist(), made_up.tolist(), strict=True):
        yield day[0] + (begin - day[0]) // HOUR_MS * HOUR_MS, (1, int(is_measured), int(is_made_up))

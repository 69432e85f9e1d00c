"""The local calendar of a named zone: where a day begins and ends, its quarter-hour slots, its month. Costs nothing a point: days are remembered."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from central.consumption.model import SLOT_MS, Integers
from protocol.errors import ConfigError

_LOCAL = re.compile(r"(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2})(?::(\d{2}))?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def bounds(day: date, zone: str) -> tuple[int, int]:
    """First instant of a local day and of the one after it."""
    return _midnight_ms(day, zone), _midnight_ms(day + timedelta(days=1), zone)


def day_of(at_ms: int, zone: str) -> date:
    """The local day an instant lies in; midnight belongs to the day it begins."""
    return datetime.fromtimestamp(at_ms // 1000, _zone(zone)).date()


def closes(at_ms: int, zone: str) -> date:
    """The local day that a freeze taken at this instant closes: at midnight the one that ends."""
    return day_of(at_ms - 1, zone)


@lru_cache(maxsize=4096)
def boundaries(day: date, zone: str) -> Integers:
    """The n+1 instants between the slots of a day, both its ends included (96 slots; 92 or 100 where the clock is put on or back). Read-only."""
    start_ms, end_ms = bounds(day, zone)
    edges = np.append(np.arange(start_ms, end_ms, SLOT_MS, dtype=np.int64), np.int64(end_ms))
    edges.setflags(write=False)
    return edges


@lru_cache(maxsize=4096)
def quarters(day: date, zone: str) -> Integers:
    """Which quarter of the wall clock's day (0 to 95) every slot of a day begins in; where the clock is changed some are missing or come twice."""
    edges = boundaries(day, zone)
    if len(edges) == 97:
        found = np.arange(96, dtype=np.int64)
    else:
        clocks = [datetime.fromtimestamp(edge // 1000, _zone(zone)) for edge in edges[:-1].tolist()]
        found = np.array([clock.hour * 4 + clock.minute // 15 for clock in clocks], np.int64)
    found.setflags(write=False)
    return found


def days_between(from_ms: int, to_ms: int, zone: str) -> list[date]:
    """The local days that [from_ms, to_ms) touches; of an empty interval none."""
    if to_ms <= from_ms:
        return []
    first, last = day_of(from_ms, zone), day_of(to_ms - 1, zone)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def month_of(day: date) -> date:
    """The first of the day's month."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    """The first of the following month."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def month_bounds(month: date, zone: str) -> tuple[int, int]:
    """First instant of a local month and of the one after it."""
    return _midnight_ms(month_of(month), zone), _midnight_ms(next_month(month), zone)


def days_of_month(month: date) -> list[date]:
    """Every day of the month."""
    first = month_of(month)
    return [first + timedelta(days=number) for number in range((next_month(first) - first).days)]


def parse_local(text: str, zone: str) -> int:
    """The instant of `2025-03-01 23:45[:00]`; `24:00` is the next day's 00:00. Of an hour that comes twice the first. Raises ConfigError."""
    found = _LOCAL.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{text!r} is no local time; expected YYYY-MM-DD HH:MM or HH:MM:SS, the day's end as 24:00")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    whole = hour == 24 and minute == second == 0
    try:
        local = datetime(year, month, day, 0 if whole else hour, minute, second, tzinfo=_zone(zone)) + timedelta(days=int(whole))
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"{text!r} is no local time: {error}") from error
    instant = local.astimezone(UTC)
    if instant.astimezone(_zone(zone)).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise ConfigError(f"{text!r} does not exist in {zone}: the clock is put on over it")
    return (instant - _EPOCH) // timedelta(milliseconds=1)


@lru_cache(maxsize=8192)
def _midnight_ms(day: date, zone: str) -> int:
    local = datetime(day.year, day.month, day.day, tzinfo=_zone(zone))
    return (local - _EPOCH) // timedelta(milliseconds=1)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(f"{name!r} is no time zone; expected a name such as Asia/Shanghai") from error

"""What virtual devices did before their first start: days that differ, a holiday, a leak, a rise, as appliances beside their usual load. Pure.

A device's counter is a closed form over all time (physics), so its past needs no second model: what is plugged in here counts in every register that
is asked for, made-up readings, freezes and live values alike, and none of them can contradict another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from provisioning.virtual import physics
from provisioning.virtual.physics import Load, Shape
from provisioning.virtual.supply import Appliance

HOUR_S, DAY_S = 3_600, 86_400
QUARTERS_DAYS = 3  # the newest days are read every quarter of an hour
LEAK_L_H = 45
RISE_PERCENT = 60
_LEAK_DAYS, _RISE_DAYS, _HOLIDAY_DAYS = 7, 8, 18  # ago
_WEEKEND = 5
_MONDAY_S = 4 * DAY_S  # 1970-01-05
# When a day may be busier than usual: (first hour, hour behind the last).
_BUSY: MappingProxyType[Shape, tuple[int, int]] = MappingProxyType(
    {Shape.DORM: (17, 24), Shape.CLASSROOM: (8, 22), Shape.OFFICE: (8, 18), Shape.WATER: (6, 23)}
)


@dataclass(frozen=True, slots=True)
class Past:
    """A stretch of time before now, Unix seconds: from a local midnight until a full quarter of an hour."""

    seed: int
    from_s: int
    until_s: int
    utc_offset_s: int

    @property
    def today_s(self) -> int:
        """The local midnight before its end."""
        return self.until_s - (self.until_s + self.utc_offset_s) % DAY_S


def past_of(seed: int, days: int, now_s: float, utc_offset_s: int) -> Past:
    """So many whole local days, and today until now."""
    until_s = int(now_s) // 900 * 900
    return Past(seed, until_s - (until_s + utc_offset_s) % DAY_S - days * DAY_S, until_s, utc_offset_s)


def instants(past: Past) -> Iterator[int]:
    """When meters were read: every hour, in the newest days every quarter of one; the last is the end."""
    finer_s = max(past.from_s, past.today_s - (QUARTERS_DAYS - 1) * DAY_S)
    yield from range(past.from_s, finer_s, HOUR_S)
    yield from range(finer_s, past.until_s + 1, 900)


def holiday_s(past: Past) -> int | None:
    """The local midnight of a Wednesday that is a holiday in offices and classrooms; None where the past is too short for one."""
    at_s = past.today_s - _HOLIDAY_DAYS * DAY_S
    at_s += (2 - _weekday(past, at_s)) * DAY_S
    return at_s if past.from_s <= at_s < past.today_s - QUARTERS_DAYS * DAY_S else None


def usual(past: Past, device: str, load: Load) -> list[Appliance]:
    """What made some days differ from others: the weather for all, chance for each, and the holiday."""
    return [*_busy_days(past, device, load), *_holiday(past, load)]


def leak(past: Past) -> Appliance:
    """Water that runs day and night since a week, and still does."""
    return Appliance("leak", LEAK_L_H * 1000, past.today_s - _LEAK_DAYS * DAY_S - 2 * HOUR_S)


def rise(past: Past, load: Load) -> Appliance:
    """Something that was switched on eight days ago and forgotten."""
    return Appliance("forgotten", load.average * RISE_PERCENT // 100, past.today_s - _RISE_DAYS * DAY_S)


def _busy_days(past: Past, device: str, load: Load) -> Iterator[Appliance]:
    first_h, last_h = _BUSY[load.shape]
    for at_s in range(past.from_s, past.today_s, DAY_S):
        weather = 60 + int(60 * physics.wave(past.seed, "weather", at_s, 9 * DAY_S))
        percent = (weather + physics.chosen(past.seed, f"{device}/busy/{at_s}", 181)) // 10
        yield Appliance(f"busy-{at_s}", load.average * percent // 100, at_s + first_h * HOUR_S, at_s + last_h * HOUR_S)


def _holiday(past: Past, load: Load) -> Iterator[Appliance]:
    """A weekday that goes like a Saturday: each hour less by the difference."""
    at_s = holiday_s(past)
    if at_s is None or load.shape not in (Shape.CLASSROOM, Shape.OFFICE):
        return
    for hour in range(24):
        less = load.hourly(_WEEKEND, hour) - load.hourly(_weekday(past, at_s), hour)
        yield Appliance(f"holiday-{hour}", less, at_s + hour * HOUR_S, at_s + (hour + 1) * HOUR_S)


def _weekday(past: Past, at_s: int) -> int:
    return (at_s + past.utc_offset_s - _MONDAY_S) // DAY_S % 7

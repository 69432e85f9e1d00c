"""How much a virtual consumer takes, as an exact function of wall time. Pure and deterministic: a restart continues every counter.

Power is constant over slots of five minutes: an hourly weight of the weekday, plus noise that cancels within each pair of slots. So the
integral from the anchor to any instant is a closed form in integers, rises for ever, and needs no stored state.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

ANCHOR_S = 1_736_121_600  # 2025-01-06 00:00, a Monday, in local seconds; counters start here
_SLOT_MS = 300_000
_PAIR_MS = 2 * _SLOT_MS
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_WEEK_MS = 7 * _DAY_MS


class Shape(StrEnum):
    """Whose day it is."""

    DORM = "dorm"
    CLASSROOM = "classroom"
    OFFICE = "office"
    WATER = "water"


# Per cent of the average, hour by hour: (Monday to Friday, Saturday and Sunday).
_WEIGHTS: MappingProxyType[Shape, tuple[tuple[int, ...], tuple[int, ...]]] = MappingProxyType(
    {
        Shape.DORM: (
            (60, 45, 40, 38, 38, 42, 75, 95, 70, 55, 55, 80, 115, 95, 62, 60, 66, 95, 145, 185, 205, 215, 190, 120),
            (85, 60, 48, 42, 40, 40, 50, 70, 95, 105, 110, 125, 135, 120, 110, 108, 112, 125, 150, 170, 185, 195, 180, 130),
        ),
        Shape.CLASSROOM: (
            (8, 8, 8, 8, 8, 8, 20, 110, 230, 260, 255, 220, 70, 90, 240, 250, 235, 190, 90, 160, 155, 120, 30, 10),
            (8, 8, 8, 8, 8, 8, 10, 20, 60, 80, 80, 60, 30, 40, 70, 80, 70, 50, 40, 60, 60, 40, 15, 8),
        ),
        Shape.OFFICE: (
            (25, 25, 25, 25, 25, 28, 40, 90, 190, 215, 220, 195, 120, 150, 215, 220, 205, 160, 90, 60, 45, 35, 28, 25),
            (25, 25, 25, 25, 25, 25, 28, 32, 40, 45, 45, 42, 38, 38, 42, 42, 40, 36, 32, 30, 28, 26, 25, 25),
        ),
        Shape.WATER: (
            (15, 8, 5, 5, 5, 20, 160, 230, 130, 70, 60, 110, 150, 90, 50, 50, 65, 120, 160, 190, 230, 250, 170, 60),
            (30, 15, 8, 5, 5, 10, 60, 120, 160, 150, 130, 140, 160, 120, 90, 90, 95, 130, 170, 190, 210, 220, 170, 80),
        ),
    }
)
TARIFF_HOURS: MappingProxyType[str, frozenset[int]] = MappingProxyType(
    {
        "sharp": frozenset({19, 20}),
        "peak": frozenset({8, 9, 10, 17, 18, 21}),
        "flat": frozenset({7, 11, 12, 13, 14, 15, 16, 22}),
        "valley": frozenset({23, 0, 1, 2, 3, 4, 5, 6}),
    }
)
_ALL_DAY = frozenset(range(24))


@dataclass(frozen=True, slots=True)
class Load:
    """One consumer. `average`: its mean power in mW (or flow in mL/h), about; `seed` and `name` choose its noise."""

    seed: int
    name: str
    shape: Shape
    average: int

    def rate(self, local_ms: int) -> int:
        """Return the momentary power (mW) or flow (mL/h), never negative."""
        day, in_day = divmod(local_ms - ANCHOR_S * 1000, _DAY_MS)
        base = self.hourly(day % 7, in_day // _HOUR_MS)
        pair, in_pair = divmod(in_day, _PAIR_MS)
        noise = base * _noise_permille(self.seed, self.name, day, pair) // 1000
        return base + noise if in_pair < _SLOT_MS else base - noise

    def taken(self, local_ms: int, hours: frozenset[int] = _ALL_DAY) -> int:
        """Return rate x milliseconds from the anchor to now, counting only the given hours of the day; exact, and it never falls."""
        weeks, in_week = divmod(max(0, local_ms - ANCHOR_S * 1000), _WEEK_MS)
        weekday, in_day = divmod(in_week, _DAY_MS)
        hour, in_hour = divmod(in_day, _HOUR_MS)
        total = weeks * sum(self._day(d, 24, hours) for d in range(7))
        total += sum(self._day(d, 24, hours) for d in range(weekday)) + self._day(weekday, hour, hours)
        return total + (self._in_hour(7 * weeks + weekday, hour, in_hour) if hour in hours else 0)

    def hourly(self, weekday: int, hour: int) -> int:
        """Return the mean power (mW) or flow (mL/h) of an hour of the day; Monday is 0."""
        return self.average * _WEIGHTS[self.shape][weekday >= 5][hour] // 100

    def _day(self, weekday: int, until_hour: int, hours: frozenset[int]) -> int:
        return _day_sum(self.shape, self.average, weekday >= 5, until_hour, hours)

    def _in_hour(self, day: int, hour: int, in_hour: int) -> int:
        """Rate x ms since the hour began: whole pairs of slots carry no noise."""
        base = self.hourly(day % 7, hour)
        pair, in_pair = divmod(in_hour, _PAIR_MS)
        noise = base * _noise_permille(self.seed, self.name, day, hour * (_HOUR_MS // _PAIR_MS) + pair) // 1000
        first, second = min(in_pair, _SLOT_MS), max(0, in_pair - _SLOT_MS)
        return base * (pair * _PAIR_MS + in_pair) + noise * (first - second)


def steady(rate: int, from_ms: int, until_ms: int, hours: frozenset[int] = _ALL_DAY) -> int:
    """Return a constant rate x milliseconds between two local instants, counting only the given hours of the day."""
    counted_ms = until_ms - from_ms if len(hours) == len(_ALL_DAY) else _counted_ms(until_ms, hours) - _counted_ms(from_ms, hours)
    return rate * counted_ms


def _counted_ms(local_ms: int, hours: frozenset[int]) -> int:
    days, in_day = divmod(local_ms, _DAY_MS)
    hour, in_hour = divmod(in_day, _HOUR_MS)
    return (days * len(hours) + sum(one in hours for one in range(hour))) * _HOUR_MS + (in_hour if hour in hours else 0)


@lru_cache(maxsize=16_384)
def _day_sum(shape: Shape, average: int, weekend: bool, until_hour: int, hours: frozenset[int]) -> int:
    weights = _WEIGHTS[shape][weekend]
    return sum(average * weights[hour] // 100 for hour in range(until_hour) if hour in hours) * _HOUR_MS


def _noise_permille(seed: int, name: str, day: int, pair: int) -> int:
    """Noise of a pair of slots, -400..400 per mille of the hour's base: the second slot gets the opposite."""
    return chosen(seed, f"{name}/{day}/{pair}", 801) - 400


def chosen(seed: int, name: str, among: int) -> int:
    """Return a number in 0..among-1 that depends on seed and name only."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % among


def wave(seed: int, name: str, local_s: float, period_s: float) -> float:
    """Return a slow sine in -1..1 whose phase depends on seed and name."""
    return math.sin(2 * math.pi * (local_s / period_s + chosen(seed, name, 1000) / 1000))


def voltage_mv(seed: int, device: str, phase: str, local_s: float) -> int:
    """Return a phase voltage, 220 to 235 V, drifting over the day."""
    daily = wave(seed, f"{device}/u", local_s, 86_400) * 5_000
    return int(227_500 + daily + wave(seed, f"{device}/u{phase}", local_s, 1_100) * 1_500 + wave(seed, f"{device}/v{phase}", local_s, 97) * 500)


def power_factor_permille(seed: int, device: str, local_s: float) -> int:
    """Return a power factor between 0.90 and 0.99."""
    return int(920 + chosen(seed, f"{device}/pf", 51) + wave(seed, f"{device}/pf", local_s, 3_600) * 18)


def temperature_mdeg(seed: int, device: str, local_s: float) -> int:
    """Return a room's temperature in m°C."""
    return int(24_000 + wave(seed, "season", local_s, 365 * 86_400) * 3_000 + wave(seed, f"{device}/t", local_s, 86_400) * 2_500)


def humidity_permille(seed: int, device: str, local_s: float) -> int:
    """Return a room's relative humidity."""
    return int(550 + wave(seed, f"{device}/rh", local_s, 43_200) * 120)


def frequency_mhz(seed: int, local_s: float) -> int:
    """Return the grid's frequency in mHz; the same for the whole site."""
    return int(50_000 + wave(seed, "grid", local_s, 613) * 25)

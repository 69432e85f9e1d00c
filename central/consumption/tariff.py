"""Tariffs: which rate every quarter of an hour has, and what a kilowatt-hour costs in it. Pure; a body is JSON as table tariff_version keeps it.

    {"source": "document the prices come from",
     "prices": {"peak": 10432, "flat": 6215, "valley": 3107},                        1/10000 yuan a kWh
     "plans": [{"months": [1, ..., 12], "kinds": ["workday", "weekend", "holiday"],
                "periods": [{"from": "00:00", "to": "08:00", "rate": "valley"}, ..., {"from": "22:00", "to": "24:00", "rate": "valley"}]}]}

Every month and kind of day has exactly one plan, every plan covers the day exactly once. A version holds from local midnight of `valid_from` until
that of the next one, so that every slot is priced once.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, ValidationError

from central.consumption.model import RATES, Integers
from protocol.errors import ConfigError
from protocol.record import Record

Rate = Literal["sharp", "peak", "flat", "valley", "deep_valley"]
_QUARTERS = 96
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")


class DayKind(StrEnum):
    """What a day is to a tariff."""

    WORKDAY = "workday"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True)
class Tariff:
    """A tariff as computed with. `prices`: None for a rate no quarter has. `rates`: (month, kind of day) -> place in RATES of 96 quarters."""

    source: str
    prices: tuple[int | None, ...]
    rates: Mapping[tuple[int, DayKind], Integers]


class Period(Record):
    """From one time of day to another, in one rate."""

    start: str = Field(alias="from")
    end: str = Field(alias="to")
    rate: Rate


class Plan(Record):
    """The rates of a day in some months and on some kinds of day."""

    months: tuple[Annotated[int, Field(ge=1, le=12, strict=True)], ...] = Field(min_length=1)
    kinds: tuple[DayKind, ...] = Field(min_length=1)
    periods: tuple[Period, ...] = Field(min_length=1, max_length=_QUARTERS)


class Body(Record):
    """A tariff as written."""

    source: str = Field(min_length=1, max_length=500)
    prices: dict[Rate, Annotated[int, Field(ge=0, le=10**8, strict=True)]]
    plans: tuple[Plan, ...] = Field(min_length=1, max_length=36)


def parse_tariff(body: object, name: str) -> Tariff:
    """The tariff of a JSON body. `name` is what errors call it. Raises ConfigError that says where in the body."""
    try:
        written = Body.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"tariff {name}: {_place(first['loc'])}: {first['msg']}, got {first['input']!r}") from error
    rates: dict[tuple[int, DayKind], Integers] = {}
    for number, plan in enumerate(written.plans):
        day = _day(plan, f"tariff {name}: plans[{number}]")
        for key in ((month, kind) for month in plan.months for kind in plan.kinds):
            if key in rates:
                raise ConfigError(f"tariff {name}: plans[{number}]: month {key[0]}, {key[1].value} has a plan already; name it in one plan only")
            rates[key] = day
    _check_whole(rates, written, name)
    prices: dict[str, int] = dict(written.prices.items())
    return Tariff(written.source, tuple(prices.get(rate) for rate in RATES), rates)


def rate_of_slots(tariff: Tariff, day: date, kind: DayKind, slots: Integers) -> Integers:
    """The place in RATES of every slot. `slots`: the quarter of the day each begins in (`days.quarters`)."""
    return tariff.rates[day.month, kind][slots]


def version_of(versions: Sequence[tuple[date, Tariff]], day: date) -> tuple[date, Tariff] | None:
    """The version in force on a day; None before the first. `versions` rise by the day they are valid from."""
    place = bisect_right(versions, day, key=lambda version: version[0])
    return versions[place - 1] if place else None


def kind_of(day: date, calendar: Mapping[date, str]) -> DayKind:
    """What a day is: by the calendar of exceptions (`holiday` or `workday`), else by its weekday."""
    exception = calendar.get(day)
    if exception is not None:
        return DayKind(exception)
    return DayKind.WEEKEND if day.weekday() >= 5 else DayKind.WORKDAY


def _day(plan: Plan, where: str) -> Integers:
    day = np.empty(_QUARTERS, np.int64)
    reached = 0
    for number, period in enumerate(plan.periods):
        here = f"{where}.periods[{number}]"
        start, end = _quarter(period.start, f"{here}.from"), _quarter(period.end, f"{here}.to")
        if start != reached:
            problem = "leaves a gap" if start > reached else "overlaps"
            raise ConfigError(f"{here} {problem}: it must begin at {_clock(reached)}, where the one before it ends, got {period.start}")
        if end <= start:
            raise ConfigError(f"{here} ends at {period.end}, not after it begins; split a period at midnight in two")
        day[start:end] = RATES.index(period.rate)
        reached = end
    if reached != _QUARTERS:
        raise ConfigError(f"{where}.periods end at {_clock(reached)}; the last one must reach 24:00")
    day.setflags(write=False)
    return day


def _quarter(text: str, where: str) -> int:
    found = _CLOCK.fullmatch(text)
    minutes = int(found[1]) * 60 + int(found[2]) if found else -1
    if not 0 <= minutes <= 24 * 60 or minutes % 15:
        raise ConfigError(f"{where} must be a quarter of an hour such as 08:15, at most 24:00, got {text!r}")
    return minutes // 15


def _check_whole(rates: Mapping[tuple[int, DayKind], Integers], written: Body, name: str) -> None:
    for key in ((month, kind) for month in range(1, 13) for kind in DayKind):
        if key not in rates:
            raise ConfigError(f"tariff {name}: month {key[0]}, {key[1].value} has no plan; add it to one")
    used = {RATES[number] for day in rates.values() for number in np.unique(day).tolist()}
    for rate in RATES:
        if rate in used and rate not in written.prices:
            raise ConfigError(f"tariff {name}: prices: {rate} is used by a plan and has no price; add it")
        if rate in written.prices and rate not in used:
            raise ConfigError(f"tariff {name}: prices: no plan uses {rate}; remove its price or use it")


def _place(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".") or "body"


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02d}:{quarter % 4 * 15:02d}"

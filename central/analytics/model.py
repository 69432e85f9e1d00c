"""What the rules work on and what they say. Frozen; days are the site's local days.

A flow is a whole number of litres a day, so that every basis stays exact: a quarter of an hour times 96, an hour times 24, or a day as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

Medium = Literal["electricity", "water"]
Basis = Literal["quarter", "hour", "day", "place"]  # what the least flow of a night was taken from; day: the whole day, the coarse variant
Verdict = Literal["learning", "usual", "above", "undecided"]
LeakReason = Literal["above_zero", "step", "never_zero"]
ClearReason = Literal["quiet", "known_use"]
LeakState = Literal["open", "past", "all"]

QUARTERS_A_DAY = 96
HOURS_A_DAY = 24


@dataclass(frozen=True, slots=True)
class Night:
    """The least flow from 02:00 to 05:00 of a local day. `floor_l_day`: None where there is too little data.

    `whole`: nothing of the window is unknown. The least of a part is only an upper bound: it can acquit, it cannot accuse.
    """

    day: date
    basis: Basis
    floor_l_day: int | None
    whole: bool


@dataclass(frozen=True, slots=True)
class KnownUse:
    """Somebody said at `at_ms` that this much flows by right, in the nights after `after`. The newest counts; 0 takes an earlier one back."""

    after: date
    floor_l_day: int
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Leak:
    """Water that flows in every night. `began_on`: first night of the row that opened it. `usual_l_day`: what flowed before; above `limit_l_day` it
    counts. `floor_l_day`: in the newest night that said something, of which `nights` did. `cleared_on`: None while it is open.
    """

    began_on: date
    opened_on: date
    basis: Basis
    reason: LeakReason
    usual_l_day: int
    limit_l_day: int
    floor_l_day: int
    nights: int
    last_on: date
    cleared_on: date | None = None
    clear_reason: ClearReason | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A night with what was said of it, as the evidence shows it."""

    night: Night
    verdict: Verdict
    usual_l_day: int | None
    limit_l_day: int | None


@dataclass(frozen=True, slots=True)
class LeakRow:
    """A leak as lists show it. `point` or `place`: what it is about. Loss is what flows above the usual; money in fen, None without a tariff."""

    id: int
    point: str | None
    place: str
    name_zh: str
    name_en: str
    place_zh: str
    place_en: str
    began_on: date
    opened_on: date
    opened_at_ms: int
    basis: Basis
    reason: LeakReason
    usual_l_day: int
    limit_l_day: int
    floor_l_day: int
    lost_l_day: int
    nights: int
    last_on: date
    cleared_on: date | None
    cleared_at_ms: int | None
    clear_reason: ClearReason | None
    known_reason: str | None = None
    known_by: str | None = None
    cost_fen_year: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still flows, as far as is known."""
        return self.cleared_on is None


@dataclass(frozen=True, slots=True)
class RiseRow:
    """A point that used more in the last complete week than in the four before, on the mean. Amounts in base units (Wh, litre) a week; `rise_fen`
    None without a tariff. Weeks: `since` to `until`, compared with the 28 days before `since`.
    """

    point: str
    name_zh: str
    name_en: str
    place: str
    place_zh: str
    place_en: str
    medium: Medium
    since: date
    until: date
    recent: int
    usual: int
    rise: int
    rise_fen: int | None


@dataclass(frozen=True, slots=True)
class StoppedRow:
    """A point that used nothing for a whole week though it did before, and is read: a stuck register, a closed valve, or nobody there."""

    point: str
    name_zh: str
    name_en: str
    place: str
    place_zh: str
    place_en: str
    medium: Medium
    until: date
    usual: int


@dataclass(frozen=True, slots=True)
class ShapeRow:
    """A place's week: night base (mean of 00-05 over mean of 09-17) and weekend (mean of a free day over mean of a workday), in thousandths, with the
    median of its own eight weeks before. None where too little is known. `night_extra`: base units a week that flow by night above the usual ratio.
    """

    place: str
    name_zh: str
    name_en: str
    kind: str
    medium: Medium
    week: date
    night_permille: int | None
    usual_night_permille: int | None
    weekend_permille: int | None
    usual_weekend_permille: int | None
    night_extra: int | None


@dataclass(frozen=True, slots=True)
class FaultRow:
    """A finding of the consumption that speaks against the data, not against the use."""

    id: int
    code: str
    point: str | None
    device: str | None
    place: str | None
    name_zh: str | None
    name_en: str | None
    at_ms: int
    data: Mapping[str, object]


BatteryState = Literal["none", "too_little", "steady", "falling", "low"]


@dataclass(frozen=True, slots=True)
class Battery:
    """How long a battery lasts. `day`: when it reaches the limit, likely between `earliest` and `latest` (None: later than is foreseen).

    `since`: first day looked at, behind the last replacement. `fall_uv_day`: microvolts a day it falls. `knee`: it falls faster than it used to.
    """

    state: BatteryState
    voltage_mv: int | None = None
    limit_mv: int = 0
    since: date | None = None
    days: int = 0
    fall_uv_day: int | None = None
    day: date | None = None
    earliest: date | None = None
    latest: date | None = None
    knee: bool = False


MeterState = Literal["reporting", "late", "silent", "never"]
Signal = Literal["good", "fair", "weak", "very_weak"]


@dataclass(frozen=True, slots=True)
class HealthRow:
    """A water meter as the health list shows it. `own_reports`: it reports by itself, else it stands on a line. `values`: newest by quantity.

    `due_at_ms`: when it should report next, None on a line. `flags`: codes of what somebody should look at.
    """

    device: str
    name_zh: str
    name_en: str
    number: str
    profile: str
    maker: str
    place: str
    place_zh: str
    place_en: str
    own_reports: bool
    imei: str | None
    every_h: int | None
    window_h: int | None
    state: MeterState
    last_at_ms: int | None
    due_at_ms: int | None
    silent_since_ms: int | None
    values: Mapping[str, int]
    flags: list[str]
    battery_mv: int | None
    battery_state: BatteryState | None
    battery_day: date | None
    battery_earliest: date | None
    battery_latest: date | None
    rsrp_dbm: int | None
    csq: int | None
    valve: int | None


@dataclass(frozen=True, slots=True)
class Fleet:
    """The water meters of a node counted. `low_battery`: empty, said to be low, or reaching the limit within the days that are looked ahead."""

    meters: int
    reporting: int
    late: int
    silent: int
    never: int
    low_battery: int
    valve_faults: int
    flagged: int


@dataclass(frozen=True, slots=True)
class StatusFlag:
    """Something the meter's status says, with its words from the standard."""

    code: str
    name_zh: str
    name_en: str
    severity: str


@dataclass(frozen=True, slots=True)
class MeterHealth:
    """One meter's health with its battery's course: daily least voltages (day, millivolts)."""

    meter: HealthRow
    battery: Battery
    voltages: tuple[tuple[date, int], ...]
    signal: Signal | None
    status: tuple[StatusFlag, ...]

"""What is known of meters that report by themselves: a report, a meter, a command. Frozen; times are Unix milliseconds UTC, values base units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["stored", "repeated", "set_aside", "refused"]
MeterState = Literal["reporting", "late", "silent", "never"]
CommandKind = Literal["valve_open", "valve_close", "read_history", "set_report_period"]
CommandState = Literal["queued", "sent", "confirmed", "expired", "refused", "cancelled"]

VALVE_STATES: Mapping[str, int] = {"open": 0, "closed": 1, "fault": 3}  # valve_state as CJ/T 188's ST0 bits 0-1 have it


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a meter or its platform says of a command it was given. No proof: that is what later reports show."""

    command: int
    ok: bool
    text: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """One report, whatever way it came. `imei`, `number`: at least one says whose it is. `values`: quantity -> base units, at `meter_time_ms`.

    `freezes`: (instant, register in litres) the meter kept. Times None: not said.
    """

    imei: str | None
    number: str | None
    reported_at_ms: int | None
    meter_time_ms: int | None
    values: Mapping[str, int]
    freezes: tuple[tuple[int, int], ...] = ()
    firmware: str | None = None
    report_every_h: int | None = None
    results: tuple[CommandResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """A command as it is handed to a meter. `arguments`: read_history: from_ms, to_ms; set_report_period: every_h."""

    id: int
    kind: CommandKind
    arguments: Mapping[str, int]
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one report. `device`: None where nobody is known behind it; `reason`: why it was set aside or refused."""

    outcome: Outcome
    device: str | None = None
    reason: str | None = None
    commands: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """One command with its life so far."""

    id: int
    key: str
    device: str
    kind: CommandKind
    arguments: Mapping[str, int]
    reason: str
    requested_by: str
    requested_at_ms: int
    expires_at_ms: int
    state: CommandState
    attempts: int
    sent_at_ms: int | None
    answer: str | None
    settled_at_ms: int | None


@dataclass(frozen=True, slots=True)
class MeterRow:
    """One meter as a list shows it. `values`: the newest of each quantity; `attention`: what somebody should look at."""

    device: str
    name_zh: str
    name_en: str
    place: str
    number: str
    imei: str
    iccid: str | None
    via: str
    every_h: int
    window_h: int
    state: MeterState
    last_report_at_ms: int | None
    late_at_ms: int
    measured_at_ms: int | None
    values: Mapping[str, int]
    attention: list[str]
    firmware: str | None
    reports: int
    repeats: int
    open_commands: int


@dataclass(frozen=True, slots=True)
class KeptReport:
    """One stored report. `report`: as it was understood; `raw`: as it came."""

    id: int
    via: str
    measured_at_ms: int
    reported_at_ms: int
    received_at_ms: int
    report: Mapping[str, object]
    raw: str


@dataclass(frozen=True, slots=True)
class MeterView:
    """One meter with its newest reports and commands."""

    meter: MeterRow
    reports: tuple[KeptReport, ...] = field(default=())
    commands: tuple[Command, ...] = field(default=())

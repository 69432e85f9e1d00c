"""What notifications are made of. Frozen; times are Unix milliseconds UTC, minutes of the day the site's local ones."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from central.alarms.model import Severity

Told = Literal["raised", "flapping", "surfaced", "unsuppressed", "unsnoozed", "cleared", "acknowledged", "assigned", "closed", "reopened"]
# the alarm stands (again) for people
BEGINS: frozenset[Told] = frozenset({"raised", "flapping", "surfaced", "unsuppressed", "unsnoozed", "reopened"})


class Way(StrEnum):
    """How a channel reaches people."""

    EMAIL = "email"
    WECOM = "wecom"
    DINGTALK = "dingtalk"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who wants to know what. `channel` None: into the inbox of `account`. `alarm_rules`: empty for all. `quiet`: from and to, minutes of the day."""

    id: int
    channel: int | None
    account: int | None
    place: str | None
    severities: tuple[str, ...]
    alarm_rules: tuple[str, ...]
    kinds: tuple[str, ...]
    after_s: int
    quiet: tuple[int, int] | None
    quiet_passes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an alarm that may be told. `places`: the alarm's place and everything above it. `child`: explained by another alarm.

    `suppressed`: raised during planned work; `snoozed`: put aside. Neither is told before it comes back.
    """

    id: int
    alarm: int
    rule: str
    severity: Severity
    kind: str
    places: list[str]
    at_ms: int
    child: bool = False
    suppressed: bool = False
    snoozed: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """A notification to be made, and when it is due."""

    change: int
    alarm: int
    rule: int
    kind: str
    due_ms: int


@dataclass(frozen=True, slots=True)
class Item:
    """One alarm's news in a message, in both languages. `link`: the alarm's page."""

    kind: str
    severity: str
    title_zh: str
    title_en: str
    name_zh: str
    name_en: str
    place_zh: str
    place_en: str
    value: int
    unit: str
    raised_ms: int
    at_ms: int
    link: str
    alarm: int
    rule: str
    subject: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try to send. `proof`: what the other side answered; `told`: why not; `again`: whether another try may help."""

    sent: bool
    proof: str = ""
    told: str = ""
    again: bool = True

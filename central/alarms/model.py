"""What alarms are made of. Frozen; times are Unix milliseconds UTC; a value is a whole number in its rule's unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Kind = Literal["site", "place", "gateway", "line", "device", "point"]
State = Literal["open", "acknowledged", "cleared", "closed"]
ChangeKind = Literal[
    "raised",
    "flapping",
    "suppressed",
    "unsuppressed",
    "muted",
    "surfaced",
    "unknown",
    "known",
    "cleared",
    "acknowledged",
    "assigned",
    "snoozed",
    "unsnoozed",
    "commented",
    "closed",
    "reopened",
]
SITE = "site"  # the subject of alarms about the platform itself


class Severity(StrEnum):
    """How fast somebody has to be there, by the operation contract; worst first.

    urgent: platform down, a building without power (on site in 30 min, fixed in 2 h). important: several rooms (1 h, 4 h). general: one meter (2 h,
    24 h).
    """

    URGENT = "urgent"
    IMPORTANT = "important"
    GENERAL = "general"


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """What an alarm is about: one thing under one rule. At most one alarm of a cause stands at a time."""

    rule: str
    kind: Kind
    subject: str


@dataclass(frozen=True, slots=True)
class Fact:
    """What is so now for one thing. `value` None: nothing is known, which is not the same as normal. `data`: what people look at first."""

    subject: str
    value: int | None
    place: str | None = None
    data: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """What is remembered of a cause that is not at rest. `over_ms`: since when its condition holds; `under_ms`: since when a raised one is normal
    again; `unknown_ms`: since when nothing is known; `raises`: when it was raised lately.
    """

    over_ms: int | None = None
    under_ms: int | None = None
    unknown_ms: int | None = None
    raised: bool = False
    flapping: bool = False
    raises: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An alarm as lists show it. `state`: open, acknowledged, cleared (by facts), closed (by a person). `children`: alarms it explains.

    `unit`: of `value`. `seen`: by the asker, since its newest change of weight. `suppressed_by`: a maintenance window's id.
    """

    id: int
    rule: str
    severity: Severity
    kind: Kind
    subject: str
    name_zh: str
    name_en: str
    place: str | None
    place_zh: str | None
    place_en: str | None
    gateway: str | None
    state: State
    value: int
    raised_ms: int
    cleared_ms: int | None
    closed_ms: int | None
    acknowledged_ms: int | None
    acknowledged_by: str | None
    assignee: str | None
    snoozed_until_ms: int | None
    suppressed_by: int | None
    parent: int | None
    flapping: bool
    unknown_since_ms: int | None
    close_cause: str | None
    children: int
    seen: bool = False
    title_zh: str = ""
    title_en: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """Alarms that stand now and are nobody's child, not put aside and not in planned work. The three severities sum to `total`."""

    total: int = 0
    unacknowledged: int = 0
    urgent: int = 0
    important: int = 0
    general: int = 0
    unacknowledged_urgent: int = 0
    oldest_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One line of an alarm's history. `actor` None: facts."""

    id: int
    at_ms: int
    kind: ChangeKind
    actor: str | None
    note: str
    data: Mapping[str, object] = field(default_factory=dict)

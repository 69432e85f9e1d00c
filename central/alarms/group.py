"""Which alarm explains which. Pure.

A rule names the rules whose alarm explains its own, widest first (a building without power, its gateway, the line). The explained one is listed below
and not counted; when the explanation is over it stays there for its rule's `surface_s`, so that a meter that is read again first is never shown, and
then stands by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from central.alarms.model import SITE, Cause, Kind
from central.alarms.rule import Rule, Rules


@dataclass(frozen=True, slots=True)
class Where:
    """Where a subject stands. `line`: as gateway/line; `above`: its place and every place above it."""

    place: str | None = None
    gateway: str | None = None
    line: str | None = None
    device: str | None = None
    building: str | None = None
    above: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm whose condition holds. `orphaned_ms`: since when the alarm that explained it is over."""

    id: int
    cause: Cause
    parent: int | None = None
    orphaned_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """What becomes of one alarm's place in the list: `orphaned` notes the time only."""

    id: int
    kind: Literal["muted", "orphaned", "surfaced"]
    parent: int | None


def regroup(standing: Sequence[Standing], where: Mapping[tuple[Kind, str], Where], rules: Rules, now_ms: int) -> list[Link]:
    """What changes in who explains whom."""
    by_cause = {one.cause: one.id for one in standing}
    return [link for one in standing for link in _link(one, _explained_by(one.cause, where, rules, by_cause), rules.get(one.cause.rule), now_ms)]


def _link(one: Standing, parent: int | None, rule: Rule | None, now_ms: int) -> Iterator[Link]:
    if parent is not None:
        if parent != one.parent or one.orphaned_ms is not None:
            yield Link(one.id, "muted", parent)
    elif one.parent is not None:
        waits_ms = 1000 * rule.surface_s if rule else 0
        if one.orphaned_ms is None and waits_ms:
            yield Link(one.id, "orphaned", one.parent)
        elif one.orphaned_ms is None or now_ms - one.orphaned_ms >= waits_ms:
            yield Link(one.id, "surfaced", None)


def _explained_by(cause: Cause, where: Mapping[tuple[Kind, str], Where], rules: Rules, standing: Mapping[Cause, int]) -> int | None:
    rule, here = rules.get(cause.rule), where.get((cause.kind, cause.subject))
    if rule is None or here is None:
        return None
    wider = [rules[name] for name in rule.under if name in rules]
    found = (standing.get(Cause(other.name, other.kind, _belongs_to(other.kind, here) or "")) for other in wider)
    return next((number for number in found if number is not None), None)


def _belongs_to(kind: Kind, here: Where) -> str | None:
    """What of this kind the subject belongs to."""
    return {"site": SITE, "place": here.building, "gateway": here.gateway, "line": here.line, "device": here.device, "point": None}[kind]

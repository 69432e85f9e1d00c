"""Which notifications a change of an alarm makes, and when they are due. Pure.

What is explained by another alarm, raised during planned work or put aside is not told; it is when it comes to stand by itself. The end of an alarm
is told to those who were told of its beginning only (the sender looks), at once or when the quiet hours are over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from central.notify.model import BEGINS, Change, Planned, Rule


def planned(changes: Iterable[Change], rules: Iterable[Rule], zone: ZoneInfo) -> Iterator[Planned]:
    """A notification for each rule that wants a change, in the order of changes and rules."""
    known = list(rules)
    for change in changes:
        for rule in known:
            if wants(rule, change):
                wait_s = rule.after_s if change.kind in BEGINS else 0
                yield Planned(change.id, change.alarm, rule.id, change.kind, due_ms(rule, change, wait_s, zone))


def wants(rule: Rule, change: Change) -> bool:
    """Whether a rule is about a change."""
    if change.kind in BEGINS and (change.child or change.suppressed or change.snoozed):
        return False
    kind = "raised" if change.kind in BEGINS - {"flapping"} else change.kind
    return (
        kind in rule.kinds
        and change.severity in rule.severities
        and (not rule.alarm_rules or change.rule in rule.alarm_rules)
        and (rule.place is None or rule.place in change.places)
    )


def due_ms(rule: Rule, change: Change, wait_s: int, zone: ZoneInfo) -> int:
    """When to send: after the rule's wait, and not in its quiet hours unless the severity passes."""
    at_ms = change.at_ms + 1000 * wait_s
    if rule.quiet is None or change.severity in rule.quiet_passes:
        return at_ms
    at = datetime.fromtimestamp(at_ms / 1000, zone)
    return at_ms if not _is_quiet(rule.quiet, at) else int(_end_of_quiet(rule.quiet, at).timestamp() * 1000)


def _is_quiet(quiet: tuple[int, int], at: datetime) -> bool:
    begins, ends = quiet
    minute = at.hour * 60 + at.minute
    return begins <= minute < ends if begins <= ends else minute >= begins or minute < ends


def _end_of_quiet(quiet: tuple[int, int], at: datetime) -> datetime:
    """The next instant the local clock shows the end; computed from local days, so that a change of clocks does not shift it."""
    begins, ends = quiet
    minute = at.hour * 60 + at.minute
    day = at.date() + timedelta(days=1) if begins > ends and minute >= begins else at.date()
    return datetime(day.year, day.month, day.day, ends // 60, ends % 60, tzinfo=at.tzinfo)

"""Who is told of what, and when: severities, places, children, planned work, quiet hours over midnight and over a change of clocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from central.alarms.model import Severity
from central.notify.model import Change, Planned, Rule
from central.notify.plan import planned, wants

CHINA, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
RULE = Rule(7, 1, None, None, ("urgent", "important"), (), ("raised", "flapping", "cleared"), 0, None, ("urgent",))


def ms(text: str, zone: ZoneInfo = CHINA) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


CHANGE = Change(100, 5, "gateway_offline", Severity.IMPORTANT, "raised", ["b1", "campus"], ms("2026-11-22 10:00"))


@pytest.mark.parametrize(
    ("rule", "change", "wanted"),
    [
        ({}, {}, True),
        ({"severities": ("general",)}, {}, False),
        ({"alarm_rules": ("leak",)}, {}, False),
        ({"alarm_rules": ("gateway_offline",)}, {}, True),
        ({"place": "campus"}, {}, True),
        ({"place": "b2"}, {}, False),
        ({"kinds": ("cleared",)}, {}, False),
        ({}, {"child": True}, False),
        ({}, {"suppressed": True}, False),
        ({}, {"snoozed": True}, False),
        ({}, {"kind": "surfaced"}, True),
        ({}, {"kind": "unsnoozed"}, True),
        ({"kinds": ("flapping",)}, {"kind": "flapping"}, True),
        ({"kinds": ("raised",)}, {"kind": "flapping"}, False),
        ({}, {"kind": "cleared", "child": True}, True),
        ({}, {"kind": "acknowledged"}, False),
    ],
)
def test_a_rule_wants_what_it_is_about(rule: dict[str, Any], change: dict[str, Any], wanted: bool) -> None:
    assert wants(replace(RULE, **rule), replace(CHANGE, **change)) is wanted


def test_each_rule_that_wants_a_change_makes_one_notification() -> None:
    other = replace(RULE, id=8, place="b2")
    assert list(planned([CHANGE], [RULE, other], CHINA)) == [Planned(100, 5, 7, "raised", CHANGE.at_ms)]


def test_escalation_waits_for_beginnings_only() -> None:
    slow = replace(RULE, after_s=1800)
    begun, ended = planned([CHANGE, replace(CHANGE, id=101, kind="cleared")], [slow], CHINA)
    assert begun.due_ms == CHANGE.at_ms + 1_800_000
    assert ended.due_ms == CHANGE.at_ms


@pytest.mark.parametrize(
    ("at", "due"),
    [
        ("2026-11-22 22:59", "2026-11-22 22:59"),
        ("2026-11-22 23:00", "2026-11-23 07:00"),
        ("2026-11-23 00:30", "2026-11-23 07:00"),
        ("2026-11-23 06:59", "2026-11-23 07:00"),
        ("2026-11-23 07:00", "2026-11-23 07:00"),
    ],
)
def test_quiet_hours_over_midnight_hold_back_until_they_end(at: str, due: str) -> None:
    quiet = replace(RULE, quiet=(23 * 60, 7 * 60))
    [found] = planned([replace(CHANGE, at_ms=ms(at))], [quiet], CHINA)
    assert found.due_ms == ms(due)


def test_quiet_hours_within_a_day() -> None:
    noon = replace(RULE, quiet=(12 * 60, 14 * 60))
    [found] = planned([replace(CHANGE, at_ms=ms("2026-11-22 12:30"))], [noon], CHINA)
    assert found.due_ms == ms("2026-11-22 14:00")


def test_urgent_alarms_pass_quiet_hours() -> None:
    quiet = replace(RULE, quiet=(23 * 60, 7 * 60))
    [found] = planned([replace(CHANGE, at_ms=ms("2026-11-23 03:00"), severity=Severity.URGENT)], [quiet], CHINA)
    assert found.due_ms == ms("2026-11-23 03:00")


def test_quiet_hours_end_by_the_local_clock_when_clocks_change() -> None:
    quiet = replace(RULE, quiet=(23 * 60, 7 * 60))
    [found] = planned([replace(CHANGE, at_ms=ms("2026-10-24 23:30", BERLIN))], [quiet], BERLIN)
    assert found.due_ms == ms("2026-10-25 07:00", BERLIN)

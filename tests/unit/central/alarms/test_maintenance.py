"""Planned work lasts as long as it says, in the site's own time, and where it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from central.alarms.group import Where
from central.alarms.maintenance import Window, covers, in_force
from central.alarms.model import Cause

ZONE = ZoneInfo("Asia/Shanghai")
ONCE = Window(1, "b1", None, None, None, 1000, 2000, 0, 0, 0, "work", "me", 0, None, None)
CAUSE = Cause("device_silent", "device", "m1")
HERE = Where(place="r1", gateway="g1", device="m1", above=frozenset({"r1", "b1"}))


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC).timestamp() * 1000)


WEEKLY = replace(ONCE, from_ms=ms("2026-11-01"), until_ms=ms("2026-12-01"), weekdays=0b1, start_minute=23 * 60, minutes=120)  # Mondays 23:00-01:00


@pytest.mark.parametrize(("now_ms", "holds"), [(999, False), (1000, True), (1999, True), (2000, False)])
def test_one_that_happens_once_lasts_from_begin_to_end(now_ms, holds):
    assert in_force(ONCE, now_ms, ZONE) is holds


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        ("2026-11-23T22:59", False),
        ("2026-11-23T23:00", True),
        ("2026-11-24T00:59", True),
        ("2026-11-24T01:00", False),
        ("2026-11-24T23:30", False),
        ("2026-12-07T23:30", False),
    ],
)
def test_a_weekly_one_follows_the_local_days_and_passes_midnight(at, holds):
    assert in_force(WEEKLY, ms(at), ZONE) is holds


def test_one_that_was_ended_is_over():
    assert not in_force(replace(ONCE, ended_ms=1100), 1500, ZONE)


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, True),
        ({"place": "b2"}, False),
        ({"place": None, "gateway": "g1"}, True),
        ({"gateway": "g2"}, False),
        ({"rule": "device_silent"}, True),
        ({"rule": "gateway_offline"}, False),
        ({"place": None, "device": "m1"}, True),
        ({"device": "m2"}, False),
    ],
)
def test_all_that_it_names_must_fit(changes, holds):
    assert covers(replace(ONCE, **changes), CAUSE, HERE, 1500, ZONE) is holds

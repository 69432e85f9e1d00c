"""Which morning's round is due."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from central.analytics.rounds import due_day


@pytest.mark.parametrize(("clock", "day"), [("06:59:59", date(2026, 11, 2)), ("07:00:00", date(2026, 11, 3)), ("23:59:59", date(2026, 11, 3))])
def test_the_round_is_due_at_seven_of_the_site(clock, day):
    at = datetime.fromisoformat(f"2026-11-03 {clock}").replace(tzinfo=ZoneInfo("Asia/Shanghai"))

    assert due_day(at.timestamp(), "Asia/Shanghai") == day

"""Local time of the site."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge_agent.lines.site_time import CHINA, SiteTime, zone_of
from protocol.errors import ConfigError


@pytest.mark.parametrize(
    ("zone", "local"),
    [
        (CHINA, datetime(2023, 11, 15, 6, 15)),
        (ZoneInfo("Asia/Urumqi"), datetime(2023, 11, 15, 4, 15)),
        (ZoneInfo("UTC"), datetime(2023, 11, 14, 22, 15)),
    ],
)
def test_wall_time_is_told_as_the_sites(clock: Any, zone: Any, local: datetime) -> None:
    time = SiteTime(clock, zone)

    assert time.now() == local
    assert time.ms(local) == clock.wall_ms()


def test_the_usual_zone_is_chinas() -> None:
    assert zone_of(None) is CHINA
    for month in (1, 7):
        at = datetime(2026, month, 1)
        assert CHINA.utcoffset(at) == ZoneInfo("Asia/Shanghai").utcoffset(at)


@pytest.mark.parametrize("name", ["Asia/Shangai", "", "../etc/passwd"])
def test_unknown_zone_is_told(name: str) -> None:
    with pytest.raises(ConfigError, match="no time zone"):
        zone_of(name)

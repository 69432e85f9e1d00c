"""A site whose devices have stood for long, and readings as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

import pytest

from central.completeness.days import begin_days, count_days
from central.completeness.model import Expected
from central.consumption.days import bounds
from central.db.pool import Connection
from protocol.reading import Quality

DAY = date(2026, 3, 10)
FROM_MS, TO_MS = bounds(DAY, "Asia/Shanghai")
EXPECTED = [Expected("acme/one", "energy_active_forward", "energy", 900, 0), Expected("acme/water", "water_volume", "volume", 3600, 0)]


@pytest.fixture
def standing(site: Connection) -> Connection:
    """The small plan's devices, installed at the beginning of the year."""
    site.execute("update installation set installed_at = '2026-01-01'")
    site.execute(
        "insert into series (device, quantity) values ('m1', 'energy_active_forward'), ('m2', 'energy_active_forward'), ('w1', 'water_volume')"
    )
    site.commit()
    return site


@pytest.fixture
def read(standing: Connection) -> Callable[..., None]:
    """`read("m1", at_ms, quality=GOOD)`: readings of a device's register."""

    def insert(device: str, at_ms: Iterable[int], quality: Quality = Quality.GOOD) -> None:
        query = "insert into reading select s.id, to_timestamp(a / 1000.0), a, %s from series as s, unnest(%s::bigint[]) as a where s.device = %s"
        standing.execute(query, (int(quality), list(at_ms), device))

    return insert


@pytest.fixture
def count(standing: Connection) -> Callable[..., None]:
    """`count(now_ms)`: begin the days of that time and count what is to be counted."""

    def run(now_ms: int = TO_MS + 3_600_000) -> None:
        begin_days(standing, EXPECTED, now_ms)
        while count_days(standing, now_ms):
            pass

    return run

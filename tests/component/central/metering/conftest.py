"""Meters with a history: readings in the past, stays that began before them, the real consumption job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from central.db.pool import Connection
from central.metering.meters import Model, Models
from central.metering.replacement import NewMeter, Swap
from protocol.profile import DeviceKind

ENERGY = "energy_active_forward"
MODELS = {
    "acme/one": Model(DeviceKind.ELECTRICITY_METER, ENERGY, 1_000_000_000),
    "acme/small": Model(DeviceKind.ELECTRICITY_METER, ENERGY, 1_000_000),
    "acme/water": Model(DeviceKind.WATER_METER, "water_volume", 1_000_000_000),
}
DAY = datetime(2026, 6, 15, tzinfo=ZoneInfo("Asia/Shanghai"))
NOW_MS = int((DAY + timedelta(days=1)).timestamp() * 1000)
At = Callable[[str], int]
Fill = Callable[..., None]
MakeSwap = Callable[..., Swap]


@pytest.fixture
def models() -> Models:
    """The profiles of the small site, and a meter that wraps at 1,000 kWh."""
    return MODELS


@pytest.fixture
def now_ms() -> int:
    """The end of that day."""
    return NOW_MS


@pytest.fixture
def at() -> At:
    """`at("10:20")`: that time on 15 June 2026 in Shanghai, in milliseconds; "24:00" is the end of the day."""

    def instant(text: str) -> int:
        hour, minute = text.split(":")
        return int((DAY + timedelta(hours=int(hour), minutes=int(minute))).timestamp() * 1000)

    return instant


@pytest.fixture
def old_site(site: Connection) -> Connection:
    """The small site as if it had been imported at the start of May."""
    site.execute("update installation set installed_at = %s", [datetime(2026, 5, 1, tzinfo=UTC)])
    site.commit()
    return site


@pytest.fixture
def fill(old_site: Connection, at: At) -> Fill:
    """`fill("m1", {"10:00": 5230.00})`: readings of the day; kWh as people write them."""

    def write(device: str, values: Mapping[str, float], quantity: str = ENERGY) -> None:
        created = old_site.execute(
            "insert into series (device, quantity) values (%s, %s) on conflict (device, quantity) do update set device = excluded.device "
            "returning id",
            [device, quantity],
        ).fetchone()
        with old_site.cursor() as cursor:
            rows = [(created[0], at(time) / 1000, round(value * 1000)) for time, value in values.items()]
            cursor.executemany("insert into reading values (%s, to_timestamp(%s), %s, 0)", rows)
        old_site.commit()

    return write


@pytest.fixture
def swap(at: At) -> MakeSwap:
    """C3 of the checklist as a request: 5,230.00 at 10:00, removed at 5,230.40, the new one starts at 12.30. Fields can be given otherwise."""

    def make(**changes: Any) -> Swap:
        new = {"address": "000000000009"} | changes.pop("new", {})
        fields: dict[str, Any] = {
            "key": "replace-p1-1",
            "point": "p1",
            "removed_at_ms": at("10:20"),
            "closing": {ENERGY: 5_230_400},
            "installed_at_ms": at("10:25"),
            "opening": {ENERGY: 12_300},
            "new": NewMeter(**new),
            "person": "Wang Wei",
            "reason": "display dark",
        }
        return Swap(**(fields | changes))

    return make

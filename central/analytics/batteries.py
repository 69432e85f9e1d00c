"""Batteries of meters: the least voltage of each day, and the forecast that follows from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta

from central.analytics.battery import MAX_DAYS, forecast
from central.analytics.model import Battery
from central.consumption.days import bounds
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from central.iot.meters import LOW_BATTERY_MV

_SQL = load_statements("central.analytics")
_AGAIN_DAYS = 7  # days looked at again for reports that came late


@dataclass(frozen=True, slots=True)
class BatterySeries:
    """A meter that says its battery's voltage. `last_day`: the newest day known."""

    series_id: int
    device: str
    last_day: date | None


def battery_series(conn: Connection) -> list[BatterySeries]:
    """Every meter on the plan that says its battery's voltage."""
    return rows(conn, _SQL["batteries"], BatterySeries)


def take_batteries(conn: Connection, zone: str, series: Collection[BatterySeries], today: date) -> int:
    """Take some meters' days up to today's and forecast from them; returns how many forecasts there are."""
    first = today - timedelta(days=MAX_DAYS)
    since = [max(first, one.last_day - timedelta(days=_AGAIN_DAYS)) if one.last_day else first for one in series]
    ids, devices, from_ms = [one.series_id for one in series], [one.device for one in series], [bounds(day, zone)[0] for day in since]
    run(conn, _SQL["put_battery_days"], series_id=ids, device=devices, from_ms=from_ms, until_ms=bounds(today, zone)[1], zone=zone)
    found = voltages(conn, devices, today)
    forecasts = [(device, judged(days, today)) for device, days in found.items()]
    names = [field.name for field in fields(Battery)]
    if forecasts:
        facts = {name: [getattr(battery, name) for _, battery in forecasts] for name in names}
        run(conn, _SQL["put_forecasts"], device=[device for device, _ in forecasts], **facts)
    return len(forecasts)


def judged(days: Sequence[tuple[date, int]], today: date) -> Battery:
    """The forecast of a meter's days against the limit below which it may fall silent any day."""
    return forecast([day for day, _ in days], [mv for _, mv in days], LOW_BATTERY_MV, today)


def voltages(conn: Connection, devices: Collection[str], today: date) -> dict[str, list[tuple[date, int]]]:
    """Meters' least voltages by day, as far back as a forecast looks."""
    found: dict[str, list[tuple[date, int]]] = defaultdict(list)
    for device, day, least_mv in conn.execute(_SQL["battery_days"], {"devices": list(devices), "since": today - timedelta(days=MAX_DAYS)}):
        found[device].append((day, least_mv))
    return found


def forget_batteries(conn: Connection, today: date) -> int:
    """Delete days older than a forecast looks back."""
    return run(conn, _SQL["purge_battery_days"], before=today - timedelta(days=MAX_DAYS))

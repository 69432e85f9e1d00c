"""What lines did hour by hour as charts: how busy, how many exchanges nobody answered, how many replies arrived damaged. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from central.fleet.line_history import LineHour
from central.web.charts import Bars, Quality, Series
from central.web.translations import N_

_ROLES = ("main", "A", "B", "C", "D", "peak", "valley", "flat")
_HOUR_MS = 3_600_000


def line_charts(hours: Sequence[LineHour], since: datetime, until: datetime, translate: Callable[[str], str]) -> list[Bars]:
    """Three charts over the hours of [since, until), one series a line; an hour nobody counted is a gap, one counted in part is marked."""
    instants = [int((since + timedelta(hours=n)).timestamp() * 1000) for n in range(int((until - since).total_seconds()) // 3600)]
    asked: list[tuple[str, Callable[[LineHour], float | None]]] = [
        (N_("Busy"), lambda hour: 100 * hour.busy_ms / (1000 * hour.seconds) if hour.seconds else None),
        (N_("Time-outs"), lambda hour: 100 * hour.timeouts / hour.exchanges if hour.exchanges else None),
        (N_("Damaged replies"), lambda hour: 100 * hour.checksum_errors / hour.exchanges if hour.exchanges else None),
    ]
    return [_chart(translate(title), hours, instants, value) for title, value in asked]


def _chart(title: str, hours: Sequence[LineHour], instants: Sequence[int], value: Callable[[LineHour], float | None]) -> Bars:
    found: dict[str, dict[int, LineHour]] = {}
    for hour in hours:
        found.setdefault(hour.line, {})[int(hour.hour.timestamp() * 1000)] = hour
    categories = [str(instant) for instant in instants]
    series = [_series(line, known, instants, value, _ROLES[number % len(_ROLES)]) for number, (line, known) in enumerate(found.items())]
    return Bars(title, "%", categories, series, instants=instants, decimals=1)


def _series(line: str, known: dict[int, LineHour], instants: Sequence[int], value: Callable[[LineHour], float | None], role: str) -> Series:
    values = [value(known[at]) if at in known else None for at in instants]
    quality: list[Quality] = [_quality(known.get(at), worth) for at, worth in zip(instants, values, strict=True)]
    return Series(line, values, role=role, style="line", quality=quality)


def _quality(hour: LineHour | None, value: float | None) -> Quality:
    if hour is None or value is None:
        return "unknown"
    return "measured" if hour.seconds >= _HOUR_MS // 1000 * 0.9 else "partial"

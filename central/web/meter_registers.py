"""Raw and corrected side by side: registers as they were read, the verdict on each, and the consumption that was counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from central.consumption.findings import list_findings
from central.consumption.judged import RegisterDay, RegisterReading, judged_readings, register_days, register_readings
from central.consumption.marks import list_marks
from central.db.pool import Connection
from central.metering.device_points import DevicePoint
from central.metering.factors import Factor, factors
from central.metering.freezes import freezes
from central.metering.model import DeviceView
from central.web.curve import day_bounds
from central.web.site import Site
from central.web.view import View
from protocol.quantities import QUANTITIES

_MAX_READINGS = 200  # of one day; the API gives the rest
_MAX_JUDGED = 100
_MAX_FINDINGS = 20
_REGISTERS = ("energy_active_forward", "energy_active_total", "water_volume")  # of a device no installation says anything of


@dataclass(frozen=True, slots=True)
class ReadingLine:
    """A reading, and how far the register had risen since the one before that counts; None where that says nothing."""

    reading: RegisterReading
    step: int | None


@dataclass(frozen=True, slots=True)
class DayLine:
    """A computed day. `rise`: of the register between its first and last reading, the meter's base unit; `factor`: of the stay it lies in, None where
    the meter was changed between; `due_s`: how much of it should be known by now.
    """

    day: RegisterDay
    rise: int | None
    factor: Fraction | None
    due_s: int

    @property
    def by_register(self) -> int | None:
        """What the registers alone say, the point's base unit."""
        return None if self.rise is None or self.factor is None else int(self.rise * self.factor)


def readings(conn: Connection, device: DeviceView, point: DevicePoint | None, view: View, site: Site, now_ms: int) -> dict[str, Any]:
    """What `meter_readings.html` needs."""
    from_ms, to_ms = day_bounds(view.first, site.zone)[0], day_bounds(view.last, site.zone)[1]
    code = _register(device, factors(conn, device=device.code))
    one_day = view.days == 1 and code is not None
    found = register_readings(conn, device.code, code, from_ms, to_ms, _MAX_READINGS + 1) if one_day and code else []
    stays = factors(conn, point=point.code) if point else []
    days = register_days(conn, point.code, view.first, view.last) if point else []
    return {
        "register": QUANTITIES.get(code or ""),
        "lines": reading_lines(found)[:_MAX_READINGS],
        "more": len(found) > _MAX_READINGS,
        "days": [day_line(day, stays, *day_bounds(day.day, site.zone), now_ms) for day in days],
        "judged": judged_readings(conn, device.code, from_ms, to_ms, _MAX_JUDGED),
        "findings": list_findings(conn, False, point.code, _MAX_FINDINGS) if point else [],
        "marks": [mark for mark in list_marks(conn, point.code) if not mark.withdrawn] if point else [],
        "freezes": freezes(conn, device.code),
    }


def reading_lines(found: Sequence[RegisterReading]) -> list[ReadingLine]:
    """Readings, newest first, each with its step from the one before that counts. Pure."""
    lines: list[ReadingLine] = []
    before: int | None = None
    for reading in reversed(found):
        counts = reading.verdict != "rejected"
        step = reading.value - before if counts and before is not None and reading.verdict is None else None
        lines.append(ReadingLine(reading, step))
        before = reading.value if counts else before
    return lines[::-1]


def day_line(day: RegisterDay, stays: Sequence[Factor], start_ms: int, end_ms: int, now_ms: int) -> DayLine:
    """A day with the factor of the stay in which both its registers were read. Pure."""
    due_s = sum(_overlap_ms(one, start_ms, min(end_ms, now_ms)) for one in stays) // 1000
    if day.first_at_ms is None or day.last_at_ms is None or day.first_value is None or day.last_value is None:
        return DayLine(day, None, None, due_s)
    first, last = _stay(stays, day.first_at_ms), _stay(stays, day.last_at_ms)
    if first is None or first is not last:
        return DayLine(day, None, None, due_s)
    return DayLine(day, day.last_value - day.first_value, first.ratio, due_s)


def _overlap_ms(stay: Factor, start_ms: int, end_ms: int) -> int:
    return max(0, min(end_ms, end_ms if stay.removed_at_ms is None else stay.removed_at_ms) - max(start_ms, stay.installed_at_ms))


def _stay(stays: Sequence[Factor], at_ms: int) -> Factor | None:
    return next((one for one in stays if one.installed_at_ms <= at_ms and (one.removed_at_ms is None or at_ms <= one.removed_at_ms)), None)


def _register(device: DeviceView, stays: Sequence[Factor]) -> str | None:
    known = [one.register for one in stays if one.register]
    return next((code for code in (*known, *_REGISTERS) if code in device.quantities), None)

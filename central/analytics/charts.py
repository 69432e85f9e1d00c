"""The evidence as charts: a point's nights, a battery's course. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from central.analytics.model import Battery, Judged
from central.consumption.days import bounds
from central.iot.meters import LOW_BATTERY_MV
from central.web.charts import Bars, Series
from central.web.translations import N_

Translate = Callable[[str], str]
_HOURS = 24


def night_chart(nights: Sequence[Judged], text: Translate) -> Bars:
    """Least flows of nights in litres an hour, with the limit above which they count. A night with too little data is a gap."""
    floors = [None if one.night.floor_l_day is None else one.night.floor_l_day / _HOURS for one in nights]
    limits = [None if one.limit_l_day is None else one.limit_l_day / _HOURS for one in nights]
    usual = [None if one.usual_l_day is None else one.usual_l_day / _HOURS for one in nights]
    series = (
        Series(text(N_("Least flow of the night")), floors, "main"),
        Series(text(N_("Usual")), usual, "compared", "dashed"),
        Series(text(N_("Counts as a leak above")), limits, "limit", "step"),
    )
    return Bars(text(N_("Nights, 02:00 to 05:00")), "L/h", [one.night.day.isoformat() for one in nights], series)


def battery_chart(voltages: Sequence[tuple[date, int]], battery: Battery, zone: str, text: Translate) -> Bars:
    """Daily least voltages, the limit, and where the forecast leads."""
    days = [day for day, _ in voltages]
    measured: list[float | None] = [mv / 1000 for _, mv in voltages]
    ahead: list[float | None] = [None] * len(days)
    if battery.state == "falling" and battery.day is not None and battery.voltage_mv is not None and battery.day > days[-1]:
        ahead = [*ahead[:-1], battery.voltage_mv / 1000, battery.limit_mv / 1000]
        days, measured = [*days, battery.day], [*measured, None]
    series = (
        Series(text(N_("Least voltage of the day")), measured, "main", "line"),
        Series(text(N_("Forecast")), ahead, "forecast", "dashed"),
        Series(text(N_("Change the battery below")), [LOW_BATTERY_MV / 1000] * len(days), "limit", "line"),
    )
    instants = [bounds(day, zone)[0] for day in days]
    return Bars(text(N_("Battery voltage")), "V", [day.isoformat() for day in days], series, instants=instants, decimals=2)

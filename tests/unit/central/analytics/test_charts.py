"""The evidence as charts."""

from __future__ import annotations

from datetime import date, timedelta

from central.analytics.charts import battery_chart, night_chart
from central.analytics.model import Battery, Judged, Night

DAY = date(2026, 11, 3)


def test_a_night_without_data_is_a_gap_and_flows_are_litres_an_hour():
    nights = [
        Judged(Night(DAY, "quarter", 480, True), "above", 0, 24),
        Judged(Night(DAY + timedelta(days=1), "hour", None, False), "undecided", None, None),
    ]

    chart = night_chart(nights, str)

    assert [list(series.values) for series in chart.series] == [[20.0, None], [0.0, None], [1.0, None]]
    assert chart.categories == ["2026-11-03", "2026-11-04"]


def test_the_forecast_goes_on_from_the_last_voltage_to_the_limit():
    battery = Battery("falling", 3400, 3200, DAY, 2, 1000, DAY + timedelta(days=200))

    chart = battery_chart([(DAY, 3401), (DAY + timedelta(days=1), 3400)], battery, "Asia/Shanghai", str)

    measured, ahead, limit = (list(series.values) for series in chart.series)
    assert measured == [3.401, 3.4, None]
    assert ahead == [None, 3.4, 3.2]
    assert limit == [3.2] * 3
    assert chart.instants[2] - chart.instants[0] == 200 * 86_400_000


def test_without_an_end_in_sight_only_what_was_measured_is_drawn():
    chart = battery_chart([(DAY, 3600)], Battery("steady", 3600, 3200), "Asia/Shanghai", str)

    assert list(chart.series[1].values) == [None]

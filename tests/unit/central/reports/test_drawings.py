"""Which chart a figure becomes: units, marks of quality, what is folded together."""

from __future__ import annotations

from datetime import date

import pytest

from central.consumption.report import HeatRow, Item, Step
from central.reports import drawings
from central.reports.flow import UNTRACKED, FlowFigures, FlowLink, FlowNode
from central.reports.model import Figure
from central.web.charts import Series


def item(start: str, value: int | None, quality: str = "measured", coverage: float = 1.0) -> Item:
    return Item(start, 0, 900_000, value, quality, coverage, (value or 0, 0, 0, 0, 0))


def measured(value: int) -> Figure:
    return Figure(value, 1.0, "measured")


@pytest.mark.parametrize(("days", "step"), [(1, Step.QUARTER), (2, Step.QUARTER), (3, Step.DAY), (62, Step.DAY), (63, Step.MONTH)])
def test_a_longer_range_is_cut_more_coarsely(days: int, step: Step) -> None:
    assert drawings.step_of(days) is step


def test_quarter_hours_are_drawn_as_mean_power_with_the_compared_day_dashed() -> None:
    chart = drawings.load_curve("electricity", "T", [item("2026-11-22 00:15", 250)], "now", [None], "then", "Asia/Shanghai")

    assert (chart.unit, chart.categories, chart.series[0].values) == ("kW", ["00:15"], [1.0])
    assert chart.series[1] == Series("then", [None], role="compared", style="dashed")


def test_all_but_whole_is_drawn_whole_and_still_says_its_share() -> None:
    items = [item("2026-11-21", 1000, "partial", 0.99), item("2026-11-22", 1000, "partial", 0.98), item("2026-11-23", None, "unknown", 0.0)]

    series = drawings.course("electricity", "T", items, "now", [], "", str).series[0]

    assert series.quality == ["measured", "partial", "unknown"]
    assert series.coverage == [0.99, 0.98, 0.0]


def test_a_day_of_which_too_little_is_known_has_no_colour_but_today_has() -> None:
    items = [item("2026-11-20", 1000), item("2026-11-21", 1000, "partial", 0.9), item("2026-11-22", 1000, "partial", 0.5), item("2026-11-23", None)]

    calendar = drawings.year_of_days("electricity", "T", 2026, items, date(2026, 11, 22), str)

    assert calendar.values == {"2026-11-20": 1.0, "2026-11-21": None, "2026-11-22": 1.0}


def test_long_heat_maps_run_from_left_to_right_and_every_day_has_24_hours() -> None:
    rows = [HeatRow(date.fromordinal(739_000 + number), (1000,) * (23 if number else 25)) for number in range(63)]

    heat = drawings.heat("electricity", "T", rows, str)

    assert heat.turned
    assert {len(hours) for hours in heat.values} == {24}
    assert heat.values[1][23] is None


def test_rates_nobody_has_are_left_out() -> None:
    chart = drawings.by_rates("electricity", "T", [item("2026-11", 5000)], str)

    assert [(one.name, one.role, one.stack) for one in chart.series] == [("Sharp", "sharp", "rates")]


def test_the_smallest_places_of_a_flow_are_one_node_and_nothing_is_lost() -> None:
    codes = [f"b{number:02d}" for number in range(30)]
    nodes = [
        FlowNode("node", "node", "campus", "", ""),
        FlowNode(UNTRACKED, UNTRACKED, "", "", ""),
        *(FlowNode(f"place:{c}", "place", c, "", "") for c in codes),
    ]
    links = [FlowLink("node", f"place:{code}", measured(1000 * (number + 1))) for number, code in enumerate(codes)]
    links.append(FlowLink("node", UNTRACKED, measured(7000)))
    found = FlowFigures("campus", "electricity", date(2026, 11, 1), date(2026, 11, 30), measured(472_000), nodes, links, [])

    chart = drawings.sankey(found, "T", lambda node: node.code or node.id, "smaller", lambda code: f"/{code}")

    assert dict(chart.nodes)["smaller"] == ("smaller", "compared")
    assert sum(value for *_, value in chart.links) == 472
    assert chart.nodes[UNTRACKED] == (UNTRACKED, "other")
    assert "place:b00" not in chart.nodes
    assert chart.hrefs["place:b29"] == "/b29"


@pytest.mark.parametrize(("code", "role"), [("01A", "A"), ("01D1A", "D"), ("02E", "other"), ("", "other")])
def test_an_item_s_letter_is_its_colour(code: str, role: str) -> None:
    assert drawings.role_of(code) == role

"""A place over time, its load, its flow and its balance. Figures reckoned by hand (see conftest); kWh = 1000 Wh."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from central.consumption.comparisons import AcademicTerm, put_academic_terms
from central.consumption.report import Step
from central.reports.balance import balances
from central.reports.carbon import equivalents, tonnes
from central.reports.demand import demand, duration
from central.reports.dictionary import factor_versions_on
from central.reports.flow import flow
from central.reports.heat import by_day, by_hour
from central.reports.model import Reason
from central.reports.pairing import pair
from central.reports.series import series
from protocol.errors import ConfigError

KWH = 1000
E = "electricity"


def test_a_series_stands_beside_the_period_before(campus, days):
    found = series(campus, days("2025-06-02", "2025-06-03"), "b1", E, Step.DAY, "previous")

    assert [item.value for item in found.items] == [241 * KWH, 240 * KWH]
    assert [item.value for item in found.base_items] == [240 * KWH, 240 * KWH]
    assert (found.total.value, found.base_total.value, found.comparison.change_permille) == (481 * KWH, 480 * KWH, 2)
    assert (str(found.compared.base_first), found.compared.mode, found.comparison.common_hours) == ("2025-05-31", "previous", 48)


def test_a_room_has_the_series_of_its_points(campus, days):
    found = series(campus, days("2025-06-02", "2025-06-03"), "b1-101", E, Step.DAY, "previous")
    hours = series(campus, days("2025-06-02"), "b1-101", E, Step.HOUR)
    months = series(campus, days("2025-06-01", "2025-06-30"), "b1-101", E, Step.MONTH)

    assert ([item.value for item in found.items], found.comparison.change_permille) == ([96 * KWH] * 2, 0)
    assert [item.value for item in hours.items] == [4 * KWH] * 24
    assert [(item.start, item.value, item.quality) for item in months.items] == [("2025-06", 5 * 96 * KWH, "partial")]


def test_today_is_compared_over_the_hours_that_have_passed(campus, days):
    now = datetime.fromisoformat("2025-06-06T00:00+08:00") - timedelta(hours=12)
    found = series(campus, days("2025-06-05", now=now), "b1", E, Step.HOUR, "previous")

    assert found.total.coverage == 1.0
    assert found.comparison.common_value == found.comparison.common_base


def test_missing_hours_are_null_and_stop_the_percentage(campus, days):
    found = series(campus, days("2025-06-03"), "b2", E, Step.HOUR, "previous")

    assert found.items[19].quality == "measured"
    assert (found.items[20].value, found.items[20].quality, found.items[20].coverage) == (2 * KWH, "partial", 0.5)
    assert (found.comparison.change_permille, str(found.comparison.reason)) == (None, "coverage")
    assert [item.value for item in series(campus, days("2025-06-08"), "b2", E, Step.DAY).items] == [None]


def test_too_many_steps_are_refused(campus, days):
    with pytest.raises(ConfigError, match="too many for step 15m"):
        series(campus, days("2025-01-01", "2025-06-01"), "b1", E, Step.QUARTER)


def test_c30_modes_choose_other_days_and_say_so(campus, days):
    put_academic_terms(
        campus, [AcademicTerm("spring", date(2024, 2, 26), date(2024, 7, 5)), AcademicTerm("spring", date(2025, 2, 17), date(2025, 6, 27))]
    )
    leap = days("2024-02-29")

    same, weekday, term = (pair(campus, days("2025-06-02", "2025-06-03"), mode) for mode in ("same_date", "weekday", "term_week"))
    none = pair(campus, leap, "same_date")

    campus.rollback()
    assert [(one.mode, str(one.base_first)) for one in (same, weekday, term)] == [
        ("same_date", "2024-06-02"),
        ("weekday", "2024-06-03"),
        ("term_week", "2024-06-10"),
    ]
    assert same.notes == {"other_kind": 1}  # 2 June 2024 was a Sunday
    assert (none.pairs, none.base_first, none.notes) == ([], None, {"no_such_date": 1})


def test_a_heat_map_has_every_day_and_no_zero_for_missing(campus, days):
    found = by_hour(campus, days("2025-06-03", "2025-06-07"), "b2", E)
    room = by_hour(campus, days("2025-06-03"), "b1-101", E)

    assert [str(row.day) for row in found.rows] == ["2025-06-03", "2025-06-04", "2025-06-05", "2025-06-06", "2025-06-07"]
    assert found.rows[0].hours[19:21] == (3 * KWH, 2 * KWH)
    assert found.rows[-1].hours == (None,) * 24
    assert room.rows[0].hours == (4 * KWH,) * 24


def test_a_calendar_has_the_days_of_a_year(campus, days):
    found = by_day(campus, 2025, "Asia/Shanghai", days("2025-06-01").now_ms, "b1", E)

    assert (len(found), found[152].start, found[152].value, found[0].value) == (365, "2025-06-02", 241 * KWH, None)


def test_the_duration_curve_keeps_the_highest_and_the_lowest(campus, days):
    found = duration(campus, days("2025-06-01", "2025-06-05"), "b1", E)

    assert (found.values[0], found.values[1], found.values[-1]) == (14 * KWH, 10 * KWH, 10 * KWH)
    assert (len(found.values), found.shares[-1], found.coverage, found.step_s) == (480, 1.0, 1.0, 900)
    assert duration(campus, days("2025-06-01"), "b4", E).values == []


def test_peaks_have_their_time_and_who_made_them(campus, days):
    found = demand(campus, days("2025-06-01", "2025-06-02"), "campus", E, top=2)
    peak = found.peaks[0]

    assert (peak.value, peak.at_ms, peak.coverage) == (75 * KWH, int(datetime.fromisoformat("2025-06-02T14:00+08:00").timestamp() * 1000), 1.0)
    assert [(part.code, part.value, part.share_permille) for part in peak.parts] == [
        ("b3", 50 * KWH, 666),
        ("b1", 14 * KWH, 186),
        ("b2", 11 * KWH, 146),
    ]
    assert found.peaks[1].value == 71 * KWH
    assert (found.now.value, found.now.at_ms) == (71 * KWH, int(datetime.fromisoformat("2025-06-02T23:45+08:00").timestamp() * 1000))


def test_peaks_of_a_building_name_its_points(campus, days):
    peak = demand(campus, days("2025-06-02"), "b2", E, top=1).peaks[0]

    assert [(part.code, part.value) for part in peak.parts] == [("mv", 8 * KWH), ("c", 2 * KWH), ("d", KWH)]


def test_flow_goes_by_item_to_buildings_and_what_nobody_traces_is_told(campus, days):
    found = flow(campus, days("2025-06-01"), "b1", E)

    assert {(link.source, link.target): link.figure.value for link in found.links} == {
        ("node", "item:01A"): 96 * KWH,
        ("node", "item:01B"): 72 * KWH,
        ("node", "untracked"): 72 * KWH,
        ("item:01A", "place:b1-101"): 96 * KWH,
    }
    assert found.total.value == 240 * KWH
    assert [node.kind for node in found.nodes][:2] == ["node", "item"]


def test_an_untracked_rest_is_known_only_while_all_its_meters_are(campus, days):
    apart = {link.target: link.figure for link in flow(campus, days("2025-06-04"), "b1", E).apart}
    both = {(link.source, link.target): link.figure for link in flow(campus, days("2025-06-03", "2025-06-04"), "b1", E).links}

    assert (apart["untracked"].value, apart["untracked"].reason) == (None, Reason.PARTS_MISSING)
    assert (apart["item:01B"].value, apart["item:01B"].reason) == (None, Reason.UNKNOWN)
    assert (both["node", "untracked"].value, both["node", "untracked"].coverage) == (72 * KWH, 0.5)


def test_flow_of_a_campus_ends_in_its_buildings(campus, days):
    found = flow(campus, days("2025-06-01"), "campus", E)
    links = {(link.source, link.target): link.figure.value for link in found.links}

    assert {target: value for (source, target), value in links.items() if source == "item:unassigned"} == {
        "place:b1": 72 * KWH, "place:b2": 24 * KWH, "place:b3": 1_200 * KWH,
    }  # fmt: skip
    assert sum(value for (source, _), value in links.items() if source == "node") == found.total.value
    assert sum(value for (_, target), value in links.items() if target.startswith("place:")) == found.total.value


def test_balance_tells_a_loss_and_a_negative_one_over_common_hours(campus, days):
    main, neg = balances(campus, days("2025-06-01"), "campus", E)

    assert (main.code, main.below, main.parent, main.children, main.loss, main.loss_permille, main.state) == (
        "main", 2, 240 * KWH, 168 * KWH, 72 * KWH, 300, "loss",
    )  # fmt: skip
    assert (neg.code, neg.loss, neg.loss_permille, neg.state, neg.reason) == ("neg", -48 * KWH, -40, "negative", Reason.NEGATIVE)
    assert (main.count, main.due, main.unit) == (24, 24, "hour")


def test_balance_leaves_out_what_is_not_measured_in_all(campus, days):
    main = next(one for one in balances(campus, days("2025-06-03", "2025-06-04"), "campus", E) if one.code == "main")
    none = next(one for one in balances(campus, days("2025-06-04"), "campus", E) if one.code == "main")

    assert (main.parent, main.loss, main.count, main.due) == (240 * KWH, 72 * KWH, 24, 48)
    assert (none.loss, none.loss_permille, none.state, none.reason) == (None, None, "unknown", Reason.PARTS_MISSING)


def test_coal_and_carbon_say_which_factor_and_which_basis(campus, days):
    coal, supply, co2 = equivalents(campus, days("2025-06-01"), "b1", E)
    (water,) = equivalents(campus, days("2025-06-01"), "campus", "water")

    assert [(one.kind, one.basis, one.grams) for one in (coal, supply, co2)] == [
        ("standard_coal", "calorific", 29_496),
        ("standard_coal", "supply", 72_000),
        ("co2", "location", 128_784),
    ]
    assert (co2.factors[0].value, co2.factors[0].year, str(tonnes(co2.grams))) == ("0.5366", 2022, "0.129")
    assert water.grams == 2_468


def test_a_closed_month_keeps_the_factors_it_was_closed_with(campus, days):
    versions = [one.replace("2025-01-01", "2024-01-01") for one in factor_versions_on(date(2025, 6, 1))]
    campus.execute(
        "insert into closed_month (month, actor, inputs) values ('2025-06-01', 'x', jsonb_build_object('factors', %s::text[]))", [versions]
    )
    locked = equivalents(campus, days("2025-06-01"), "b1", E)[2]
    campus.rollback()

    assert locked.factors[0].value == "0.5568"


def test_no_factor_and_no_figure_are_no_zero(campus, days):
    early, nothing = equivalents(campus, days("2020-06-01"), "b1", E)[2], equivalents(campus, days("2025-06-10"), "b1", E)[2]

    assert (early.grams, early.reason) == (None, Reason.NO_FACTOR)
    assert (nothing.grams, nothing.reason) == (None, Reason.UNKNOWN)

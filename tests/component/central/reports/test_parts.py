"""A place by its parts: areas, items, points, makers, rates. Figures reckoned by hand (see conftest); kWh = 1000 Wh."""

from __future__ import annotations

from datetime import date

import pytest

from central.consumption.tariffs import put_tariff
from central.consumption.work import work_off
from central.reports import areas
from central.reports.areas import by_area
from central.reports.items import by_energy_item
from central.reports.makers import by_maker
from central.reports.model import Figure, Intensity, Reason
from central.reports.points import by_points
from central.reports.rates import by_rate
from protocol.errors import NotFound

KWH = 1000
E = "electricity"


def values(found):
    return {line.code: line.figure.value for line in found.parts}


def test_buildings_are_parts_of_the_campus_and_sum_to_it(campus, days):
    found = by_area(campus, days("2025-06-01", "2025-06-02"), "campus", E)

    assert values(found) == {"b3": 2_400 * KWH, "b1": 481 * KWH, "b2": 2 * 264 * KWH, "b4": None}
    assert found.total == Figure((2_400 + 481 + 528) * KWH, 1.0, "measured")
    assert found.rest is None
    assert [line.code for line in found.parts] == ["b3", "b2", "b1", "b4"]
    assert found.parts[-1].figure.reason is Reason.UNKNOWN


@pytest.mark.parametrize("range_", [("2025-06-02", "2025-06-03"), ("2025-06-04", "2025-06-04"), ("2025-06-01", "2025-06-30")])
def test_many_points_are_read_by_the_places_own_sums_and_say_the_same(campus, days, monkeypatch, range_):
    by_its_points = by_area(campus, days(*range_), "campus", E, "previous")
    monkeypatch.setattr(areas, "_MANY", 0)
    by_places = by_area(campus, days(*range_), "campus", E, "previous")

    assert by_places.total == by_its_points.total
    assert [(line.code, line.figure.value, line.figure.coverage) for line in by_places.parts] == [
        (line.code, line.figure.value, line.figure.coverage) for line in by_its_points.parts
    ]


def test_what_is_measured_in_the_place_itself_is_its_rest(campus, days):
    found = by_area(campus, days("2025-06-01"), "b1", E)

    assert (values(found), found.rest.figure.value, found.total.value) == ({"b1-101": 96 * KWH}, 144 * KWH, 240 * KWH)


def test_intensities_name_the_parameter_that_is_missing(campus, days):
    lines = {line.code: line for line in by_area(campus, days("2025-06-01"), "campus", E).parts}

    assert (lines["b1"].per_m2, lines["b1"].per_person) == (Intensity(240 * KWH), Intensity(4_800 * KWH))
    assert (lines["b2"].per_m2.milli, lines["b2"].per_person) == (264 * KWH * 1000 // 400, Intensity(None, Reason.PEOPLE))
    assert lines["b3"].per_m2 == Intensity(None, Reason.AREA)
    assert lines["b4"].per_m2 == Intensity(None, Reason.AREA)


def test_c24_a_point_that_moved_counts_where_it_stood_each_day(campus, days):
    before, after = by_area(campus, days("2025-06-02"), "campus", E), by_area(campus, days("2025-06-03"), "campus", E)
    both = by_area(campus, days("2025-06-02", "2025-06-03"), "campus", E)

    assert (values(before)["b2"], values(after)["b2"]) == (264 * KWH, (48 + 20) * KWH)
    assert (values(before)["b3"], values(after)["b3"]) == (1_200 * KWH, 1_392 * KWH)
    assert both.total.value == before.total.value + after.total.value
    assert sum(values(both)[code] for code in ("b1", "b2", "b3")) == both.total.value


def test_c25_items_count_every_point_once_and_check_meters_never(campus, days):
    found = by_energy_item(campus, days("2025-06-01"), "campus", E)

    assert values(found) == {"01A": 96 * KWH, "01B": 72 * KWH, "01C": 48 * KWH, "01D": 192 * KWH}
    assert found.rest.figure.value == (240 - 96 - 72 + 24 + 1_200) * KWH
    assert sum(values(found).values()) + found.rest.figure.value == found.total.value


def test_an_item_is_drilled_down_to_its_levels(campus, days):
    level2, level3 = (by_energy_item(campus, days("2025-06-01"), "campus", E, within) for within in ("01B", "01B2"))

    assert (values(level2), level2.total.value, level2.parts[0].more) == ({"01B2": 72 * KWH}, 72 * KWH, True)
    assert (values(level3), level3.rest, level3.parts[0].more) == ({"01B2E": 72 * KWH}, None, False)
    with pytest.raises(NotFound, match="no energy item '01Z'"):
        by_energy_item(campus, days("2025-06-01"), "campus", E, "01Z")


def test_c22_a_rest_is_unknown_while_a_meter_below_is_missing(campus, days):
    found = by_energy_item(campus, days("2025-06-04"), "b1", E)

    assert (values(found)["01A"], values(found)["01B"]) == (96 * KWH, None)
    assert found.rest.figure == Figure(None, 0.5, "unknown", Reason.PARTS_MISSING)
    assert found.total.value == 240 * KWH


def test_c23_a_negative_rest_is_shown_as_it_is(campus, days):
    found = by_area(campus, days("2025-06-01"), "b3", E).rest.figure

    assert found.value == 1_200 * KWH  # both stand in the building itself
    campus.execute("insert into point_item (point, item, source, actor) values ('negsub', '01A', 'test', 'test')")
    rest = by_energy_item(campus, days("2025-06-01"), "b3", E).rest.figure
    campus.rollback()
    assert (rest.value, rest.reason) == (-48 * KWH, Reason.NEGATIVE)


def test_c26_a_part_of_a_day_stands_with_its_share_and_makes_no_percentage(campus, days):
    page = by_points(campus, days("2025-06-03"), "b2", E, "previous")
    lines = {line.code: line for line in page.rows}

    assert lines["d"].figure == Figure(20 * KWH, 0.8333, "partial")
    assert (lines["d"].change.base.value, lines["d"].change.change_permille, lines["d"].change.reason) == (24 * KWH, None, Reason.COVERAGE)
    assert (lines["c"].change.change_permille, lines["c"].change.common, lines["c"].change.unit) == (0, 1, "day")


def test_points_are_ranked_with_unknown_ones_last_and_paged(campus, days):
    page = by_points(campus, days("2025-06-04"), "campus", E, limit=3)
    rest = by_points(campus, days("2025-06-04"), "campus", E, offset=3)
    low = by_points(campus, days("2025-06-04"), "campus", E, descending=False, limit=2)

    assert ([line.code for line in page.rows], page.total) == (["negsub", "neg", "main"], 8)
    assert [line.code for line in rest.rows] == ["mv", "a", "c", "b", "d"]
    assert [line.figure.value for line in rest.rows][-2:] == [None, None]
    assert [line.code for line in low.rows] == ["c", "a"]
    assert (page.rows[0].place, page.rows[0].maker, page.rows[2].role, rest.rows[1].item) == ("b3", "acrel", "main", "01A1")


def test_points_are_found_by_name_and_item(campus, days):
    assert [line.code for line in by_points(campus, days("2025-06-01"), "campus", E, q="NEG").rows] == ["negsub", "neg"]
    assert [line.code for line in by_points(campus, days("2025-06-01"), "campus", E, item="01A").rows] == ["a"]
    assert by_points(campus, days("2025-06-01"), "campus", E, q="%").total == 0


def test_makers_share_the_sum_of_their_meters(campus, days):
    found = by_maker(campus, days("2025-06-01"), "campus", E)

    assert values(found) == {"acrel": (240 + 192 + 1_200) * KWH, "chint": (48 + 24) * KWH}
    assert found.total.value == sum(values(found).values())
    assert values(by_maker(campus, days("2025-06-01"), "b2", E, "profile")) == {"acrel/adl400": 192 * KWH, "chint/dtsu666": 72 * KWH}


def test_changes_are_made_of_what_is_known_in_both_periods(campus, days):
    found = {line.code: line for line in by_area(campus, days("2025-06-02", "2025-06-03"), "campus", E, "previous").parts}

    assert found["b1"].change.change_permille == 2  # 481 against 480
    assert (found["b1"].change.common_value, found["b1"].change.common_base) == (481 * KWH, 480 * KWH)
    assert found["b2"].change.base.value == 2 * 264 * KWH
    assert found["b4"].change is None


@pytest.mark.parametrize("many", [2_000_000, 0], ids=["by its points", "by the places' own sums"])
def test_days_that_nobody_has_a_row_of_make_no_percentage(campus, days, monkeypatch, many):
    monkeypatch.setattr(areas, "_MANY", many)
    found = {line.code: line for line in by_area(campus, days("2025-06-02", "2025-06-05"), "campus", E, "previous").parts}

    change = found["b1"].change
    assert change.base.value == 3 * 240 * KWH, "nothing was read on the first of the four days before"
    assert (change.change_permille, change.reason) == (None, Reason.COVERAGE)


def test_water_has_figures_of_its_own(campus, days):
    found = by_area(campus, days("2025-06-01"), "campus", "water")

    assert (found.total.value, values(found)["b2"], values(found)["b1"]) == (9_600, 9_600, None)


def test_a_place_nobody_knows_is_not_found(campus, days):
    for report in (by_area, by_energy_item, by_points, by_maker, by_rate):
        with pytest.raises(NotFound):
            report(campus, days("2025-06-01"), "nowhere", E)


def _tariff(peak: int):
    periods = [{"from": "00:00", "to": "10:30", "rate": "valley"}, {"from": "10:30", "to": "24:00", "rate": "peak"}]
    plans = [{"months": list(range(1, 13)), "kinds": ["workday", "weekend", "holiday"], "periods": periods}]
    return {"source": "test", "prices": {"peak": peak, "valley": 3333}, "plans": plans}


def test_c19_c20_c21_rates_split_at_the_quarter_price_every_kwh_once_and_sum_to_the_total(campus, days):
    put_tariff(campus, "Asia/Shanghai", E, date(2025, 5, 1), _tariff(10_000), "tester")
    put_tariff(campus, "Asia/Shanghai", E, date(2025, 6, 2), _tariff(12_345), "tester")
    campus.commit()
    work_off(campus)
    campus.commit()

    found = by_rate(campus, days("2025-06-01", "2025-06-02"), "b1", E)
    room = by_rate(campus, days("2025-06-01"), "b1-101", E)

    assert {part.rate: part.value for part in found.parts} == {"valley": 210 * KWH, "peak": 271 * KWH}
    assert [(str(line.valid_from), line.rate, line.value, line.fen) for line in found.lines] == [
        ("2025-05-01", "peak", 135 * KWH, 13_500),
        ("2025-05-01", "valley", 105 * KWH, 3_500),
        ("2025-06-02", "peak", 136 * KWH, 16_789),
        ("2025-06-02", "valley", 105 * KWH, 3_500),
    ]
    assert (found.total_fen, found.unpriced, found.value) == (37_289, 0, 481 * KWH)
    assert sum(part.fen for part in found.parts) == found.total_fen
    assert {part.rate: part.value for part in room.parts} == {"valley": 42 * KWH, "peak": 54 * KWH}
    assert by_rate(campus, days("2025-06-01"), "b4", E).value is None

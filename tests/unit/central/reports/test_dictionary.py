"""The code dictionaries: what comes with the program is right, and a mistake in one is told with file and line."""

from __future__ import annotations

from datetime import date
from importlib.resources import files

import pytest

from central.reports.dictionary import factor_on, factor_versions_on, load_dictionary, parse_dictionary, translate_item
from protocol.errors import ConfigError

NAMES = ("energy_classes", "items_ministry", "items_province", "item_mapping", "building_types", "factors", "limits")


@pytest.fixture
def texts() -> dict[str, str]:
    folder = files("central.reports").joinpath("dictionaries")
    return {name: folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8") for name in NAMES}


def test_both_trees_round_trip_where_there_is_a_counterpart():
    dictionary = load_dictionary()

    for tree, other in (("ministry", "province"), ("province", "ministry")):
        for item in dictionary.trees[tree].items:
            there, same = translate_item(dictionary, tree, item.code)
            if same:
                assert there is not None
                assert translate_item(dictionary, other, there) == (item.code, True)


def test_letters_that_differ_are_translated_by_meaning():
    dictionary = load_dictionary()

    assert translate_item(dictionary, "ministry", "01B1A") == ("01B1C", True)  # chilled water pumps
    assert translate_item(dictionary, "province", "01B1A") == ("01B1C", True)  # chillers
    assert translate_item(dictionary, "province", "01A4") == ("01A1", False)
    assert translate_item(dictionary, "ministry", "01Z") == (None, False)


def test_the_site_uses_one_tree_whose_every_item_has_a_parent():
    own = load_dictionary().own

    codes = {item.code for item in own.items}
    assert own.tree == "ministry"
    assert {item.parent for item in own.items} - {None} <= codes
    assert {code for code in codes if len(code) == 3} == {"01A", "01B", "01C", "01D"}


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("energy_classes", 'code: "02"', 'code: "01"', r"energy_classes\.yaml:6: '01' stands twice"),
        ("items_ministry", '"01A2"', '"01A1"', r"items_ministry\.yaml:11: '01A1' stands twice"),
        ("items_ministry", '"01C3"', '"01E3"', r"items_ministry\.yaml:30: its parent '01E' does not stand before it"),
        ("items_ministry", '"01D6"', '"99D6"', r"there is no energy class '99'"),
        ("items_ministry", "own: true", "own: false", r"0 item trees say own: true"),
        ("item_mapping", 'province: "01C3"', 'province: "01C9"', r"item_mapping\.yaml:21: tree province has no item '01C9'"),
        ("item_mapping", '  - {ministry: "01C3", province: "01C3"}\n', "", r"item '01C3' of tree ministry is in no line"),
        ("item_mapping", 'ministry: "01C3", province: "01C3"', 'ministry: "01C3", province: "01C2"', r"'01C2' stands twice"),
        ("item_mapping", 'into: "01B2"', 'into: "01B9"', r"tree province has no item '01B9'"),
        ("building_types", "national: E", "national: Q", r"national type 'Q' does not exist"),
        ("factors", ", valid_to: 2021-04-01", "", r"factors\.yaml:12: it overlaps the version of 2008-06-01"),
        ("factors", 'value: "0.1229"', 'value: "1229"', r"factors\.yaml:6: factors\.0\.value: it must lie between"),
        ("limits", "most_permille: 50", "most_permille: -10", r"limits\.yaml:4: least_permille must be smaller"),
    ],
)
def test_a_mistake_is_told_with_its_place(texts, name, old, new, problem):
    assert old in texts[name]

    with pytest.raises(ConfigError, match=problem):
        parse_dictionary(texts | {name: texts[name].replace(old, new, 1)})


def test_one_version_of_a_factor_is_in_force_on_a_day():
    water = [one for one in load_dictionary().factors if one.key == ("water", "standard_coal", "calorific", "CN")]

    assert [factor_on(water, day).value for day in (date(2021, 3, 31), date(2021, 4, 1), date(2026, 11, 22))] == ["0.0857", "0.2571", "0.2571"]
    assert factor_on(water, date(2000, 1, 1)) is None
    assert "electricity/co2/location/CN/2025-01-01" in factor_versions_on(date(2025, 6, 1))
    assert "electricity/co2/location/CN/2026-01-01" not in factor_versions_on(date(2025, 6, 1))

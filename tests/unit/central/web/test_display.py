"""Numbers, ages and times as people read them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from central.web import display
from central.web.translations import Language
from protocol.quantities import QUANTITIES
from protocol.reading import Quality


@pytest.mark.parametrize(
    ("code", "value", "text"),
    [
        ("energy_active_total", 1_234_567_890, "1,234,567.89"),
        ("energy_active_total", 0, "0.00"),
        ("power_active", 60_312_499, "60.312"),
        ("power_active", -1_500_000, "-1.500"),
        ("voltage_a", 230_787, "230.8"),
        ("power_active", 435_500, "0.436"),
        ("energy_active_total", 1_234_565, "1,234.57"),
        ("energy_active_total", -1_234_565, "-1,234.57"),
        ("current_a", 2_045, "2.045"),
        ("water_volume", 12_345, "12.345"),
        ("power_factor", 965, "0.965"),
        ("relay_1", 1, "1"),
        ("status_word_3", 0x0050, "0x0050"),
    ],
)
def test_value_has_the_decimals_its_meter_justifies(code: str, value: int, text: str) -> None:
    assert display.number(QUANTITIES[code], value) == text


def test_exact_value_loses_no_digit_of_a_register_beyond_float_precision() -> None:
    assert display.exact(QUANTITIES["energy_active_total"], 9_007_199_254_740_993).startswith("9,007,199,254,740.993")


@pytest.mark.parametrize(
    ("seconds", "chinese", "english"),
    [(-5, "1秒前", "1 sec. ago"), (119, "119秒前", "119 sec. ago"), (120, "2分钟前", "2 min. ago"), (200_000, "2天前", "2 days ago")],
)
def test_age_is_said_in_both_languages(seconds: float, chinese: str, english: str) -> None:
    assert display.age(seconds, Language.CHINESE) == chinese
    assert display.age(seconds, Language.ENGLISH) == english


def test_times_are_the_site_s() -> None:
    assert display.stamp(1_763_769_600, ZoneInfo("Asia/Shanghai")) == "2025-11-22 08:00:00"


@pytest.mark.parametrize(
    ("quality", "kind"),
    [
        (Quality.GOOD, "good"),
        (Quality.CLOCK_UNSURE, "suspect"),
        (Quality.SUSPECT, "suspect"),
        (Quality.MAKEUP, "estimated"),
        (Quality.SUBSTITUTED, "estimated"),
    ],
)
def test_every_quality_has_its_word(quality: Quality, kind: str) -> None:
    assert display.quality_class(quality) == kind


def test_unknown_quantity_stands_for_itself() -> None:
    assert display.quantity_name("future_quantity", Language.CHINESE) == "future_quantity"


def test_query_leaves_empty_parts_out() -> None:
    assert display.query({"q": "a b", "state": "", "offset": 50}) == "q=a+b&offset=50"


@pytest.mark.parametrize(
    ("seconds", "english"),
    [
        (15, "15 seconds"),
        (60, "1 minute"),
        (90, "90 seconds"),
        (900, "15 minutes"),
        (3600, "1 hour"),
        (5400, "90 minutes"),
        (86_400, "1 day"),
        (0, "0 seconds"),
    ],
)
def test_period_is_said_without_rounding_away(seconds: int, english: str) -> None:
    assert display.period(seconds, Language.ENGLISH) == english


def test_list_in_the_audit_reads_as_words() -> None:
    assert display.listed(["fleet.read", "metering.read"]) == "fleet.read, metering.read"
    assert display.listed(7) == "7"

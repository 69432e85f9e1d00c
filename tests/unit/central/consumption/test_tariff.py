"""Tariff bodies: what is refused, and where the error points."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.consumption.cost import cost
from central.consumption.costs import DayRates, priced
from central.consumption.days import quarters
from central.consumption.tariff import DayKind, kind_of, parse_tariff, rate_of_slots
from protocol.errors import CampusError, ConfigError

BODY: dict[str, Any] = {
    "source": "notice 12 of 2025",
    "prices": {"peak": 10_432, "valley": 3_107},
    "plans": [
        {
            "months": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
            "kinds": ["workday", "weekend", "holiday"],
            "periods": [{"from": "00:00", "to": "08:15", "rate": "valley"}, {"from": "08:15", "to": "24:00", "rate": "peak"}],
        }
    ],
}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    body = copy.deepcopy(BODY)
    change(body)
    return body


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda body: body["plans"][0]["periods"][1].update({"from": "08:30"}), r"plans\[0\]\.periods\[1\] leaves a gap: it must begin at 08:15"),
        (lambda body: body["plans"][0]["periods"][1].update({"from": "08:00"}), r"plans\[0\]\.periods\[1\] overlaps"),
        (lambda body: body["plans"][0]["periods"][0].update({"to": "08:10"}), r"plans\[0\]\.periods\[0\]\.to must be a quarter of an hour"),
        (lambda body: body["plans"][0]["periods"][1].update({"to": "24:15"}), r"periods\[1\]\.to must be a quarter"),
        (lambda body: body["plans"][0]["periods"][1].update({"to": "02:00"}), "not after it begins"),
        (lambda body: body["plans"][0]["periods"].pop(), "end at 08:15; the last one must reach 24:00"),
        (lambda body: body["plans"][0]["periods"][0].update({"rate": "cheap"}), r"plans\[0\]\.periods\[0\]\.rate"),
        (lambda body: body["plans"][0]["months"].remove(7), "month 7, workday has no plan"),
        (lambda body: body["plans"][0]["kinds"].remove("holiday"), "month 1, holiday has no plan"),
        (lambda body: body["plans"][0]["months"].append(13), r"plans\[0\]\.months\[12\]"),
        (lambda body: body["plans"].append(copy.deepcopy(body["plans"][0])), r"plans\[1\]: month 1, workday has a plan already"),
        (lambda body: body["prices"].pop("peak"), "peak is used by a plan and has no price"),
        (lambda body: body["prices"].update({"sharp": 1}), "no plan uses sharp"),
        (lambda body: body["prices"].update({"peak": 1.5}), r"prices\.peak"),
        (lambda body: body["prices"].update({"peak": -1}), r"prices\.peak"),
        (lambda body: body.update({"currency": "CNY"}), "currency"),
        (lambda body: body.pop("source"), "source"),
    ],
)
def test_wrong_body_is_refused_with_the_place(change: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_tariff(changed(change), "dorms")


def test_body_that_is_no_object_is_refused() -> None:
    with pytest.raises(ConfigError, match="tariff dorms: body"):
        parse_tariff([], "dorms")


def test_edge_on_a_quarter_hour_is_kept() -> None:
    rates = rate_of_slots(parse_tariff(BODY, "dorms"), date(2025, 3, 3), DayKind.WORKDAY, quarters(date(2025, 3, 3), "Asia/Shanghai"))
    assert rates.tolist() == [3] * 33 + [1] * 63


def test_lost_hour_takes_its_rates_along() -> None:
    rates = rate_of_slots(parse_tariff(BODY, "dorms"), date(2025, 3, 30), DayKind.WEEKEND, quarters(date(2025, 3, 30), "Europe/Berlin"))
    assert rates.tolist() == [3] * 29 + [1] * 63


def test_kind_of_day_follows_the_calendar_before_the_weekday() -> None:
    calendar = {date(2025, 1, 26): "workday", date(2025, 1, 28): "holiday"}
    assert [kind_of(date(2025, 1, day), calendar) for day in (24, 25, 26, 28)] == [
        DayKind.WORKDAY,
        DayKind.WEEKEND,
        DayKind.WORKDAY,
        DayKind.HOLIDAY,
    ]


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=2))
def test_lines_of_a_cost_always_sum_to_its_total(energies: list[int]) -> None:
    valley, peak = energies
    found = cost([(parse_tariff(BODY, "dorms"), np.array([0, peak, 0, valley, 0]))] * 3)
    assert sum(line.fen for line in found.lines) == found.total_fen
    assert abs(found.total_fen * 100_000 - 3 * (peak * 10_432 + valley * 3_107)) <= 50_000
    assert all(abs(line.fen * 100_000 - line.energy_wh * line.price) < 100_000 for line in found.lines)


def test_energy_in_a_rate_the_tariff_has_not_is_never_free() -> None:
    with pytest.raises(CampusError, match="sharp"):
        cost([(parse_tariff(BODY, "dorms"), np.array([1, 0, 0, 0, 0]))])


def test_days_split_by_an_earlier_tariff_have_no_price_until_they_are_computed_again() -> None:
    day = DayRates(date(2025, 3, 3), [700, 1000, 0, 500, 0], 86_400, 86_400)

    found = priced("campus", "electricity", [day], [(date(2025, 1, 1), parse_tariff(BODY, "dorms"))], 86_400)

    assert (found.value, found.unpriced) == (2200, 700)
    assert [(line.rate, line.value) for line in found.lines] == [("peak", 1000), ("valley", 500)]
    assert found.total_fen == sum(line.fen for line in found.lines)

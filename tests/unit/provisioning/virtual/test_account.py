"""Book-keeping of a prepaid meter: the conformance items of the fee-control supplement."""

from __future__ import annotations

from datetime import datetime

import pytest

from provisioning.virtual.account import Account, recalled

BOUGHT = datetime(2026, 9, 21, 22, 13)


def account(**changes: object) -> Account:
    usual = {"unit": "energy", "base": 10_000, "counter_wh": 500_000, "price": 5_500, "count": 7, "cumulative": 700_000, "customer": "000000000012"}
    return Account(**{**usual, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({}, None),
        ({"count": 7}, "duplicate"),
        ({"count": 9}, "count"),
        ({"count": 6}, "count"),
        ({"customer": "000000000013"}, "customer"),
        ({"hoarding": 29_999}, "hoarding"),
        ({"hoarding": 30_000}, None),
        ({"count": None, "customer": None}, None),
    ],
)
def test_only_the_next_purchase_of_the_right_customer_within_the_limit_is_taken(told: dict[str, object], why: str | None) -> None:
    asked = {"count": 8, "amount": 20_000, "customer": "000000000012", "counter_wh": 500_000, "hoarding": 0, **told}

    assert account().refusal(**asked) == why  # type: ignore[arg-type]


def test_nothing_is_taken_before_opening() -> None:
    closed = account(opened=False)

    assert closed.refusal(count=8, amount=1, customer=None, counter_wh=500_000, hoarding=0) == "not_opened"


def test_balance_falls_with_use_by_energy_and_by_price() -> None:
    assert account().balance(503_000) == 7_000
    assert account(unit="money", base=1_000).balance(503_000) == 1_000 - 165  # 3 kWh at 0.55 yuan


@pytest.mark.parametrize("unit", ["energy", "money"])
@pytest.mark.parametrize("limit", [0, 250])
def test_runs_out_exactly_there(unit: str, limit: int) -> None:
    one = account(unit=unit)

    ends_wh = one.runs_out_at_wh(limit)

    assert one.balance(ends_wh) <= -limit < one.balance(ends_wh - 1)


def test_purchase_is_recorded_with_what_stood_there_before_and_after() -> None:
    one = account()

    one.take(20_000, 504_000, BOUGHT)

    [record] = one.purchases
    assert (record.count, record.amount, record.before, record.after, record.cumulative) == (8, 20_000, 6_000, 26_000, 720_000)
    assert one.balance(505_000) == 25_000


def test_a_new_price_is_charged_from_now_on() -> None:
    one = account(unit="money", base=10_000)

    one.set_price(11_000, 510_000)

    assert one.balance(520_000) == 10_000 - 550 - 1_100


def test_no_more_is_given_back_than_there_is() -> None:
    one = account()

    assert not one.give_back(10_001, 500_000)
    assert one.give_back(4_000, 500_000)
    assert one.balance(500_000) == 6_000


def test_account_outlives_a_restart() -> None:
    one = account()
    one.take(20_000, 504_000, BOUGHT)

    assert recalled(one.memory()) == one

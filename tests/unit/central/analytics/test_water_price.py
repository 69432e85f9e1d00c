"""The mean price of what flows evenly."""

from __future__ import annotations

from central.analytics.water_price import mean_price, rate_prices
from central.consumption.tariff import parse_tariff

FLAT = {
    "source": "notice",
    "prices": {"flat": 37_000},
    "plans": [
        {"months": list(range(1, 13)), "kinds": ["workday", "weekend", "holiday"], "periods": [{"from": "00:00", "to": "24:00", "rate": "flat"}]}
    ],
}


def test_a_flat_price_is_the_price():
    tariff = parse_tariff(FLAT, "water")

    assert mean_price(tariff) == 37_000
    assert rate_prices(tariff) == (0, 0, 37_000, 0, 0)


def test_hours_and_kinds_of_day_weigh_as_they_come():
    """A third of a workday at 10 000, the rest at 40 000; free days all at 10 000: (5 x 30 000 + 2 x 10 000) / 7."""
    body = {
        "source": "notice",
        "prices": {"peak": 40_000, "valley": 10_000},
        "plans": [
            {
                "months": list(range(1, 13)),
                "kinds": ["workday"],
                "periods": [{"from": "00:00", "to": "08:00", "rate": "valley"}, {"from": "08:00", "to": "24:00", "rate": "peak"}],
            },
            {"months": list(range(1, 13)), "kinds": ["weekend", "holiday"], "periods": [{"from": "00:00", "to": "24:00", "rate": "valley"}]},
        ],
    }

    assert mean_price(parse_tariff(body, "water")) == 170_000 // 7

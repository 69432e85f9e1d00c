"""What a cubic metre costs that runs day and night: the mean of a day's quarters of an hour under the tariff in force."""

from __future__ import annotations

from central.consumption.model import RATES
from central.consumption.tariff import DayKind, Tariff
from central.consumption.tariffs import parsed_versions
from central.db.pool import Connection


def water_price(conn: Connection) -> int | None:
    """1/10000 yuan a cubic metre under the newest tariff of water; None without one."""
    versions = parsed_versions(conn).get("water", [])
    return mean_price(versions[-1][1]) if versions else None


def mean_price(tariff: Tariff) -> int:
    """The price of what flows evenly, over all months and kinds of day (five of seven days are workdays), rounded down."""
    weights = {DayKind.WORKDAY: 5, DayKind.WEEKEND: 2, DayKind.HOLIDAY: 0}
    total = weight = 0
    for (_, kind), quarters in tariff.rates.items():
        priced = [tariff.prices[rate] or 0 for rate in quarters.tolist()]
        total, weight = total + weights[kind] * sum(priced), weight + weights[kind] * len(priced)
    return total // weight


def rate_prices(tariff: Tariff) -> tuple[int, ...]:
    """Prices in the order of RATES, 0 for a rate no quarter has."""
    return tuple(tariff.prices[number] or 0 for number in range(len(RATES)))

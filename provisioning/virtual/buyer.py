"""The consumer of a prepaid meter that nobody has recharged over the wire yet: buys 100 kWh whenever the credit has fallen to 20 kWh.

A pure function of the counter, so that thousands of meters need no book-keeping. The first recharge or hand on the balance ends it: from then on an
`Account` counts.
"""

from __future__ import annotations

from collections.abc import Callable

_PURCHASE_WH = 100_000
_LOW_CREDIT_WH = 20_000
PRICE = 5_500  # 1/10000 yuan per kWh
_PRICES_PER_FEN = 100_000
_SEARCH_STEPS = 40


def count(counter_wh: int) -> int:
    """Return how often was bought."""
    return counter_wh // _PURCHASE_WH + 1


def balance_wh(counter_wh: int) -> int:
    """Return what is left."""
    return _LOW_CREDIT_WH + count(counter_wh) * _PURCHASE_WH - counter_wh


def purchase_wh(number: int) -> tuple[int, int, int, int]:
    """Return amount, credit before and after, and sum of the purchases up to this one, in Wh."""
    return _PURCHASE_WH, _LOW_CREDIT_WH, _LOW_CREDIT_WH + _PURCHASE_WH, number * _PURCHASE_WH


def bought_at(number: int, counter: Callable[[float], int], from_s: float, until_s: float) -> float:
    """Return when the purchase of this number was made: the counter then stood at a multiple of what is bought."""
    return reached_at((number - 1) * _PURCHASE_WH, counter, from_s, until_s)


def reached_at(reading: int, counter: Callable[[float], int], from_s: float, until_s: float) -> float:
    """Return the first instant, to a second, at which a counter that never falls shows this; `until_s` when it does not before."""
    low, high = from_s, until_s
    for _ in range(_SEARCH_STEPS):
        if high - low <= 1:
            break
        middle = (low + high) // 2
        low, high = (low, middle) if counter(middle) >= reading else (middle, high)
    return high if counter(low) < reading else low


def fen(wh: int, price: int = PRICE) -> int:
    """Return the price of so much energy."""
    return wh * price // _PRICES_PER_FEN

"""The money or energy a virtual prepaid meter holds: pure book-keeping in integers, no clock, no wire.

A meter takes a purchase whose number is one above its own. The same number again is the same purchase, already taken; any other is refused. What
is refused changes nothing (the supplement to DL/T 645-2007 on fee control; its conformance items are this file's tests).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

_KEPT = 10  # purchase records; the oldest goes
_PRICES_PER_FEN = 100_000  # Wh x 1/10000 yuan per kWh in one fen
Unit = Literal["energy", "money"]
Refusal = Literal["duplicate", "count", "customer", "hoarding", "not_opened"]


@dataclass(frozen=True, slots=True)
class Purchase:
    """One record. Amounts in Wh or fen."""

    bought: datetime
    count: int
    amount: int
    before: int
    after: int
    cumulative: int


@dataclass
class Account:
    """`base`: what was left when the counter stood at `counter_wh` and the price began to be `price`. `customer`: twelve digits."""

    unit: Unit
    base: int
    counter_wh: int
    price: int
    count: int = 0
    cumulative: int = 0
    opened: bool = True
    customer: str = "0" * 12
    purchases: list[Purchase] = field(default_factory=list)

    def balance(self, counter_wh: int) -> int:
        """Return what is left when the counter shows this; below zero is overdraft."""
        used = counter_wh - self.counter_wh
        return self.base - (used if self.unit == "energy" else used * self.price // _PRICES_PER_FEN)

    def runs_out_at_wh(self, limit: int) -> int:
        """Return the counter reading at which the balance has fallen to -`limit`."""
        left = self.base + limit
        return self.counter_wh + (left if self.unit == "energy" else -(-left * _PRICES_PER_FEN // max(1, self.price)))

    def refusal(self, *, count: int | None, amount: int, customer: str | None, counter_wh: int, hoarding: int) -> Refusal | None:
        """Return why a purchase is not taken, or None. `count`, `customer` None: not looked at. `hoarding` 0: no limit."""
        if not self.opened:
            return "not_opened"
        if customer is not None and customer != self.customer:
            return "customer"
        if count is not None and count != self.count + 1:
            return "duplicate" if count == self.count else "count"
        return "hoarding" if hoarding and self.balance(counter_wh) + amount > hoarding else None

    def take(self, amount: int, counter_wh: int, bought: datetime) -> None:
        """Book a purchase."""
        before = self.balance(counter_wh)
        self.count += 1
        self.cumulative += amount
        self.set_balance(before + amount, counter_wh)
        self.purchases.insert(0, Purchase(bought, self.count, amount, before, before + amount, self.cumulative))
        del self.purchases[_KEPT:]

    def give_back(self, amount: int, counter_wh: int) -> bool:
        """Book a refund; False when there is not so much."""
        left = self.balance(counter_wh)
        if amount > left:
            return False
        self.set_balance(left - amount, counter_wh)
        return True

    def set_balance(self, amount: int, counter_wh: int) -> None:
        """Say what is left from now on."""
        self.base, self.counter_wh = amount, counter_wh

    def set_price(self, price: int, counter_wh: int) -> None:
        """Charge another price from now on."""
        self.set_balance(self.balance(counter_wh), counter_wh)
        self.price = price

    def memory(self) -> dict[str, Any]:
        """Return what must outlive a restart, JSON-ready."""
        return {**asdict(self), "purchases": [{**asdict(one), "bought": one.bought.isoformat()} for one in self.purchases]}


def recalled(data: Mapping[str, Any]) -> Account:
    """Return the account that `memory` gave away."""
    purchases = [Purchase(**{**one, "bought": datetime.fromisoformat(one["bought"])}) for one in data["purchases"]]
    return Account(**{**data, "purchases": purchases})

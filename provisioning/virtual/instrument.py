"""What one virtual device measures and remembers: every quantity in primary base units at an instant, relay and valve included."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from protocol.profile_logs import Period
from provisioning.virtual import account, buyer, journal, physics, room
from provisioning.virtual.account import Account, Purchase, Unit
from provisioning.virtual.journal import NOBODY, Journal
from provisioning.virtual.physics import ANCHOR_S, TARIFF_HOURS, Load, Shape
from provisioning.virtual.room import Room
from provisioning.virtual.supply import Appliance, Supply

_PULSE_L = 10  # a water meter's counter moves in pulses
_RATE_MS_PER_UNIT = 3_600_000_000  # mW x ms in a Wh, mL/h x ms in a L
_FIRST = datetime.fromtimestamp(0, UTC).replace(tzinfo=None)
_HOURS: MappingProxyType[str, frozenset[int]] = MappingProxyType({"all": frozenset(range(24)), **TARIFF_HOURS})


@dataclass
class Instrument:
    """One device's quantities. `state` holds what was switched or written, `kept` texts; `on_change` is told after each change.

    `start`: register in Wh (or L) that the counter shows at `epoch_s`; None lets it follow from seed and name alone. `credit`: what a prepaid
    meter counts in.
    """

    seed: int
    device: str
    load: Load
    phases: int = 1
    utc_offset_s: int = 8 * 3600
    start: int | None = None
    epoch_s: float = 0.0
    credit: Unit | None = None
    on_change: Callable[[Instrument], None] | None = None
    state: dict[str, int] = field(default_factory=dict)
    clock_offset_s: int = 0
    kept: dict[str, str] = field(default_factory=dict)
    journal: Journal = field(default_factory=Journal)
    account: Account | None = None
    room: Room | None = None
    supply: Supply = field(init=False)

    def __post_init__(self) -> None:
        self.supply = Supply(self.load, self.utc_offset_s, dict.fromkeys(_HOURS, 0), dict(_HOURS))

    def value(self, quantity: str, at_s: float) -> int:
        """Return a quantity in its base unit, primary side; 0 for what this device has no model of."""
        if quantity in self.state:
            return self.state[quantity]
        stem, _, end = quantity.rpartition("_")
        if end in _FROZEN_BY:
            return self.value(stem, self.period_began_s(_FROZEN_BY[end], 1, at_s))
        if quantity.startswith("energy_"):
            return self._energy(quantity, at_s)
        stem, phase = (quantity, "total") if quantity in _PER_PHASE else quantity.rpartition("_")[::2]
        if stem in _PER_PHASE and phase in _PHASES:
            return _PER_PHASE[stem](self, phase, self._local_s(at_s))
        reader = _PLAIN.get(quantity)
        return reader(self, at_s) if reader else 0

    def set_state(self, quantity: str, value: int, at_s: float, operator: str = NOBODY) -> None:
        """Switch or write something; opening the relay or closing the valve stops the load, the counter stands still."""
        was_on, before = self.on, self.state.get(quantity, 0)
        if quantity == "price_now" and self.account is not None:
            self.account.set_price(value, self.counter(at_s))
        self.state[quantity] = value
        if was_on and not self.on:
            self.supply.cut(at_s)
        elif not was_on and self.on:
            self.supply.restore(at_s)
        if quantity in _NOTED and bool(before) is not bool(value) and (event := _NOTED[quantity][bool(value)]):
            self.journal.note(event, self.local_time(at_s), operator=operator)
        if quantity in _MACHINE:
            self.room = (self.room or self._untouched_room(at_s)).told(self.state, at_s)
        self.changed()

    def changed(self) -> None:
        """Tell that something must be remembered."""
        if self.on_change is not None:
            self.on_change(self)

    @property
    def on(self) -> bool:
        """Whether the load is connected."""
        return not self.state.get("meter_relay_open", 0) and not self.state.get("valve_state", 0)

    def local_time(self, at_s: float) -> datetime:
        """Return what the device's own clock shows (no time zone attached: the wire knows none)."""
        return _FIRST + timedelta(seconds=int(at_s) + self.utc_offset_s + self.clock_offset_s)

    def instant_s(self, shown: datetime) -> float:
        """Return the Unix time at which the device's own clock, as it is set now, shows this."""
        return (shown - _FIRST).total_seconds() - self.utc_offset_s - self.clock_offset_s

    def set_clock(self, shown: datetime, at_s: float) -> None:
        """Set the device's own clock."""
        self.clock_offset_s = int((shown - _FIRST).total_seconds()) - int(at_s) - self.utc_offset_s
        self.changed()

    def period_began_s(self, period: Period, number: int, at_s: float) -> float:
        """Return when the newest hour, day or month of the device's own clock began (`number` 1), or the one before it (2), ..."""
        shown = self.local_time(at_s)
        if period == "hour":
            return self.instant_s(shown.replace(minute=0, second=0) - timedelta(hours=number - 1))
        midnight = shown.replace(hour=0, minute=0, second=0)
        if period == "day":
            return self.instant_s(midnight - timedelta(days=number - 1))
        months = shown.year * 12 + shown.month - number
        return self.instant_s(midnight.replace(year=months // 12, month=months % 12 + 1, day=1))

    def counter(self, at_s: float, tariff: str = "all") -> int:
        """Return the main register, or one tariff's: Wh, or L for water. It never falls."""
        total = self._taken(at_s, tariff) // _RATE_MS_PER_UNIT + self._first(tariff)
        return total // _PULSE_L * _PULSE_L if self.load.shape is Shape.WATER else total

    def opened_account(self, at_s: float) -> Account:
        """Return the meter's own book-keeping, begun with what the consumer has bought so far."""
        if self.account is None:
            counter = self.counter(at_s)
            unit, price = self.credit or "energy", self.value("price_now", at_s) or buyer.PRICE
            bought = [one for number in range(1, 11) if (one := self.purchase(number, at_s)) is not None]
            left = self.value(f"balance_{unit}", at_s)
            self.account = Account(unit, left, counter, price, buyer.count(counter), bought[0].cumulative, customer=self.customer, purchases=bought)
        return self.account

    @property
    def customer(self) -> str:
        """The customer number, twelve digits."""
        return self.account.customer if self.account else str(physics.chosen(self.seed, f"{self.device}/customer", 10**12)).zfill(12)

    def purchase(self, number: int, at_s: float) -> Purchase | None:
        """Return the purchase `number`, 1 being the newest; None when there is none."""
        if self.account is not None:
            return self.account.purchases[number - 1] if 1 <= number <= len(self.account.purchases) else None
        count = buyer.count(self.counter(at_s)) - number + 1
        if count < 1 or number < 1:
            return None
        bought = buyer.bought_at(count, self.counter, max(self.epoch_s, ANCHOR_S - self.utc_offset_s), at_s)
        amounts = [buyer.fen(wh) if self.credit == "money" else wh for wh in buyer.purchase_wh(count)]
        return Purchase(self.local_time(bought), count, *amounts)

    def memory(self) -> str:
        """Return what must outlive a restart, as JSON."""
        supply = self.supply
        kept = {
            "state": self.state,
            "withheld": supply.withheld,
            "off_since_s": supply.off_since_s,
            "clock_offset_s": self.clock_offset_s,
            "kept": self.kept,
            "cuts": supply.cuts,
            "appliances": [asdict(one) for one in supply.appliances],
            "journal": self.journal.memory(),
            "account": None if self.account is None else self.account.memory(),
            "room": None if self.room is None else [self.room.since_s, self.room.started_mdeg],
        }
        return json.dumps(kept, indent=1)

    def remember(self, text: str) -> None:
        """Take over what `memory` returned in an earlier life, also one whose devices remembered less."""
        data = json.loads(text)
        self.state = {str(key): int(value) for key, value in data["state"].items()}
        self.supply.withheld = {tariff: int(value) for tariff, value in data["withheld"].items()}
        self.supply.off_since_s = None if data["off_since_s"] is None else float(data["off_since_s"])
        self.clock_offset_s = int(data["clock_offset_s"])
        self.kept = {str(key): str(value) for key, value in data.get("kept", {}).items()}
        self.supply.cuts = [(float(first), float(last)) for first, last in data.get("cuts", [])]
        self.supply.appliances = [Appliance(**one) for one in data.get("appliances", [])]
        self.journal = journal.recalled(data["journal"]) if "journal" in data else Journal()
        self.account = account.recalled(data["account"]) if data.get("account") else None
        self.room = None
        if data.get("room"):
            since_s, started_mdeg = data["room"]
            self.room = Room(self._natural_mdeg, room.machine(self.state), float(since_s), float(started_mdeg))

    def _local_s(self, at_s: float) -> float:
        return at_s + self.utc_offset_s

    def _taken(self, at_s: float, tariff: str) -> int:
        """Rate x ms since the counter began: since the epoch when it was given a start (before, it lay in a box), else since the anchor."""
        if self.start is None:
            return self.supply.taken(at_s, tariff)
        began = self.load.taken(int(self._local_s(self.epoch_s) * 1000), _HOURS[tariff])
        return self.supply.taken(max(at_s, self.epoch_s), tariff) - began

    def _first(self, tariff: str) -> int:
        first = physics.chosen(self.seed, f"{self.device}/start", 500_000) if self.start is None else self.start
        return {"all": first, "flat": first - 3 * (first // 5)}.get(tariff, first // 5)

    def _energy(self, quantity: str, at_s: float) -> int:
        total = self.counter(at_s)
        if quantity.startswith("energy_active_forward_phase_"):
            return total * _share_permille(self, quantity[-1]) // 1000
        stem, _, tariff = quantity.rpartition("_")
        if stem in ("energy_active_forward", "energy_active_total") and tariff in TARIFF_HOURS:
            return self.counter(at_s, tariff)
        if quantity.startswith("energy_active_reverse"):
            reverse = physics.chosen(self.seed, f"{self.device}/reverse", 3_000)
            return {"energy_active_reverse": reverse, "energy_active_reverse_flat": reverse - 3 * (reverse // 4)}.get(quantity, reverse // 4)
        return total if quantity.startswith("energy_active") else total * 328 // 1000  # tan phi of 0.95

    def _power_mw(self, at_s: float) -> int:
        return self.supply.rate(at_s) + (0 if self.room is None else self.room.power_mw(at_s))

    def _natural_mdeg(self, at_s: float) -> int:
        return physics.temperature_mdeg(self.seed, self.device, self._local_s(at_s))

    def _untouched_room(self, at_s: float) -> Room:
        return Room(self._natural_mdeg, room.Machine(), at_s, self._natural_mdeg(at_s))


def _share_permille(one: Instrument, phase: str) -> int:
    if one.phases == 1:
        return 1000 if phase == "a" else 0
    shares = {"a": 310 + physics.chosen(one.seed, f"{one.device}/share", 40), "b": 330}
    return shares[phase] if phase in shares else 1000 - sum(shares.values())


def _power(one: Instrument, phase: str, local_s: float) -> int:
    total = one._power_mw(local_s - one.utc_offset_s)
    return total if phase == "total" else total * _share_permille(one, phase) // 1000


def _power_factor(one: Instrument, _phase: str, local_s: float) -> int:
    return physics.power_factor_permille(one.seed, one.device, local_s)


def _apparent(one: Instrument, phase: str, local_s: float) -> int:
    return _power(one, phase, local_s) * 1000 // _power_factor(one, phase, local_s)


def _reactive(one: Instrument, phase: str, local_s: float) -> int:
    return math.isqrt(max(0, _apparent(one, phase, local_s) ** 2 - _power(one, phase, local_s) ** 2))


def _voltage(one: Instrument, phase: str, local_s: float) -> int:
    if len(phase) == 2:
        return (_voltage(one, phase[0], local_s) + _voltage(one, phase[1], local_s)) * 1732 // 2000
    return physics.voltage_mv(one.seed, one.device, phase, local_s)


def _current(one: Instrument, phase: str, local_s: float) -> int:
    return _apparent(one, phase, local_s) * 1000 // _voltage(one, phase, local_s)


def _left(unit: Unit, sign: int) -> Callable[[Instrument, float], int]:
    """The balance (`sign` 1), or how far it is below zero (-1)."""

    def reader(one: Instrument, at_s: float) -> int:
        if one.account is not None and one.account.unit == unit:
            return max(0, sign * one.account.balance(one.counter(at_s)))
        left = buyer.balance_wh(one.counter(at_s))
        return max(0, sign * (left if unit == "energy" else buyer.fen(left)))

    return reader


def _last_purchase(unit: Unit, part: str) -> Callable[[Instrument, float], int]:
    def reader(one: Instrument, at_s: float) -> int:
        last = one.purchase(1, at_s) if one.credit == unit else None
        return 0 if last is None else int(getattr(last, part))

    return reader


def _purchases(one: Instrument, at_s: float) -> int:
    return buyer.count(one.counter(at_s)) if one.account is None else one.account.count


def _status_word_3(one: Instrument, _at_s: float) -> int:
    """Running status word 3 (DL/T 645-2007 annex C): b4 relay, b6 relay command, b7 trip announced, b8-9 prepaid type, b12 keep-power."""
    state, is_open = one.state, one.state.get("meter_relay_open", 0)
    kind = {"energy": 0b01, "money": 0b10, None: 0}[one.credit]
    told_open = state.get("meter_relay_command", is_open)
    return is_open << 4 | told_open << 6 | state.get("trip_announced", 0) << 7 | kind << 8 | state.get("keep_power", 0) << 12


def _status_word_4(one: Instrument, _at_s: float) -> int:
    """Status word 4, phase A: b5 overload."""
    return one.state.get("overloaded", 0) << 5


def _temperature(one: Instrument, at_s: float) -> int:
    return one._natural_mdeg(at_s) if one.room is None else one.room.temperature_mdeg(at_s)


_PHASES = frozenset({"a", "b", "c", "ab", "bc", "ca", "total"})
_PER_PHASE: dict[str, Callable[[Instrument, str, float], int]] = {
    "voltage": _voltage,
    "current": _current,
    "power_active": _power,
    "power_reactive": _reactive,
    "power_apparent": _apparent,
    "power_factor": _power_factor,
}
_PLAIN: dict[str, Callable[[Instrument, float], int]] = {
    "frequency": lambda one, at_s: physics.frequency_mhz(one.seed, one._local_s(at_s)),
    "current_neutral": lambda one, at_s: _current(one, "a", one._local_s(at_s)) if one.phases == 1 else 0,
    "demand_now": lambda one, at_s: one._power_mw(at_s),
    "power_active_average": lambda one, at_s: one._power_mw(at_s),
    "meter_temperature": lambda one, at_s: one._natural_mdeg(at_s) + 6_000,
    "clock_battery_voltage": lambda one, _at_s: 3_600 + physics.chosen(one.seed, f"{one.device}/clock", 60),
    "demand_active_forward": lambda one, _at_s: one.load.average * 5 // 2,
    "water_volume": lambda one, at_s: one.counter(at_s),
    "water_flow": lambda one, at_s: one._power_mw(at_s) // 1000,
    "battery_voltage": lambda one, _at_s: 3_600 + physics.chosen(one.seed, f"{one.device}/battery", 60),
    "temperature": _temperature,
    "humidity": lambda one, at_s: physics.humidity_permille(one.seed, one.device, one._local_s(at_s)),
    "ac_setpoint": lambda _one, _at_s: room.Machine().setpoint_mdeg,
    "ac_mode": lambda _one, _at_s: room.Machine().mode,
    "balance_energy": _left("energy", 1),
    "balance_money": _left("money", 1),
    "overdraft_energy": _left("energy", -1),
    "overdraft_money": _left("money", -1),
    "purchase_count": _purchases,
    "purchase_last_energy": _last_purchase("energy", "amount"),
    "purchase_last_money": _last_purchase("money", "amount"),
    "purchased_energy": _last_purchase("energy", "cumulative"),
    "purchased_money": _last_purchase("money", "cumulative"),
    "relay_trips": lambda one, _at_s: one.journal.count("relay_opened"),
    "relay_closes": lambda one, _at_s: one.journal.count("relay_closed"),
    "meter_relay_command": lambda one, _at_s: one.state.get("meter_relay_open", 0),
    "status_word_3": _status_word_3,
    "status_word_4": _status_word_4,
}
# state -> (event when it ends, event when it begins)
_NOTED: MappingProxyType[str, tuple[str, str]] = MappingProxyType(
    {
        "meter_relay_open": ("relay_closed", "relay_opened"),
        "cover_open": ("", "meter_cover_open"),
        "magnetic_tamper": ("", "magnetic_field"),
    }
)
_FROZEN_BY: MappingProxyType[str, Period] = MappingProxyType({"hourly": "hour", "daily": "day", "monthly": "month", "settlement": "month"})
_MACHINE = frozenset({"ac_power", "ac_mode", "ac_setpoint", "ac_unplugged"})

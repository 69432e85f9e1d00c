"""What one virtual device measures and remembers: every quantity in primary base units at an instant, relay and valve included."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from provisioning.virtual import physics
from provisioning.virtual.physics import TARIFF_HOURS, Load, Shape

_PURCHASE_WH = 100_000  # a prepaid consumer buys this much whenever the credit falls to _LOW_CREDIT_WH
_LOW_CREDIT_WH = 20_000
_PRICE_FEN_PER_KWH = 55
_PULSE_L = 10  # a water meter's counter moves in pulses
_RATE_MS_PER_UNIT = 3_600_000_000  # mW x ms in a Wh, mL/h x ms in a L
_HOURS: MappingProxyType[str, frozenset[int]] = MappingProxyType({"all": frozenset(range(24)), **TARIFF_HOURS})


@dataclass
class Instrument:
    """One device's quantities. `state` holds what was switched or written; `on_change` is told after each change of it.

    `start`: register in Wh (or L) that the counter shows at `epoch_s`; None lets it follow from seed and name alone.
    """

    seed: int
    device: str
    load: Load
    phases: int = 1
    utc_offset_s: int = 8 * 3600
    start: int | None = None
    epoch_s: float = 0.0
    prepaid: bool = False
    on_change: Callable[[Instrument], None] | None = None
    state: dict[str, int] = field(default_factory=dict)
    clock_offset_s: int = 0
    _withheld: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_HOURS, 0))  # rate x ms not taken while switched off, by tariff
    _off_since_s: float | None = None

    def value(self, quantity: str, at_s: float) -> int:
        """Return a quantity in its base unit, primary side; 0 for what this device has no model of."""
        if quantity in self.state:
            return self.state[quantity]
        if quantity.startswith("energy_"):
            return self._energy(quantity, at_s)
        stem, phase = (quantity, "total") if quantity in _PER_PHASE else quantity.rpartition("_")[::2]
        if stem in _PER_PHASE and phase in _PHASES:
            return _PER_PHASE[stem](self, phase, self._local_s(at_s))
        reader = _PLAIN.get(quantity)
        return reader(self, at_s) if reader else 0

    def set_state(self, quantity: str, value: int, at_s: float) -> None:
        """Switch or write something; opening the relay or closing the valve stops the load, the counter stands still."""
        was_on = self.on
        self.state[quantity] = value
        if was_on and not self.on:
            self._off_since_s = at_s
        elif not was_on and self.on and self._off_since_s is not None:
            for tariff in _HOURS:
                self._withheld[tariff] += self._unswitched(at_s, tariff) - self._unswitched(self._off_since_s, tariff)
            self._off_since_s = None
        if self.on_change is not None:
            self.on_change(self)

    @property
    def on(self) -> bool:
        """Whether the load is connected."""
        return not self.state.get("meter_relay_open", 0) and not self.state.get("valve_state", 0)

    def local_time(self, at_s: float) -> datetime:
        """Return what the device's own clock shows (no time zone attached: the wire knows none)."""
        return (datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(at_s) + self.utc_offset_s + self.clock_offset_s)).replace(tzinfo=None)

    def set_clock(self, shown: datetime, at_s: float) -> None:
        """Set the device's own clock."""
        self.clock_offset_s = int((shown - datetime.fromtimestamp(0, UTC).replace(tzinfo=None)).total_seconds()) - int(at_s) - self.utc_offset_s

    def counter(self, at_s: float, tariff: str = "all") -> int:
        """Return the main register, or one tariff's: Wh, or L for water. It never falls."""
        total = self._taken(at_s, tariff) // _RATE_MS_PER_UNIT + self._first(tariff)
        return total // _PULSE_L * _PULSE_L if self.load.shape is Shape.WATER else total

    def memory(self) -> str:
        """Return what must outlive a restart, as JSON."""
        return json.dumps(
            {"state": self.state, "withheld": self._withheld, "off_since_s": self._off_since_s, "clock_offset_s": self.clock_offset_s}, indent=1
        )

    def remember(self, text: str) -> None:
        """Take over what `memory` returned in an earlier life."""
        data = json.loads(text)
        self.state = {str(key): int(value) for key, value in data["state"].items()}
        self._withheld = {tariff: int(value) for tariff, value in data["withheld"].items()}
        self._off_since_s = None if data["off_since_s"] is None else float(data["off_since_s"])
        self.clock_offset_s = int(data["clock_offset_s"])

    def _local_s(self, at_s: float) -> float:
        return at_s + self.utc_offset_s

    def _unswitched(self, at_s: float, tariff: str = "all") -> int:
        return self.load.taken(int(self._local_s(at_s) * 1000), _HOURS[tariff])

    def _taken(self, at_s: float, tariff: str) -> int:
        """Rate x ms since the counter began: since the epoch when it was given a start, else since the anchor."""
        until_s = at_s if self._off_since_s is None else min(at_s, self._off_since_s)
        before = 0 if self.start is None else self._unswitched(self.epoch_s, tariff)
        return self._unswitched(until_s, tariff) - self._withheld[tariff] - before

    def _first(self, tariff: str) -> int:
        first = physics.chosen(self.seed, f"{self.device}/start", 500_000) if self.start is None else self.start
        return {"all": first, "flat": first - 3 * (first // 5)}.get(tariff, first // 5)

    def _energy(self, quantity: str, at_s: float) -> int:
        if quantity.endswith("_daily"):  # frozen when the local day began
            return self._energy(quantity.removesuffix("_daily"), at_s - self._local_s(at_s) % 86_400)
        total = self.counter(at_s)
        if quantity.startswith("energy_active_forward_phase_"):
            return total * _share_permille(self, quantity[-1]) // 1000
        if quantity.startswith("energy_active_forward_"):
            return self.counter(at_s, quantity.rpartition("_")[2])
        if quantity == "energy_active_reverse":
            return physics.chosen(self.seed, f"{self.device}/reverse", 3_000)
        return total if quantity.startswith("energy_active") else total * 328 // 1000  # tan phi of 0.95

    def _power_mw(self, at_s: float) -> int:
        return self.load.rate(int(self._local_s(at_s) * 1000)) if self.on else 0


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


def _purchases(one: Instrument, at_s: float) -> int:
    return one.counter(at_s) // _PURCHASE_WH + 1


def _balance_wh(one: Instrument, at_s: float) -> int:
    return _LOW_CREDIT_WH + _purchases(one, at_s) * _PURCHASE_WH - one.counter(at_s)


def _status_word_3(one: Instrument, _at_s: float) -> int:
    """Running status word 3 (DL/T 645-2007 annex C): b4 relay, b6 relay command, b8-9 prepaid type."""
    is_open = one.state.get("meter_relay_open", 0)
    return is_open << 4 | is_open << 6 | one.prepaid << 8


def _settlement(one: Instrument, at_s: float) -> int:
    """The counter at the first of this month, local midnight."""
    local = datetime.fromtimestamp(0, UTC) + timedelta(seconds=one._local_s(at_s))
    return one.counter(local.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp() - one.utc_offset_s)


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
    "demand_active_forward": lambda one, _at_s: one.load.average * 5 // 2,
    "water_volume": lambda one, at_s: one.counter(at_s),
    "water_volume_settlement": _settlement,
    "water_flow": lambda one, at_s: one._power_mw(at_s) // 1000,
    "battery_voltage": lambda one, _at_s: 3_600 + physics.chosen(one.seed, f"{one.device}/battery", 60),
    "temperature": lambda one, at_s: physics.temperature_mdeg(one.seed, one.device, one._local_s(at_s)),
    "humidity": lambda one, at_s: physics.humidity_permille(one.seed, one.device, one._local_s(at_s)),
    "balance_energy": _balance_wh,
    "balance_money": lambda one, at_s: _balance_wh(one, at_s) * _PRICE_FEN_PER_KWH // 1000,
    "purchase_count": _purchases,
    "status_word_3": _status_word_3,
}

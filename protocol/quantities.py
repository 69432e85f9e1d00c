"""The one vocabulary of quantities: code, integer base unit, kind, Chinese and English name.

Every value on the wire to central and in the store is an integer in the quantity's base unit. Cumulative registers only rise (until they
roll over); `display` says how people read it: base value x 10**-decimals in `display_unit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType


class Kind(StrEnum):
    """How a quantity behaves in time."""

    CUMULATIVE = "cumulative"
    INSTANTANEOUS = "instantaneous"
    DEMAND = "demand"
    STATE = "state"


class Medium(StrEnum):
    """What a quantity is about; pages and reports group by it."""

    ELECTRICITY = "electricity"
    WATER = "water"
    CLIMATE = "climate"
    CONTROL = "control"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Quantity:
    """One entry of the vocabulary. `decimals`: base unit -> display unit is a shift by this power of ten."""

    code: str
    base_unit: str
    kind: Kind
    medium: Medium
    display_unit: str
    decimals: int
    name_zh: str
    name_en: str

    def display(self, value: int) -> Decimal:
        """Return a base-unit value in `display_unit`, exactly (no float)."""
        return Decimal(value).scaleb(-self.decimals)


# Factor to the base unit, per unit text a profile may use. Exact; a profile with another unit is refused.
UNIT_FACTORS: MappingProxyType[tuple[str, str], Fraction] = MappingProxyType(
    {
        (unit, base): Fraction(factor)
        for base, units in {
            "Wh": {"Wh": "1", "kWh": "1000", "MWh": "1000000"},
            "varh": {"varh": "1", "kvarh": "1000"},
            "VAh": {"VAh": "1", "kVAh": "1000"},
            "mV": {"mV": "1", "V": "1000", "kV": "1000000"},
            "mA": {"mA": "1", "A": "1000"},
            "mW": {"mW": "1", "W": "1000", "kW": "1000000"},
            "mvar": {"mvar": "1", "var": "1000", "kvar": "1000000"},
            "mVA": {"mVA": "1", "VA": "1000", "kVA": "1000000"},
            "mHz": {"mHz": "1", "Hz": "1000"},
            "permille": {"1": "1000", "permille": "1", "%": "10"},
            "mdeg": {"mdeg": "1", "deg": "1000"},
            "m°C": {"m°C": "1", "°C": "1000"},
            "L": {"L": "1", "m3": "1000"},
            "L/h": {"L/h": "1", "m3/h": "1000"},
            "fen": {"fen": "1", "yuan": "100"},
            "ms": {"ms": "1", "s": "1000", "min": "60000"},
            "count": {"count": "1"},
            "state": {"state": "1"},
            "word": {"word": "1"},
        }.items()
        for unit, factor in units.items()
    }
)

_ELECTRICITY, _WATER, _CLIMATE, _CONTROL, _DEVICE = Medium.ELECTRICITY, Medium.WATER, Medium.CLIMATE, Medium.CONTROL, Medium.DEVICE
_TARIFFS = (("sharp", "尖", "sharp"), ("peak", "峰", "peak"), ("flat", "平", "flat"), ("valley", "谷", "valley"))
_PHASES = ("a", "b", "c")


def _energies() -> list[Quantity]:
    def energy(code: str, zh: str, en: str, base: str = "Wh", unit: str = "kWh") -> Quantity:
        return Quantity(code, base, Kind.CUMULATIVE, _ELECTRICITY, unit, 3, zh, en)

    rows = [
        energy("energy_active_total", "组合有功电能", "Combined active energy"),
        energy("energy_active_forward", "正向有功电能", "Forward active energy"),
        energy("energy_active_reverse", "反向有功电能", "Reverse active energy"),
        energy("energy_reactive_1", "组合无功1电能", "Combined reactive energy 1", "varh", "kvarh"),
        energy("energy_reactive_2", "组合无功2电能", "Combined reactive energy 2", "varh", "kvarh"),
    ]
    rows += [energy(f"energy_active_forward_{c}", f"正向有功{zh}电能", f"Forward active energy, {en}") for c, zh, en in _TARIFFS]
    rows += [
        energy("energy_active_total_daily", "日冻结组合有功电能", "Combined active energy, daily freeze"),
        energy("energy_active_forward_daily", "日冻结正向有功电能", "Forward active energy, daily freeze"),
    ]
    rows += [energy(f"energy_active_forward_phase_{p}", f"{p.upper()}相正向有功电能", f"Forward active energy, phase {p.upper()}") for p in _PHASES]
    return rows


def _electrical() -> list[Quantity]:
    def now(code: str, base: str, unit: str, decimals: int, zh: str, en: str) -> Quantity:
        return Quantity(code, base, Kind.INSTANTANEOUS, _ELECTRICITY, unit, decimals, zh, en)

    shapes = (
        ("voltage", "mV", "V", 3, "电压", "Voltage"),
        ("current", "mA", "A", 3, "电流", "Current"),
        ("power_active", "mW", "kW", 6, "有功功率", "Active power"),
        ("power_reactive", "mvar", "kvar", 6, "无功功率", "Reactive power"),
        ("power_apparent", "mVA", "kVA", 6, "视在功率", "Apparent power"),
        ("power_factor", "permille", "", 3, "功率因数", "Power factor"),
    )
    rows = [
        now(f"{code}_{p}", base, unit, d, f"{p.upper()}相{zh}", f"{en}, phase {p.upper()}") for code, base, unit, d, zh, en in shapes for p in _PHASES
    ]
    rows += [now(code, base, unit, d, f"总{zh}", f"{en}, total") for code, base, unit, d, zh, en in shapes[2:]]
    rows += [now(f"voltage_{pair}", "mV", "V", 3, f"{pair.upper()}线电压", f"Line voltage {pair.upper()}") for pair in ("ab", "bc", "ca")]
    rows += [
        now("current_neutral", "mA", "A", 3, "零线电流", "Neutral current"),
        now("frequency", "mHz", "Hz", 3, "频率", "Frequency"),
        Quantity("demand_active_forward", "mW", Kind.DEMAND, _ELECTRICITY, "kW", 6, "正向有功最大需量", "Forward active maximum demand"),
    ]
    return rows


def _others() -> list[Quantity]:
    rows = [
        Quantity("water_volume", "L", Kind.CUMULATIVE, _WATER, "m³", 3, "累计水量", "Water volume"),
        Quantity("water_volume_settlement", "L", Kind.CUMULATIVE, _WATER, "m³", 3, "结算日水量", "Water volume at settlement day"),
        Quantity("water_flow", "L/h", Kind.INSTANTANEOUS, _WATER, "m³/h", 3, "瞬时流量", "Water flow"),
        Quantity("valve_state", "state", Kind.STATE, _WATER, "", 0, "阀门状态", "Valve state"),
        Quantity("battery_low", "state", Kind.STATE, _DEVICE, "", 0, "电池欠压", "Battery low"),
        Quantity("battery_voltage", "mV", Kind.INSTANTANEOUS, _DEVICE, "V", 3, "电池电压", "Battery voltage"),
        Quantity("temperature", "m°C", Kind.INSTANTANEOUS, _CLIMATE, "°C", 3, "温度", "Temperature"),
        Quantity("humidity", "permille", Kind.INSTANTANEOUS, _CLIMATE, "%", 1, "相对湿度", "Relative humidity"),
        Quantity("balance_energy", "Wh", Kind.INSTANTANEOUS, _ELECTRICITY, "kWh", 3, "剩余电量", "Remaining energy"),
        Quantity("balance_money", "fen", Kind.INSTANTANEOUS, _ELECTRICITY, "元", 2, "剩余金额", "Remaining money"),
        Quantity("overdraft_energy", "Wh", Kind.INSTANTANEOUS, _ELECTRICITY, "kWh", 3, "透支电量", "Overdraft energy"),
        Quantity("purchase_count", "count", Kind.CUMULATIVE, _ELECTRICITY, "", 0, "购电次数", "Purchase count"),
        Quantity("meter_relay_open", "state", Kind.STATE, _CONTROL, "", 0, "电表继电器", "Meter relay"),
        Quantity("status_word_3", "word", Kind.STATE, _DEVICE, "", 0, "电表运行状态字3", "Meter status word 3"),
        Quantity("occupancy_count", "count", Kind.INSTANTANEOUS, _CONTROL, "", 0, "人数", "Occupancy count"),
        Quantity("presence", "state", Kind.STATE, _CONTROL, "", 0, "有人状态", "Presence"),
    ]
    rows += [Quantity(f"relay_{n}", "state", Kind.STATE, _CONTROL, "", 0, f"第{n}路继电器", f"Relay {n}") for n in range(1, 33)]
    rows += [Quantity(f"input_{n}", "state", Kind.STATE, _CONTROL, "", 0, f"第{n}路输入", f"Input {n}") for n in range(1, 17)]
    return rows


QUANTITIES: MappingProxyType[str, Quantity] = MappingProxyType({q.code: q for q in (*_energies(), *_electrical(), *_others())})

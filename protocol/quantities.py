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

    def shown(self, value: int) -> str:
        """Return a base-unit value as people read it, with its unit."""
        return f"{self.display(value)} {self.display_unit}".rstrip()


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
            "1/10000 yuan/kWh": {"1/10000 yuan/kWh": "1", "yuan/kWh": "10000"},
            "dBm": {"dBm": "1"},
            "1/10 dB": {"1/10 dB": "1", "dB": "10"},
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
        energy("energy_reactive_forward", "正向无功电能", "Forward reactive energy", "varh", "kvarh"),
        energy("energy_reactive_reverse", "反向无功电能", "Reverse reactive energy", "varh", "kvarh"),
        energy("energy_apparent", "视在电能", "Apparent energy", "VAh", "kVAh"),
    ]
    rows += [energy(f"energy_reactive_q{n}", f"第{n}象限无功电能", f"Reactive energy, quadrant {n}", "varh", "kvarh") for n in (1, 2, 3, 4)]
    for stem, zh, en in (
        ("energy_active_forward", "正向有功", "Forward active energy"),
        ("energy_active_total", "组合有功", "Combined active energy"),
        ("energy_active_reverse", "反向有功", "Reverse active energy"),
    ):
        rows += [energy(f"{stem}_{c}", f"{zh}{tariff_zh}电能", f"{en}, {tariff_en}") for c, tariff_zh, tariff_en in _TARIFFS]
    rows += [
        energy("energy_active_total_daily", "日冻结组合有功电能", "Combined active energy, daily freeze"),
        energy("energy_active_forward_daily", "日冻结正向有功电能", "Forward active energy, daily freeze"),
        energy("energy_active_reverse_daily", "日冻结反向有功电能", "Reverse active energy, daily freeze"),
        energy("energy_active_total_monthly", "月冻结组合有功电能", "Combined active energy, monthly freeze"),
        energy("energy_active_forward_monthly", "月冻结正向有功电能", "Forward active energy, monthly freeze"),
        energy("energy_active_reverse_monthly", "月冻结反向有功电能", "Reverse active energy, monthly freeze"),
    ]
    for period, zh, en in (("daily", "日冻结", "daily freeze"), ("monthly", "月冻结", "monthly freeze")):
        rows += [energy(f"energy_active_forward_{c}_{period}", f"{zh}正向有功{z}电能", f"Forward active energy, {e}, {en}") for c, z, e in _TARIFFS]
        rows += [energy(f"energy_active_total_{c}_{period}", f"{zh}组合有功{z}电能", f"Combined active energy, {e}, {en}") for c, z, e in _TARIFFS]
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
        Quantity("demand_active_reverse", "mW", Kind.DEMAND, _ELECTRICITY, "kW", 6, "反向有功最大需量", "Reverse active maximum demand"),
        Quantity(
            "demand_active_forward_monthly",
            "mW",
            Kind.DEMAND,
            _ELECTRICITY,
            "kW",
            6,
            "月冻结正向有功最大需量",
            "Forward maximum demand, monthly freeze",
        ),
        now("demand_now", "mW", "kW", 6, "当前需量", "Demand of the period in progress"),
        now("demand_reactive_now", "mvar", "kvar", 6, "当前无功需量", "Reactive demand of the period in progress"),
        now("power_active_average", "mW", "kW", 6, "一分钟平均功率", "Active power, mean of one minute"),
    ]
    rows += [now(f"phase_angle_{p}", "mdeg", "°", 3, f"{p.upper()}相相角", f"Phase angle, phase {p.upper()}") for p in _PHASES]
    rows += [now(f"thd_voltage_{p}", "permille", "%", 1, f"{p.upper()}相电压谐波畸变率", f"Voltage THD, phase {p.upper()}") for p in _PHASES]
    rows += [now(f"thd_current_{p}", "permille", "%", 1, f"{p.upper()}相电流谐波畸变率", f"Current THD, phase {p.upper()}") for p in _PHASES]
    return rows


def _prepaid() -> list[Quantity]:
    """What a prepaid meter holds, its limits, and what it recognises. Limits change only when somebody writes them."""

    def held(code: str, base: str, unit: str, decimals: int, zh: str, en: str, kind: Kind = Kind.INSTANTANEOUS) -> Quantity:
        return Quantity(code, base, kind, _ELECTRICITY, unit, decimals, zh, en)

    def energy(code: str, zh: str, en: str, kind: Kind = Kind.INSTANTANEOUS) -> Quantity:
        return held(code, "Wh", "kWh", 3, zh, en, kind)

    def money(code: str, zh: str, en: str, kind: Kind = Kind.INSTANTANEOUS) -> Quantity:
        return held(code, "fen", "元", 2, zh, en, kind)

    return [
        energy("balance_energy", "剩余电量", "Remaining energy"),
        money("balance_money", "剩余金额", "Remaining money"),
        energy("overdraft_energy", "透支电量", "Overdraft energy"),
        money("overdraft_money", "透支金额", "Overdraft money"),
        held("purchase_count", "count", "", 0, "购电次数", "Purchase count", Kind.CUMULATIVE),
        energy("purchase_last_energy", "上次购电量", "Energy of the last purchase"),
        money("purchase_last_money", "上次购电金额", "Money of the last purchase"),
        energy("purchased_energy", "累计购电量", "Energy purchased in all", Kind.CUMULATIVE),
        money("purchased_money", "累计购电金额", "Money purchased in all", Kind.CUMULATIVE),
        energy("alarm_1_energy", "报警电量1", "Alarm level 1, energy"),
        energy("alarm_2_energy", "报警电量2", "Alarm level 2, energy"),
        money("alarm_1_money", "报警金额1", "Alarm level 1, money"),
        money("alarm_2_money", "报警金额2", "Alarm level 2, money"),
        energy("hoarding_limit_energy", "囤积电量限值", "Hoarding limit, energy"),
        money("hoarding_limit_money", "囤积金额限值", "Hoarding limit, money"),
        energy("overdraft_limit_energy", "透支电量限值", "Overdraft limit, energy"),
        money("overdraft_limit_money", "透支金额限值", "Overdraft limit, money"),
        money("close_limit_money", "合闸允许金额限值", "Money from which closing is allowed"),
        held("overload_limit", "mW", "kW", 6, "过载功率限值", "Overload limit"),
        held("overload_delay", "ms", "s", 3, "过载延时", "Overload delay"),
        held("overload_trips", "count", "", 0, "过载跳闸次数", "Overload trips", Kind.CUMULATIVE),
        held("malicious_load_limit", "mW", "kW", 6, "恶性负载功率门限", "Malicious-load threshold"),
        held("malicious_load_trips", "count", "", 0, "恶性负载跳闸次数", "Malicious-load trips", Kind.CUMULATIVE),
        held("price_now", "1/10000 yuan/kWh", "元/kWh", 4, "当前电价", "Price now"),
        held("relay_trips", "count", "", 0, "拉闸次数", "Relay trips", Kind.CUMULATIVE),
        held("relay_closes", "count", "", 0, "合闸次数", "Relay closes", Kind.CUMULATIVE),
    ]


def _others() -> list[Quantity]:
    rows = [
        Quantity("water_volume", "L", Kind.CUMULATIVE, _WATER, "m³", 3, "累计水量", "Water volume"),
        Quantity("water_volume_settlement", "L", Kind.CUMULATIVE, _WATER, "m³", 3, "结算日水量", "Water volume at settlement day"),
        Quantity("water_volume_reverse", "L", Kind.CUMULATIVE, _WATER, "m³", 3, "反向累计水量", "Reverse water volume"),
        Quantity("water_volume_daily", "L", Kind.CUMULATIVE, _WATER, "m³", 3, "日冻结水量", "Water volume, daily freeze"),
        Quantity("water_volume_monthly", "L", Kind.CUMULATIVE, _WATER, "m³", 3, "月冻结水量", "Water volume, monthly freeze"),
        Quantity("water_temperature", "m°C", Kind.INSTANTANEOUS, _WATER, "°C", 3, "水温", "Water temperature"),
        Quantity("status_word_188", "word", Kind.STATE, _DEVICE, "", 0, "水表状态字", "Water meter status word"),
        Quantity("leak", "state", Kind.STATE, _WATER, "", 0, "漏水", "Leak"),
        Quantity("burst", "state", Kind.STATE, _WATER, "", 0, "爆管", "Burst pipe"),
        Quantity("reverse_flow", "state", Kind.STATE, _WATER, "", 0, "反流", "Reverse flow"),
        Quantity("magnetic_tamper", "state", Kind.STATE, _DEVICE, "", 0, "磁干扰", "Magnetic tamper"),
        Quantity("cover_open", "state", Kind.STATE, _DEVICE, "", 0, "开盖", "Cover open"),
        Quantity("water_flow", "L/h", Kind.INSTANTANEOUS, _WATER, "m³/h", 3, "瞬时流量", "Water flow"),
        Quantity("valve_state", "state", Kind.STATE, _WATER, "", 0, "阀门状态", "Valve state"),
        Quantity("battery_low", "state", Kind.STATE, _DEVICE, "", 0, "电池欠压", "Battery low"),
        Quantity("battery_voltage", "mV", Kind.INSTANTANEOUS, _DEVICE, "V", 3, "电池电压", "Battery voltage"),
        Quantity("temperature", "m°C", Kind.INSTANTANEOUS, _CLIMATE, "°C", 3, "温度", "Temperature"),
        Quantity("humidity", "permille", Kind.INSTANTANEOUS, _CLIMATE, "%", 1, "相对湿度", "Relative humidity"),
        Quantity("meter_relay_open", "state", Kind.STATE, _CONTROL, "", 0, "电表继电器", "Meter relay"),
        Quantity("meter_relay_command", "state", Kind.STATE, _CONTROL, "", 0, "电表继电器命令", "Meter relay command"),
        Quantity("keep_power", "state", Kind.STATE, _CONTROL, "", 0, "保电状态", "Supply kept on"),
        Quantity("clock_offset", "ms", Kind.INSTANTANEOUS, _DEVICE, "s", 3, "时钟偏差", "Clock offset of the device"),
        Quantity("clock_battery_voltage", "mV", Kind.INSTANTANEOUS, _DEVICE, "V", 3, "时钟电池电压", "Clock battery voltage"),
        Quantity("meter_temperature", "m°C", Kind.INSTANTANEOUS, _DEVICE, "°C", 3, "表内温度", "Temperature inside the meter"),
        Quantity("ac_power", "state", Kind.STATE, _CONTROL, "", 0, "空调开关", "Air conditioner on"),
        Quantity("ac_mode", "state", Kind.STATE, _CONTROL, "", 0, "空调模式", "Air conditioner mode"),
        Quantity("ac_fan", "state", Kind.STATE, _CONTROL, "", 0, "空调风速", "Air conditioner fan speed"),
        Quantity("ac_vane", "state", Kind.STATE, _CONTROL, "", 0, "空调风向", "Air conditioner vane"),
        Quantity("ac_setpoint", "m°C", Kind.INSTANTANEOUS, _CONTROL, "°C", 3, "空调设定温度", "Air conditioner setpoint"),
        Quantity("ac_lock", "state", Kind.STATE, _CONTROL, "", 0, "空调面板锁定", "Air conditioner panel locked"),
        Quantity("ac_alarm", "state", Kind.STATE, _CONTROL, "", 0, "空调故障", "Air conditioner fault"),
        Quantity("ac_error", "word", Kind.STATE, _CONTROL, "", 0, "空调故障代码", "Air conditioner error code"),
        Quantity("window_open", "state", Kind.STATE, _CONTROL, "", 0, "窗户打开", "Window open"),
        Quantity("outdoor_temperature", "m°C", Kind.INSTANTANEOUS, _CLIMATE, "°C", 3, "室外温度", "Outdoor temperature"),
        Quantity("signal_rsrp", "dBm", Kind.INSTANTANEOUS, _DEVICE, "dBm", 0, "信号接收功率", "Signal power received (RSRP)"),
        Quantity("signal_snr", "1/10 dB", Kind.INSTANTANEOUS, _DEVICE, "dB", 1, "信噪比", "Signal to noise ratio"),
        Quantity("signal_csq", "count", Kind.INSTANTANEOUS, _DEVICE, "", 0, "信号强度CSQ", "Signal quality (CSQ)"),
        Quantity("report_retries", "count", Kind.INSTANTANEOUS, _DEVICE, "", 0, "上报重试次数", "Retries of a report"),
        Quantity("occupancy_count", "count", Kind.INSTANTANEOUS, _CONTROL, "", 0, "人数", "Occupancy count"),
        Quantity("presence", "state", Kind.STATE, _CONTROL, "", 0, "有人状态", "Presence"),
    ]
    rows += [Quantity(f"status_word_{n}", "word", Kind.STATE, _DEVICE, "", 0, f"电表运行状态字{n}", f"Meter status word {n}") for n in range(1, 8)]
    rows += [Quantity(f"relay_{n}", "state", Kind.STATE, _CONTROL, "", 0, f"第{n}路继电器", f"Relay {n}") for n in range(1, 33)]
    rows += [Quantity(f"input_{n}", "state", Kind.STATE, _CONTROL, "", 0, f"第{n}路输入", f"Input {n}") for n in range(1, 17)]
    return rows


QUANTITIES: MappingProxyType[str, Quantity] = MappingProxyType({q.code: q for q in (*_energies(), *_electrical(), *_prepaid(), *_others())})
COUNTING = ("energy_active_forward", "energy_active_total", "water_volume")  # the first of these that a model has is the register that counts

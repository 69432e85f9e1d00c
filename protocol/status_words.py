"""What the bits of status words mean: DL/T 645-2007 04000501 to 04000507, and ST0 of CJ/T 188. Bits without a meaning are told as reserved.

Source: DL/T 645-2007 table C (words 1 to 7); the later supplement for word 1 from bit 6 and word 3 from bit 5, where bits 12, 14 and 15 of word 3
(and bit 8 of words 4 to 6) rest on general knowledge and one firmware; CJ/T 188-2004 clause 7 (valve and battery; all the rest is the maker's).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Severity = Literal["info", "warning", "error"]
WORD_BITS = 16


@dataclass(frozen=True, slots=True)
class Flag:
    """Something a status word says. `code` is stable; among the seven words every code stands for one thing, save `reserved_N`."""

    code: str
    zh: str
    en: str
    severity: Severity = "info"


@dataclass(frozen=True, slots=True)
class _Case:
    """`flag` is meant when the `width` bits from `lowest` on hold `value`."""

    lowest: int
    flag: Flag
    width: int = 1
    value: int = 1

    def holds(self, word: int) -> bool:
        return word >> self.lowest & ((1 << self.width) - 1) == self.value


def flags(number: int, value: int) -> tuple[Flag, ...]:
    """Return what status word `number` (1..7) of a DL/T 645-2007 meter says, lowest bit first; raise KeyError for another number."""
    return _flags(_WORDS[number], value)


def flags_188(value: int) -> tuple[Flag, ...]:
    """Return what the status word of a CJ/T 188 meter says (ST0 in the low byte), lowest bit first."""
    return _flags(_ST, value)


def _flags(cases: tuple[_Case, ...], value: int) -> tuple[Flag, ...]:
    named = sum(1 << bit for bit in {bit for case in cases for bit in range(case.lowest, case.lowest + case.width)})
    found = [(case.lowest, case.flag) for case in cases if case.holds(value)]
    found += [(bit, Flag(f"reserved_{bit}", f"保留位{bit}", f"Reserved bit {bit}")) for bit in range(WORD_BITS) if value & ~named & 1 << bit]
    return tuple(flag for _, flag in sorted(found, key=lambda one: one[0]))


def _phase(letter: str) -> Iterator[_Case]:
    """Words 4, 5 and 6."""
    rows: tuple[tuple[str, str, str, Severity], ...] = (
        ("voltage_loss", "失压", "loss of voltage", "warning"),
        ("under_voltage", "欠压", "under-voltage", "warning"),
        ("over_voltage", "过压", "over-voltage", "warning"),
        ("current_loss", "失流", "loss of current", "warning"),
        ("over_current", "过流", "over-current", "warning"),
        ("overload", "过载", "overload", "warning"),
        ("power_reverse", "潮流反向", "reverse power flow", "warning"),
        ("phase_break", "断相", "broken", "error"),
        ("current_break", "断流", "current interrupted", "warning"),
    )
    upper = letter.upper()
    for bit, (code, zh, en, severity) in enumerate(rows):
        yield _Case(bit, Flag(f"{code}_{letter}", f"{upper}相{zh}", f"Phase {upper} {en}", severity))


_DIRECTIONS: tuple[tuple[int, str, str, str, Severity], ...] = (
    (0, "active_power", "有功功率", "active power", "warning"),
    (4, "reactive_power", "无功功率", "reactive power", "info"),
)
_WORDS: MappingProxyType[int, tuple[_Case, ...]] = MappingProxyType(
    {
        1: (
            _Case(1, Flag("demand_by_interval", "需量按区间计算", "Demand by fixed interval")),
            _Case(2, Flag("clock_battery_low", "时钟电池欠压", "Clock battery low", "warning")),
            _Case(3, Flag("reading_battery_low", "停电抄表电池欠压", "Read-out battery low", "warning")),
            _Case(4, Flag("active_power_reverse", "有功功率反向", "Active power reversed", "warning")),
            _Case(5, Flag("reactive_power_reverse", "无功功率反向", "Reactive power reversed")),
            _Case(6, Flag("metering_chip_fault", "计量芯片故障", "Metering chip fault", "error")),
            _Case(8, Flag("control_circuit_fault", "控制回路错误", "Control circuit fault", "error")),
            _Case(9, Flag("esam_fault", "ESAM错误", "Security module fault", "error")),
            _Case(12, Flag("program_fault", "内部程序错误", "Internal program fault", "error")),
            _Case(13, Flag("memory_fault", "存储器故障", "Memory fault", "error")),
            _Case(14, Flag("overdraft", "透支状态", "Overdrawn", "warning")),
            _Case(15, Flag("clock_fault", "时钟故障", "Clock fault", "error")),
        ),
        2: tuple(
            _Case(first + place, Flag(f"{code}_reverse_{letter}", f"{letter.upper()}相{zh}反向", f"Phase {letter.upper()} {en} reversed", severity))
            for first, code, zh, en, severity in _DIRECTIONS
            for place, letter in enumerate("abc")
        ),
        3: (
            _Case(0, Flag("slot_table_2", "第二套时段表", "Second table of day slots")),
            _Case(1, Flag("supply_auxiliary", "辅助电源供电", "Auxiliary supply", "warning"), 2, 0b01),
            _Case(1, Flag("supply_battery", "电池供电", "Battery supply", "warning"), 2, 0b10),
            _Case(1, Flag("supply_unknown", "供电方式未知", "Unknown supply", "warning"), 2, 0b11),
            _Case(3, Flag("programming_allowed", "编程允许", "Programming allowed", "warning")),
            _Case(4, Flag("relay_open", "继电器断开", "Relay open")),
            _Case(5, Flag("zone_table_2", "第二套时区表", "Second table of year zones")),
            _Case(6, Flag("relay_told_open", "继电器命令断开", "Relay told to open")),
            _Case(7, Flag("trip_announced", "预跳闸报警", "Trip announced", "warning")),
            _Case(8, Flag("prepaid_energy", "电量型预付费表", "Prepaid in energy"), 2, 0b01),
            _Case(8, Flag("prepaid_money", "电费型预付费表", "Prepaid in money"), 2, 0b10),
            _Case(8, Flag("prepaid_unknown", "预付费类型未知", "Unknown kind of prepayment"), 2, 0b11),
            _Case(10, Flag("price_set_2", "第二套费率电价", "Second set of prices")),
            _Case(11, Flag("ladder_set_2", "第二套阶梯", "Second set of price ladders")),
            _Case(12, Flag("keep_power", "保电", "Supply kept on")),
            _Case(13, Flag("authenticated", "身份认证有效", "Authenticated session")),
            _Case(14, Flag("account_not_opened_locally", "本地未开户", "No account opened locally")),
            _Case(15, Flag("account_not_opened_remotely", "远程未开户", "No account opened remotely")),
        ),
        4: tuple(_phase("a")),
        5: tuple(_phase("b")),
        6: tuple(_phase("c")),
        7: (
            _Case(0, Flag("voltage_sequence_reverse", "电压逆相序", "Voltages in reverse sequence", "error")),
            _Case(1, Flag("current_sequence_reverse", "电流逆相序", "Currents in reverse sequence", "warning")),
            _Case(2, Flag("voltage_unbalance", "电压不平衡", "Voltages unbalanced", "warning")),
            _Case(3, Flag("current_unbalance", "电流不平衡", "Currents unbalanced", "warning")),
            _Case(4, Flag("auxiliary_supply_lost", "辅助电源失电", "Auxiliary supply lost", "warning")),
            _Case(5, Flag("power_down", "掉电", "Power down", "warning")),
            _Case(6, Flag("demand_over_limit", "需量超限", "Demand over its limit", "warning")),
        ),
    }
)
_ST: tuple[_Case, ...] = (
    _Case(0, Flag("valve_closed", "阀门关闭", "Valve closed"), 2, 0b01),
    _Case(0, Flag("valve_unknown", "阀门状态未知", "Unknown valve state", "warning"), 2, 0b10),
    _Case(0, Flag("valve_abnormal", "阀门异常", "Valve abnormal", "error"), 2, 0b11),
    _Case(2, Flag("battery_low", "电池欠压", "Battery low", "warning")),
)

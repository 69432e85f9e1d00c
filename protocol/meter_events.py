"""Events meters record by themselves: code, names, severity. An agent tells them as `meter.<code>` when a meter's log shows a new one."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True)
class MeterEvent:
    """One kind of event. `tamper`: it may mean that somebody works on the meter."""

    code: str
    zh: str
    en: str
    severity: Literal["info", "warning", "error"]
    tamper: bool = False


METER_EVENTS: MappingProxyType[str, MeterEvent] = MappingProxyType(
    {
        event.code: event
        for event in (
            MeterEvent("voltage_loss_a", "A相失压", "Loss of voltage, phase A", "warning"),
            MeterEvent("voltage_loss_b", "B相失压", "Loss of voltage, phase B", "warning"),
            MeterEvent("voltage_loss_c", "C相失压", "Loss of voltage, phase C", "warning"),
            MeterEvent("under_voltage_a", "A相欠压", "Under-voltage, phase A", "warning"),
            MeterEvent("over_voltage_a", "A相过压", "Over-voltage, phase A", "warning"),
            MeterEvent("phase_break_a", "A相断相", "Phase A broken", "error"),
            MeterEvent("phase_break_b", "B相断相", "Phase B broken", "error"),
            MeterEvent("phase_break_c", "C相断相", "Phase C broken", "error"),
            MeterEvent("all_voltage_lost", "全失压", "All voltages lost", "error", tamper=True),
            MeterEvent("current_loss_a", "A相失流", "Loss of current, phase A", "warning", tamper=True),
            MeterEvent("over_current_a", "A相过流", "Over-current, phase A", "warning"),
            MeterEvent("current_reverse_a", "A相潮流反向", "Reverse power flow, phase A", "warning", tamper=True),
            MeterEvent("overload_a", "A相过载", "Overload, phase A", "warning"),
            MeterEvent("power_down", "掉电", "Power down", "info"),
            MeterEvent("programming", "编程", "Programmed", "warning", tamper=True),
            MeterEvent("meter_cleared", "电表清零", "Meter cleared", "error", tamper=True),
            MeterEvent("demand_cleared", "需量清零", "Maximum demand cleared", "info"),
            MeterEvent("events_cleared", "事件清零", "Events cleared", "warning", tamper=True),
            MeterEvent("time_set", "校时", "Clock set", "info"),
            MeterEvent("schedule_programmed", "时段表编程", "Tariff schedule programmed", "warning"),
            MeterEvent("terminal_cover_open", "开端钮盒", "Terminal cover opened", "error", tamper=True),
            MeterEvent("meter_cover_open", "开表盖", "Meter cover opened", "error", tamper=True),
            MeterEvent("magnetic_field", "恒定磁场干扰", "Magnetic field", "error", tamper=True),
            MeterEvent("relay_fault", "负荷开关误动作", "Load switch malfunction", "error"),
            MeterEvent("supply_abnormal", "电源异常", "Supply abnormal", "warning"),
            MeterEvent("relay_opened", "拉闸", "Relay opened", "info"),
            MeterEvent("relay_closed", "合闸", "Relay closed", "info"),
        )
    }
)

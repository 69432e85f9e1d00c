"""Each rule of what a device remembers, takes and is paid by catches the profile that breaks it, at the line that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware_profiles.loader import load_profile
from protocol.errors import ConfigError

Data = dict[str, Any]
Edited = Callable[[str, Callable[[Data], object]], Path]

SINGLE = "meters/generic/dlt645_2007_single_phase"
THREE = "meters/generic/dlt645_2007_three_phase"
PREPAID = "meters/generic/dlt645_2007_single_phase_prepaid"
MONEY = "meters/generic/dlt645_2007_single_phase_prepaid_money"
OLD = "meters/generic/dlt645_1997_three_phase"
WATER = "water/generic/cjt188_cold_water"
SENSOR = "sensors/generic/xy_md02"
DTSU666 = "meters/chint/dtsu666"


def _named(data: Data, part: str, key: str, name: str) -> Data:
    return next(entry for entry in data[part] if entry[key] == name)


def _freeze(data: Data, period: str) -> Data:
    return _named(data, "freezes", "period", period)


def _event(data: Data, name: str) -> Data:
    return _named(data, "events", "event", name)


def _setting(data: Data, name: str) -> Data:
    return _named(data, "settings", "name", f"set_{name}")


def _polled(data: Data, quantity: str) -> Data:
    return _named(data, "items", "quantity", quantity)


def _modbus_freeze(data: Data, **changed: Any) -> None:
    """A freeze of two registers, ten registers apart, added to a Modbus meter."""
    item = {
        "function": 3,
        "address": 0x6000,
        "type": "u32",
        "scale": "0.01",
        "quantity": "energy_active_forward_daily",
        "unit": "kWh",
        "ratio": "ct_pt",
    }
    data["freezes"] = [{"period": "day", "depth": 2, "step": 10, "items": [item], **changed}]


def _modbus_setting(data: Data, **changed: Any) -> None:
    """A setting of a holding register added to the sensor."""
    item = {"function": 3, "address": 0x0200, "type": "u16", "quantity": "overload_delay", "unit": "s", "group": "climate"}
    data["items"].append({**item, **changed.pop("item", {})})
    data["groups"]["climate"] = 300
    data["settings"] = [{"name": "set_delay", "quantity": "overload_delay", "least": 0, "most": 60_000, "function": 6, **changed}]


def _clock(data: Data, **changed: Any) -> None:
    data["clock"] = {"read": {"function": 3, "address": 0x2F, "format": "YYMMDDhhmmss", **changed}}


def _keep_power(data: Data) -> Data:
    return _named(data, "commands", "name", "keep_power_on")


# rule -> (profile, edit, what the message says)
FREEZES: dict[str, tuple[str, Callable[[Data], object], str]] = {
    "suffix of another period": (
        SINGLE,
        lambda d: _freeze(d, "day")["items"][0].update(quantity="energy_active_reverse_monthly"),
        "energy_active_reverse_monthly in a freeze of period day; expected a quantity that ends in _daily",
    ),
    "no suffix": (SINGLE, lambda d: _freeze(d, "month")["items"][0].update(quantity="energy_active_reverse"), "that ends in _monthly"),
    "polled and frozen": (
        SINGLE,
        lambda d: d["items"].append({**d["items"][0], "di": "00010001", "quantity": "energy_active_forward_monthly"}),
        "energy_active_forward_monthly is polled as well as frozen",
    ),
    "frozen twice": (
        THREE,
        lambda d: _freeze(d, "day")["items"][1].update(quantity="energy_active_forward_daily"),
        "energy_active_forward_daily is frozen 2 times",
    ),
    "period twice": (SINGLE, lambda d: _freeze(d, "month").update(period="day"), "2 freezes of period day"),
    "poll group of a frozen value": (SINGLE, lambda d: _freeze(d, "day")["items"][0].update(group="energy"), "frozen values are not polled"),
    "not number 1": (
        SINGLE,
        lambda d: _freeze(d, "day")["items"][0].update(di="05060100"),
        "05060100 is number 00; expected the identifier of number 01",
    ),
    "time not number 1": (SINGLE, lambda d: _freeze(d, "day")["time"].update(di="05060002"), "05060002 is number 02"),
    "numbers beyond the byte": (SINGLE, lambda d: _freeze(d, "day").update(depth=255), "end at number FFh, beyond FEh"),
    "step beyond the byte": (SINGLE, lambda d: _freeze(d, "month").update(step=256), "check depth and step"),
    "1997 month of now": (OLD, lambda d: d["freezes"][0]["items"][0].update(di="9010"), "9010 is not of the last month"),
    "1997 month too far": (OLD, lambda d: d["freezes"][0].update(depth=3), "the 1997 edition keeps 2 months"),
    "188 history beyond the byte": (WATER, lambda d: d["freezes"][0].update(depth=250), "check depth and step"),
    "time without a day": (SINGLE, lambda d: _freeze(d, "day")["time"].update(format="hhmm"), "format hhmm cannot date this: MM, DD is missing"),
    "time with a field twice": (SINGLE, lambda d: _freeze(d, "day")["time"].update(format="YYMMDDDD"), "DD stands 2 times"),
    "overlapping values": (
        SINGLE,
        lambda d: _freeze(d, "day")["items"][1].update(offset=2),
        "is read from the same place as energy_active_forward_daily",
    ),
    "odd digits": (SINGLE, lambda d: _freeze(d, "day")["items"][0].update(format="XXXXX.XX"), "expected an even number of X digits"),
    "short register": (WATER, lambda d: d["freezes"][0]["items"][0].update(format="XX.XX"), "water_volume_monthly ends at 99990 L"),
    "registers that overlap": (DTSU666, lambda d: _modbus_freeze(d, step=1), "freezes 1 registers apart overlap: each takes 2"),
    "registers beyond the last": (DTSU666, lambda d: _modbus_freeze(d, depth=200, step=1000), "reach beyond register 0xFFFF"),
    "time far from its values": (
        DTSU666,
        lambda d: _modbus_freeze(d, step=500, time={"function": 3, "address": 0x6100, "format": "YYMMDD"}),
        "one freeze takes registers 0x6000..0x6101; expected at most 125",
    ),
    "time by another function": (
        DTSU666,
        lambda d: _modbus_freeze(d, time={"function": 4, "address": 0x6002, "format": "MMDD"}),
        "read with different functions",
    ),
}
EVENTS: dict[str, tuple[str, Callable[[Data], object], str]] = {
    "unknown event": (SINGLE, lambda d: d["events"][0].update(event="moved_house"), "unknown event 'moved_house'"),
    "event twice": (SINGLE, lambda d: d["events"][0].update(event="programming"), "event programming stands 2 times"),
    "phase b in a single-phase meter": (SINGLE, lambda d: d["events"][0].update(event="voltage_loss_b"), "voltage_loss_b in a single-phase profile"),
    "record of another log": (SINGLE, lambda d: _event(d, "programming").update(record="03300101"), "of different logs: expected the same 033000.."),
    "phases are records of one log": (SINGLE, lambda d: _event(d, "overload_a").update(record="03100101"), "expected the same 030F.."),
    "count that is a record": (SINGLE, lambda d: _event(d, "programming").update(count="03300001"), "a count of 03.. ends in 00"),
    "relay log of another event": (SINGLE, lambda d: _event(d, "relay_opened").update(record="1E00FF01"), "expected the same 1D00.."),
    "count of the new kind": (SINGLE, lambda d: _event(d, "relay_opened").update(count="1D000101"), "expected 1D000001"),
    "record not number 1": (SINGLE, lambda d: _event(d, "programming").update(record="03300002"), "03300002 is number 02"),
    "records beyond the byte": (SINGLE, lambda d: _event(d, "programming").update(depth=255), "beyond FEh"),
    "operator inside the time": (
        SINGLE,
        lambda d: _event(d, "programming").update(operator_at=5),
        "operator_at 5 lies inside begin_at 0, which takes 6",
    ),
    "end inside the beginning": (SINGLE, lambda d: _event(d, "power_down").update(end_at=3), "end_at 3 lies inside begin_at 0"),
    "event without a minute": (SINGLE, lambda d: _event(d, "power_down").update(format="YYMMDD"), "hh, mm is missing"),
    "load records elsewhere": (THREE, lambda d: d["load_records"].update(di="05060001"), "load records stand under 06"),
    "load record class twice": (THREE, lambda d: d["load_records"].update(classes=[1, 1]), "name one twice"),
    "load records out of step": (THREE, lambda d: d["load_records"].update(interval_s=420), "whole minutes that divide an hour"),
    "clock of one identifier": (SINGLE, lambda d: d["clock"].update(time="04000101"), "date and time are both 04000101"),
    "clock set twice": (SINGLE, lambda d: d["clock"].update(set_by=["broadcast", "broadcast"]), "names one way twice"),
    "188 clock without a year": (WATER, lambda d: d["clock"]["read"].update(format="MMDDhhmm"), "YY is missing"),
    "Modbus clock without an hour": (SENSOR, lambda d: _clock(d, format="YYMMDD"), "hh, mm is missing"),
    "fact twice": (SINGLE, lambda d: d["facts"][0].update(name="model"), "fact model stands 2 times"),
    "address of text": (SINGLE, lambda d: d["facts"][0].update(coding="ascii"), "an address is six bytes of digits"),
    "facts in one place": (
        SINGLE,
        lambda d: d["facts"][1].update(di="04000401"),
        "meter_number is read from the same place as communication_address",
    ),
}
TOLD: dict[str, tuple[str, Callable[[Data], object], str]] = {
    "setting nobody reads": (PREPAID, lambda d: _setting(d, "overload_limit").update(quantity="close_limit_money"), "no item of this profile reads"),
    "setting twice": (
        PREPAID,
        lambda d: _setting(d, "alarm_1_energy").update(name="set_alarm_2_energy"),
        "setting set_alarm_2_energy stands 2 times",
    ),
    "quantity set twice": (PREPAID, lambda d: _setting(d, "alarm_1_energy").update(quantity="alarm_2_energy"), "2 settings write alarm_2_energy"),
    "register as setting": (
        PREPAID,
        lambda d: _setting(d, "alarm_1_energy").update(quantity="energy_active_forward"),
        "it is never written as a setting",
    ),
    "balance as setting": (
        PREPAID,
        lambda d: _setting(d, "alarm_1_energy").update(quantity="balance_energy"),
        "balance_energy is measured, counted or",
    ),
    "demand as setting": (PREPAID, lambda d: _setting(d, "alarm_1_energy").update(quantity="demand_active_forward"), "never written as a setting"),
    "flag as setting": (PREPAID, lambda d: _setting(d, "alarm_1_energy").update(quantity="battery_low", most=1), "battery_low is a part of a word"),
    "setting without password": (PREPAID, lambda d: _setting(d, "alarm_1_energy").pop("level"), "need the level of a password"),
    "setting with a function": (PREPAID, lambda d: _setting(d, "alarm_1_energy").update(function=6), "function belongs to Modbus"),
    "setting inside a block": (PREPAID, lambda d: _polled(d, "alarm_1_energy").update(offset=4), "only whole identifiers are written"),
    "setting beyond its format": (PREPAID, lambda d: _setting(d, "overload_delay").update(most=100_000), "reaches beyond 0..99000 ms"),
    "setting below zero": (PREPAID, lambda d: _setting(d, "overload_delay").update(least=-1_000), "reaches beyond 0..99000 ms"),
    "setting between counts": (
        PREPAID,
        lambda d: _setting(d, "alarm_1_energy").update(most=1_005),
        "1005 Wh is no whole number of counts; one is 10 Wh",
    ),
    "setting of a water meter": (
        WATER,
        lambda d: d.update(settings=[{"name": "set_low", "quantity": "status_word_188", "least": 0, "most": 1}]),
        "settings of a cjt188 device are not written",
    ),
    "Modbus setting with a level": (SENSOR, lambda d: _modbus_setting(d, level="02"), "level belongs to DL/T 645"),
    "Modbus setting without function": (SENSOR, lambda d: _modbus_setting(d, function=None), "expected the function that writes its registers"),
    "input register as setting": (SENSOR, lambda d: _modbus_setting(d, item={"function": 4}), "only holding registers (function 3) are written"),
    "two registers by function 6": (
        SENSOR,
        lambda d: _modbus_setting(d, item={"type": "u32"}),
        "function 6 writes one register, overload_delay takes 2",
    ),
    "keep-power proved by the relay": (
        PREPAID,
        lambda d: _keep_power(d)["confirm"].update(quantity="meter_relay_open"),
        "n1 3A is proved by keep_power = 1, got meter_relay_open = 1",
    ),
    "keep-power proved by its opposite": (PREPAID, lambda d: _keep_power(d)["confirm"].update(value=0), "n1 3A is proved by keep_power = 1"),
    "keep-power by another word": (PREPAID, lambda d: _keep_power(d)["write"].update(n1="2A"), "n1 2A does not change keep_power"),
}
PAID: dict[str, tuple[str, Callable[[Data], object], str]] = {
    "no records": (PREPAID, lambda d: d["prepay"].pop("records"), "expected `records`, 0332xx01 for energy"),
    "records of the other unit": (
        MONEY,
        lambda d: d["prepay"]["records"].update(count="03320201"),
        "count is 03320201; of purchases in money it is 03330201",
    ),
    "records of another part": (
        PREPAID,
        lambda d: d["prepay"]["records"].update(before="03320501"),
        "before is 03320501; of purchases in energy it is",
    ),
    "too many records": (PREPAID, lambda d: d["prepay"]["records"].update(depth=11), "a meter keeps 10 purchases"),
    "money of a kWh meter": (MONEY, lambda d: d["prepay"].update(unit="energy"), "a meter that counts energy has no alarm_1_money"),
    "kWh limits of a money meter": (
        MONEY,
        lambda d: _polled(d, "alarm_1_money").update(quantity="alarm_1_energy", unit="kWh"),
        "a meter that counts money has no alarm_1_energy",
    ),
    "records of a Modbus meter": (
        DTSU666,
        lambda d: d.update(prepay={"style": "modbus", "unit": "energy", "records": dict.fromkeys(_PARTS, "03320101")}),
        "a modbus_rtu device has none",
    ),
    "draft without questions": (SINGLE, lambda d: d.update(verified="draft"), "list under `ask_maker` what the maker has to answer"),
    "question too short": (SINGLE, lambda d: d.update(verified="draft", ask_maker=["1B or 1C?"]), "expected a question that can be answered"),
    "bench with questions": (SINGLE, lambda d: d.update(verified="bench", ask_maker=["Does control word 1B close the relay?"]), "no open questions"),
    "coarse battery": (SINGLE, lambda d: _polled(d, "clock_battery_voltage").update(format="XXXX"), "one count of clock_battery_voltage is 1000 mV"),
}
_PARTS = ("date", "count", "amount", "before", "after", "cumulative")
BREACHES = FREEZES | EVENTS | TOLD | PAID


@pytest.mark.parametrize("rule", BREACHES)
def test_breach_is_caught_with_file_and_line(edited: Edited, rule: str) -> None:
    name, edit, expected = BREACHES[rule]
    path = edited(name, edit)

    with pytest.raises(ConfigError) as caught:
        load_profile(path)

    message = caught.value.message
    assert expected in message
    assert all(re.match(re.escape(str(path)) + r":\d+: \S", line) for line in message.splitlines())


@pytest.mark.parametrize("name", sorted({name for name, _, _ in BREACHES.values()}))
def test_profile_without_breach_passes(edited: Edited, name: str) -> None:
    load_profile(edited(name, lambda data: None))


@pytest.mark.parametrize(("name", "edit"), [(DTSU666, _modbus_freeze), (SENSOR, _modbus_setting), (SENSOR, _clock)])
def test_what_the_tests_add_is_good_by_itself(edited: Edited, name: str, edit: Callable[[Data], object]) -> None:
    load_profile(edited(name, edit))


def test_problem_of_an_event_stands_at_its_line(edited: Edited) -> None:
    path = edited(SINGLE, lambda data: _event(data, "power_down").update(end_at=3))

    with pytest.raises(ConfigError) as caught:
        load_profile(path)

    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[lines.index("events:") + 1] == "- event: power_down"
    assert caught.value.message.startswith(f"{path}:{lines.index('events:') + 2}: end_at 3 lies inside begin_at 0")


def test_draft_with_questions_is_good(edited: Edited) -> None:
    path = edited(SINGLE, lambda data: data.update(verified="draft", ask_maker=["Does control word 1B or 1C close the relay?"]))

    assert load_profile(path).ask_maker


def test_maker_s_own_identifiers_need_no_records_of_the_supplement(edited: Edited) -> None:
    path = edited(PREPAID, lambda data: data.update(prepay={"style": "vendor_di", "unit": "energy"}))

    assert load_profile(path).prepay is not None

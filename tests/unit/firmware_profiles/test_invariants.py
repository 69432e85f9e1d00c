"""Each rule of a whole profile catches the profile that breaks it, at the line that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from firmware_profiles.loader import load_profile
from protocol.errors import ConfigError

Data = dict[str, Any]
Edited = Callable[[str, Callable[[Data], object]], Path]

ADL400 = "meters/acrel/adl400"
DDSU666 = "meters/chint/ddsu666"
SINGLE = "meters/generic/dlt645_2007_single_phase"
THREE = "meters/generic/dlt645_2007_three_phase"
PREPAID = "meters/generic/dlt645_2007_single_phase_prepaid"
OLD = "meters/generic/dlt645_1997_three_phase"
WATER = "water/generic/cjt188_cold_water"
VALVE = "water/generic/cjt188_cold_water_valve"
MBUS = "water/generic/mbus_cold_water"
RELAY = "relays/waveshare/modbus_rtu_relay_8ch"
SENSOR = "sensors/generic/xy_md02"


def _item(data: Data, quantity: str) -> Data:
    return next(item for item in data["items"] if item["quantity"] == quantity)


def _drop(data: Data, *quantities: str) -> None:
    data["items"] = [item for item in data["items"] if item["quantity"] not in quantities]


def _block(data: Data, di: str) -> Data:
    return next(block for block in data["blocks"] if block["di"] == di)


# rule -> (profile, edit, what the message says)
BREACHES: dict[str, tuple[str, Callable[[Data], object], str]] = {
    "Chinese name": (ADL400, lambda d: d["name"].update(zh="ADL400"), "expected a Chinese name"),
    "source is a placeholder": (ADL400, lambda d: d.update(source="to be done; TBD with the maker"), "expected the standard, manual"),
    "source is too short": (ADL400, lambda d: d.update(source="the manual"), "expected the standard, manual"),
    "group without period": (
        ADL400,
        lambda d: d["items"][0].update(group="enregy"),
        "group 'enregy' has no period; expected one of energy, electrical",
    ),
    "group without items": (ADL400, lambda d: d["groups"].update(status=300), "no item belongs to group 'status'"),
    "quantity twice": (ADL400, lambda d: d["items"][8].update(quantity="voltage_a"), "quantity voltage_a stands 2 times"),
    "meter without energy": (ADL400, lambda d: _drop(d, "energy_active_total", "energy_active_forward"), "none of its items does"),
    "water meter without volume": (WATER, lambda d: _drop(d, "water_volume"), "a profile of kind water_meter reads water_volume"),
    "meter without phases": (ADL400, lambda d: d.pop("phases"), "expected 1 or 3"),
    "phases of a relay": (RELAY, lambda d: d.update(phases=3), "phases belong to electricity meters"),
    "phase b in a single-phase meter": (SINGLE, lambda d: _item(d, "voltage_a").update(quantity="voltage_b"), "voltage_b in a single-phase profile"),
    "line voltage in a single-phase meter": (
        SINGLE,
        lambda d: _item(d, "voltage_a").update(quantity="voltage_ab"),
        "voltage_ab in a single-phase profile",
    ),
    "phase energy in a single-phase meter": (
        SINGLE,
        lambda d: d["items"].append({**d["items"][0], "di": "00290000", "quantity": "energy_active_forward_phase_b"}),
        "energy_active_forward_phase_b in a single-phase profile",
    ),
    "one phase missing": (ADL400, lambda d: _drop(d, "voltage_b"), "voltage_a without voltage_b"),
    "gap below 3.5 bytes": (SENSOR, lambda d: d["timing"].update(gap_ms=3), "expected at least 3.5 byte times, 4 ms at 9600 baud; got 3"),
    "DL/T 645 time-out below Td": (SINGLE, lambda d: d["timing"].update(first_byte_ms=400), "may take 500 ms to answer; got 400"),
    "money writes of a draft": (
        PREPAID,
        lambda d: d["prepay"].update(bench_log="bench/2026-11-01"),
        "money writes need a profile verified on a bench",
    ),
    "prepay style of another protocol": (PREPAID, lambda d: d["prepay"].update(style="modbus"), "style 'modbus' is not one of protocol dlt645_2007"),
    "prepay without balance": (PREPAID, lambda d: _drop(d, "balance_energy"), "proved by reading balance_energy"),
    "prepay without count": (PREPAID, lambda d: _drop(d, "purchase_count"), "proved by reading purchase_count"),
    "rollover not known": (DDSU666, lambda d: d["items"][0].pop("note"), "where energy_active_forward wraps to zero is not known"),
    "rollover of a voltage": (ADL400, lambda d: _item(d, "voltage_a").update(rollover_raw="1000"), "rollover_raw belongs to cumulative registers"),
    "negative energy": (ADL400, lambda d: d["items"][0].update(scale="-0.01"), "cannot have a negative scale"),
    "coarse energy": (ADL400, lambda d: d["items"][0].update(scale="10"), "one count of energy_active_total is 10000 Wh; expected at most 1000"),
    "short energy": (ADL400, lambda d: d["items"][0].update(type="u16"), "energy_active_total ends at 655350 Wh"),
    "voltage of a slipped point": (
        ADL400,
        lambda d: _item(d, "voltage_a").update(scale="0.001"),
        "voltage_a ends at 65535 mV; expected at least 260000",
    ),
    "power of a slipped point": (SINGLE, lambda d: _item(d, "power_active").update(unit="W"), "power_active ends at 79999.9 mW"),
    "bits of BCD": (SINGLE, lambda d: _item(d, "meter_relay_open").update(format="XXXX"), "not from XXXX"),
    "bits outside the word": (SINGLE, lambda d: _item(d, "meter_relay_open").update(bits=[16, 1]), "must lie inside the 16 bits of u16"),
    "bits of a number": (SENSOR, lambda d: _item(d, "humidity").update(bits=[0, 8]), "bits belong to states; humidity is instantaneous"),
    "flag of a whole word": (SINGLE, lambda d: _item(d, "meter_relay_open").pop("bits"), "meter_relay_open is one bit"),
    "flag of two bits": (WATER, lambda d: _item(d, "battery_low").update(bits=[2, 2]), "battery_low is one bit"),
    "flags that share a bit": (
        WATER,
        lambda d: _item(d, "battery_low").update(bits=[1, 1]),
        "battery_low is read from the same place as valve_state",
    ),
    "offset beyond the end": (WATER, lambda d: _item(d, "valve_state").update(offset=-1, format="u16"), "2 bytes from there reach beyond it"),
    "unit byte inside its value": (WATER, lambda d: _item(d, "water_volume").update(unit_at=3), "unit_at 3 must be a byte outside"),
    "overlapping bytes": (
        WATER,
        lambda d: _item(d, "water_volume_settlement").update(offset=3),
        "water_volume_settlement is read from the same place",
    ),
    "overlapping registers": (
        ADL400,
        lambda d: d["items"][1].update(address=0x0001),
        "energy_active_forward is read from the same place as energy_active_total",
    ),
    "same coil twice": (RELAY, lambda d: _item(d, "relay_2").update(address=0), "relay_2 is read from the same place as relay_1"),
    "block as item": (SINGLE, lambda d: d["items"][0].update(di="0001FF00"), "0001FF00 names a block; items have single identifiers"),
    "1997 block as item": (OLD, lambda d: d["items"][0].update(di="901F"), "901F names a block"),
    "block of an unknown item": (SINGLE, lambda d: _drop(d, "energy_active_forward_peak"), "00010200 is not an item of this profile"),
    "FF in DI3": (THREE, lambda d: _block(d, "0201FF00").update(di="FF010000"), "FF never stands in DI3"),
    "FF in DI2": (THREE, lambda d: _block(d, "0201FF00").update(di="02FF0000"), "expected one FF, in DI1, or in DI0 with DI3 = 00"),
    "FF twice": (THREE, lambda d: _block(d, "0001FF00").update(di="0001FFFF"), "expected one FF"),
    "FF in DI0 of variables": (THREE, lambda d: _block(d, "0201FF00").update(di="020101FF"), "expected one FF, in DI1"),
    "no FF": (THREE, lambda d: _block(d, "0201FF00").update(di="02010000"), "expected one FF"),
    "1997 block without F": (OLD, lambda d: d["blocks"][0].update(di="9015"), "which ends in F"),
    "block out of order": (THREE, lambda d: _block(d, "0201FF00")["items"].reverse(), "carries, in this order, 02010100, 02010200, 02010300"),
    "block without its total": (THREE, lambda d: _block(d, "0203FF00")["items"].pop(0), "carries, in this order, 02030000, 02030100"),
    "block with a gap": (OLD, lambda d: d["blocks"][0]["items"].pop(2), "carries, in this order, 9010, 9011, 9012, 9013"),
    "item in two blocks": (THREE, lambda d: d["blocks"].append(deepcopy(d["blocks"][0])), "00010000 already stands in block 0001FF00"),
    "block of a shared word": (
        SINGLE,
        lambda d: d["blocks"].append({"di": "0400FF03", "items": ["04000503", "04000503"]}),
        "only plain single values can stand in a block",
    ),
    "range without items": (
        ADL400,
        lambda d: d["blocks"].append({"function": 3, "first": 0x500, "last": 0x510}),
        "no item lies in registers 0x0500..0x0510",
    ),
    "range of another function": (SENSOR, lambda d: d["blocks"][0].update(function=3), "no item lies in registers 0x0001..0x0002 of function 3"),
    "range that cuts an item": (ADL400, lambda d: d["blocks"][0].update(last=0x0014), "energy_active_reverse at 0x0014 reaches beyond the block"),
    "ranges that overlap": (ADL400, lambda d: d["blocks"][1].update(first=0x0010), "0x0010..0x0077 overlaps 0x0000..0x0015"),
    "command twice": (RELAY, lambda d: d["commands"][2].update(name="relay_1_on"), "command relay_1_on stands 2 times"),
    "command nobody can confirm": (
        SINGLE,
        lambda d: _drop(d, "meter_relay_open"),
        "confirmed by meter_relay_open, which no item of this profile reads",
    ),
    "confirmed by an impossible value": (
        VALVE,
        lambda d: d["commands"][0]["confirm"].update(quantity="battery_low", value=2),
        "is one bit and never reads 2",
    ),
    "switched one way only": (VALVE, lambda d: d["commands"].pop(), "valve_open has no counterpart valve_close"),
    "relay confirmed by another": (
        RELAY,
        lambda d: d["commands"][0]["confirm"].update(quantity="relay_2"),
        "relay_1_on must be confirmed by relay_1 = 1",
    ),
    "relay confirmed by the old state": (RELAY, lambda d: d["commands"][0]["confirm"].update(value=0), "relay_1_on must be confirmed by relay_1 = 1"),
    "relay writes another coil": (
        RELAY,
        lambda d: d["commands"][0]["write"].update(address=1),
        "relay_1_on writes coil 1, but relay_1 is read from coil 0",
    ),
    "relay writes the opposite": (RELAY, lambda d: d["commands"][0]["write"].update(value=0), "relay_1_on must write 0xFF00, got 0x0000"),
    "toggle": (RELAY, lambda d: d["commands"][0]["write"].update(value=0x5500), "a toggle cannot be repeated safely"),
    "relay that cannot be switched": (RELAY, lambda d: d.update(commands=d["commands"][2:]), "no relay_1_on or relay_1_off"),
    "write of another protocol": (
        SINGLE,
        lambda d: d["commands"][0].update(write={"di": "A017", "data": "55"}),
        "a dlt645_2007 device has no Write188",
    ),
    "write to a 1997 meter": (
        OLD,
        lambda d: d.update(commands=[{"name": "trip", "write": {"n1": "1A"}, "confirm": {"quantity": "voltage_a", "value": 0}}]),
        "a dlt645_1997 device has no Write2007",
    ),
    "unknown control word": (SINGLE, lambda d: d["commands"][0]["write"].update(n1="9A"), "n1 9A is not a known control word"),
    "control word of the opposite": (
        SINGLE,
        lambda d: d["commands"][0]["write"].update(n1="1C"),
        "n1 1C leaves the relay closed, but 1 is expected back",
    ),
    "measure in another unit": (MBUS, lambda d: _item(d, "water_volume").update(unit="L"), "the record's own VIF scales volume"),
    "record read twice": (
        MBUS,
        lambda d: _item(d, "water_volume_settlement").update(storage=0),
        "water_volume_settlement is read from the same place as water_volume",
    ),
    "bits of a record": (MBUS, lambda d: _item(d, "water_flow").update(bits=[0, 1]), "not from M-Bus records"),
    "record without a wrap": (MBUS, lambda d: _item(d, "water_volume").pop("wraps_at"), "where water_volume wraps to zero is not known"),
    "write of a water register": (VALVE, lambda d: d["commands"][0]["write"].update(di="A016"), "only A017 (valve) may be written"),
}


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


def test_problem_of_an_item_stands_at_the_item_s_line(edited: Edited) -> None:
    path = edited(SENSOR, lambda data: data["items"][1].update(scale="10"))

    with pytest.raises(ConfigError) as caught:
        load_profile(path)

    first_line_of_item = path.read_text(encoding="utf-8").splitlines().index("- function: 4", 30) + 1
    assert caught.value.message.startswith(f"{path}:{first_line_of_item}: one count of humidity")


def test_oversized_block_is_caught(edited: Edited) -> None:
    def widen(data: Data) -> None:
        for item in data["items"][:5]:
            item["format"] = "X" * 98 + ".XX"

    with pytest.raises(ConfigError, match="the reply would carry 254 data bytes; expected at most 200"):
        load_profile(edited(SINGLE, widen))


def test_bench_log_is_allowed_once_the_bench_has_passed(edited: Edited) -> None:
    def bench(data: Data) -> None:
        data["prepay"]["bench_log"] = "tests/golden/bench_prepaid.log"
        data["verified"] = "bench"

    assert load_profile(edited(PREPAID, bench)).prepay is not None

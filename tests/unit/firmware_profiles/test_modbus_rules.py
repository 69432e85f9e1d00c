"""Rules of Modbus profiles: runs of coils, air conditioners, tight blocks, ratios that belong together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware_profiles.loader import load_profile
from protocol.errors import ConfigError

Data = dict[str, Any]
ADL400 = "meters/acrel/adl400"
RELAY = "relays/waveshare/modbus_rtu_relay_8ch"
CONDITIONER = "air_conditioners/intesis/inmbs_canonical"
INFRARED = "air_conditioners/generic/ir_controller"


def _named(data: Data, section: str, name: str) -> Data:
    found: Data = next(entry for entry in data[section] if name in (entry.get("name"), entry.get("quantity")))
    return found


def _write(data: Data, name: str, **changes: Any) -> None:
    _named(data, "commands", name)["write"].update(changes)


BREACHES: dict[str, tuple[str, Callable[[Data], object], str]] = {
    "run too short": (RELAY, lambda d: _write(d, "relays_all_on", count=7), "relays_all_on writes 7 coils from 0"),
    "run of unknown coils": (RELAY, lambda d: _write(d, "relays_all_on", count=9), "writes coils [8], which no relay"),
    "run the other way": (RELAY, lambda d: _write(d, "relays_all_on", value=0), "relays_all_on must write 0xFF00, got 0x0000"),
    "run that toggles": (RELAY, lambda d: _write(d, "relays_all_on", value=0x5500), "a toggle cannot be repeated safely"),
    "run proved by its first relay": (
        RELAY,
        lambda d: _named(d, "commands", "relays_all_off")["confirm"].update(quantity="relay_1"),
        "must be confirmed by relay_8 = 0",
    ),
    "run under another name": (
        RELAY,
        lambda d: _named(d, "commands", "relays_all_on").update(name="lights"),
        "function 15 is used for relays_all_on",
    ),
    "one relay by a run": (RELAY, lambda d: _write(d, "relay_1_on", function=15, count=8), "relay_1_on must write one coil"),
    "count of a single write": (RELAY, lambda d: _write(d, "relay_1_on", count=2), "count 2 belongs to function 15"),
    "on that switches off": (CONDITIONER, lambda d: _write(d, "ac_on", value=0), "ac_on must write 0x0001, got 0x0000"),
    "on that writes the mode": (CONDITIONER, lambda d: _write(d, "ac_on", address=1), "ac_on writes 0001 (6); ac_power is read from 0000 (3)"),
    "on proved by the fan": (
        CONDITIONER,
        lambda d: _named(d, "commands", "ac_on")["confirm"].update(quantity="ac_fan"),
        "ac_on must be confirmed by ac_power = 1",
    ),
    "no off": (CONDITIONER, lambda d: d["commands"].pop(1), "ac_power can be read but not switched: no ac_off"),
    "nothing of the room": (INFRARED, lambda d: d.update(items=d["items"][1:], blocks=[]), "reads ac_power or temperature"),
    "wide flag": (CONDITIONER, lambda d: _named(d, "items", "ac_power").pop("bits"), "ac_power is one bit"),
    "bits of a coil": (RELAY, lambda d: d["items"][0].update(bits=[0, 1]), "one bit already"),
    "block that begins early": (ADL400, lambda d: d["blocks"][1].update(first=0x0060), "begin at 0x0061"),
    "block that ends late": (ADL400, lambda d: d["blocks"][1].update(last=0x0078), "0x0061..0x0078 goes beyond its items"),
    "one ratio forgotten": (
        ADL400,
        lambda d: _named(d, "items", "current_b").update(ratio="none"),
        "current_b beside secondary values: expected ratio ct",
    ),
    "ratio of a power factor": (ADL400, lambda d: _named(d, "items", "power_factor").update(ratio="ct_pt"), "power_factor beside secondary values"),
    "frozen value without ratio": (ADL400, lambda d: d["freezes"][0]["items"][0].pop("ratio"), "energy_active_total_daily beside secondary values"),
}


@pytest.mark.parametrize("case", BREACHES)
def test_breach_is_told(case: str, edited: Callable[[str, Callable[[Data], object]], Path]) -> None:
    name, edit, expected = BREACHES[case]

    with pytest.raises(ConfigError) as caught:
        load_profile(edited(name, edit))

    assert expected in caught.value.message

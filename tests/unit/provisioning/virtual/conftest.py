"""Small devices built by hand, so that these tests depend on no shipped profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter

from protocol.profile import AnyProfile, Profile
from provisioning.virtual.instrument import Instrument
from provisioning.virtual.physics import Load, Shape

_COMMON: Mapping[str, Any] = {
    "schema": 1,
    "name": {"zh": "测试", "en": "Test"},
    "maker": {"zh": "测试", "en": "Test"},
    "model": "test",
    "source": "built by hand for tests",
    "verified": "simulated",
    "groups": {"energy": 900},
}
_BY_PROTOCOL: Mapping[str, Mapping[str, Any]] = {
    "dlt645_2007": {
        "profile": "test/m07",
        "kind": "electricity_meter",
        "phases": 1,
        "serial": {"baud": 2400, "parity": "E"},
        "items": [
            {"di": "00010000", "quantity": "energy_active_forward", "unit": "kWh", "format": "XXXXXX.XX", "ratio": "ct_pt"},
            {"di": "00010100", "quantity": "energy_active_forward_sharp", "unit": "kWh", "format": "XXXXXX.XX"},
            {"di": "02010100", "quantity": "voltage_a", "unit": "V", "format": "XXX.X"},
            {"di": "04000503", "quantity": "status_word_3", "unit": "word", "format": "u16"},
            {"di": "04000503", "quantity": "meter_relay_open", "unit": "state", "format": "u16", "bits": [4, 1]},
        ],
        "blocks": [{"di": "0001FF00", "items": ["00010000", "00010100"]}],
    },
    "dlt645_1997": {
        "profile": "test/m97",
        "kind": "electricity_meter",
        "phases": 1,
        "serial": {"baud": 1200, "parity": "E"},
        "items": [{"di": "B611", "quantity": "voltage_a", "unit": "V", "format": "XXXX"}],
    },
    "cjt188": {
        "profile": "test/water",
        "kind": "water_meter",
        "serial": {"baud": 2400, "parity": "E"},
        "meter_type": "10",
        "items": [
            {"di": "901F", "offset": 0, "unit_at": 4, "format": "XXXXXX.XX", "quantity": "water_volume", "unit": "m3"},
            {"di": "901F", "offset": -2, "format": "u8", "bits": [0, 2], "quantity": "valve_state", "unit": "state"},
        ],
    },
    "modbus_rtu": {
        "profile": "test/modbus",
        "kind": "electricity_meter",
        "phases": 1,
        "serial": {"baud": 9600, "parity": "N"},
        "items": [
            {"function": 3, "address": 0, "type": "u32", "scale": "0.01", "quantity": "energy_active_forward", "unit": "kWh", "ratio": "ct"},
            {"function": 3, "address": 2, "type": "u16", "scale": "0.1", "quantity": "voltage_a", "unit": "V"},
            {"function": 3, "address": 9, "type": "u16", "quantity": "meter_relay_open", "unit": "state"},
            {"function": 4, "address": 0x0156, "type": "f32", "quantity": "power_active", "unit": "kW"},
            {"function": 4, "address": 0x0160, "type": "f32", "word_order": "little", "quantity": "frequency", "unit": "Hz"},
            {"function": 1, "address": 0, "type": "bit", "quantity": "relay_1", "unit": "state"},
            {"function": 1, "address": 1, "type": "bit", "quantity": "relay_2", "unit": "state"},
        ],
        "blocks": [{"function": 3, "first": 0, "last": 12}],
    },
}


@pytest.fixture
def profile() -> Any:
    """A function protocol -> profile; keyword arguments replace fields."""

    def build(protocol: str, **changes: Any) -> AnyProfile:
        return TypeAdapter[AnyProfile](Profile).validate_python({**_COMMON, "protocol": protocol, **_BY_PROTOCOL[protocol], **changes})

    return build


@pytest.fixture
def instrument() -> Instrument:
    """A dorm room of 300 W on average."""
    return Instrument(seed=7, device="room-1", load=Load(7, "room-1", Shape.DORM, 300_000))

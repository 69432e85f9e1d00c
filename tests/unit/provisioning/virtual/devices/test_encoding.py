"""Base units into raw registers: steps, signs, wrapping, saturation, ratios."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.profile_items import Item2007, RegisterItem
from provisioning.virtual.devices.encoding import encode_bytes, encode_registers, raw_scale


def item(**fields: Any) -> Item2007:
    return Item2007.model_validate({"di": "00010000", "quantity": "energy_active_forward", "unit": "kWh", "format": "XXXXXX.XX", **fields})


def register(**fields: Any) -> RegisterItem:
    return RegisterItem.model_validate({"function": 3, "address": 0, "type": "u16", "quantity": "voltage_a", "unit": "V", **fields})


def byte_text(one: Item2007, value: int, ct: int = 1, pt: int = 1) -> str:
    return encode_bytes(one, raw_scale(one, ct, pt).raw(value)).hex(" ")


@pytest.mark.parametrize(
    ("fields", "value", "expected"),
    [
        ({}, 1_206_429, "42 06 12 00"),  # counters show completed steps
        ({}, 123_456_780, "78 56 34 12"),
        ({}, 1_000_000_010, "01 00 00 00"),  # the counter has rolled over
        ({"quantity": "power_active", "unit": "kW", "format": "XX.XXXX", "signed": True}, -1_234_500, "45 23 81"),
        ({"quantity": "power_active", "unit": "kW", "format": "XX.XXXX", "signed": True}, 500_000_000, "99 99 79"),
        ({"quantity": "voltage_a", "unit": "V", "format": "XXX.X"}, 229_660, "97 22"),
        ({"quantity": "voltage_a", "unit": "V", "format": "XXX.X"}, -5, "00 00"),
        ({"quantity": "status_word_3", "unit": "word", "format": "u16"}, 0x0150, "50 01"),
    ],
)
def test_bytes(fields: dict[str, Any], value: int, expected: str) -> None:
    assert byte_text(item(**fields), value) == expected


def test_ratio_turns_primary_into_secondary() -> None:
    assert byte_text(item(ratio="ct_pt"), 12_064_200 * 20, ct=10, pt=2) == "20 64 20 01"


@pytest.mark.parametrize(
    ("fields", "value", "words"),
    [
        ({"scale": "0.1"}, 229_700, [2297]),
        ({"scale": "0.001"}, 229_700, [65535]),
        ({"type": "i16", "scale": "0.001", "quantity": "power_active", "unit": "kW"}, -1_500_000, [0x10000 - 1500]),
        ({"type": "u32", "scale": "0.01", "quantity": "energy_active_forward", "unit": "kWh"}, 655_360, [1, 0]),
        ({"type": "u32", "scale": "0.01", "quantity": "energy_active_forward", "unit": "kWh", "word_order": "little"}, 655_360, [0, 1]),
        ({"type": "f32", "quantity": "voltage_a"}, 230_200, [0x4366, 0x3333]),
        ({"quantity": "relay_1", "unit": "state", "bits": [3, 1]}, 1, [8]),
    ],
)
def test_registers(fields: dict[str, Any], value: int, words: list[int]) -> None:
    one = register(**fields)

    assert encode_registers(one, raw_scale(one, 1, 1), value) == words

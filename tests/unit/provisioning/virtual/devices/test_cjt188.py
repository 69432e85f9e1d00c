"""CJ/T 188 water meters against frames published elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.profile_writes import Confirm
from provisioning.virtual.devices.cjt188 import WaterMeter188, find_request
from provisioning.virtual.instrument import Instrument
from provisioning.virtual.physics import Load, Shape

NOW_S = 1_790_000_000.0
PUBLISHED = "1F 90 00 00 77 66 55 2C 00 77 66 55 2C 31 01 22 11 05 15 20 21 84"


@pytest.fixture
def water() -> Instrument:
    return Instrument(7, "tap", Load(7, "tap", Shape.WATER, 40_000))


@pytest.mark.parametrize("captured", [PUBLISHED, PUBLISHED[9:]])
def test_published_volume_reply_is_given_byte_for_byte(profile: Any, water: Instrument, ask: Any, captured: str) -> None:
    device = WaterMeter188(profile("cjt188"), water, "78330011223344", captured={"901F": bytes.fromhex(captured)}, preamble=0)

    reply = ask(device, "68 10 44 33 22 11 00 33 78 01 03 1F 90 00 80 16")

    assert reply == f"68 10 44 33 22 11 00 33 78 81 16 {PUBLISHED} 13 16"


def test_high_first_meter_answers_in_its_own_order_only(profile: Any, water: Instrument, ask: Any) -> None:
    device = WaterMeter188(profile("cjt188", di_order="high_first"), water, "00201510270588", preamble=0)

    reply = ask(device, "68 10 88 05 27 10 15 20 00 01 03 90 1F 01 25 16")
    other = ask(device, "68 10 88 05 27 10 15 20 00 01 03 1F 90 01 25 16")

    assert reply is not None
    assert reply.startswith("68 10 88 05 27 10 15 20 00 81 16 90 1F 01")
    assert other is None


def test_volume_register_follows_the_instrument(profile: Any, water: Instrument, ask: Any) -> None:
    device = WaterMeter188(profile("cjt188"), water, "1", preamble=0)

    reply = bytes.fromhex(ask(device, "68 AA AA AA AA AA AA AA AA 01 03 1F 90 01 6C 16"))

    assert int(reply[14:18][::-1].hex()) * 10 == water.value("water_volume", NOW_S)
    assert reply[18] == 0x2C


def test_short_reply_carries_total_and_status_only(profile: Any, water: Instrument, ask: Any) -> None:
    items = [{"di": "901F", "offset": 0, "format": "XXXXXX.XX", "quantity": "water_volume", "unit": "m3"}]
    device = WaterMeter188(profile("cjt188", items=items), water, "1", preamble=0)

    reply = bytes.fromhex(ask(device, "68 10 AA AA AA AA AA AA AA 01 03 1F 90 01 D2 16"))

    assert reply[10] == 9


def test_wildcard_address_read(profile: Any, water: Instrument, ask: Any) -> None:
    device = WaterMeter188(profile("cjt188", di_order="high_first"), water, "00000805000001", preamble=0)

    reply = ask(device, "68 10 AA AA AA AA AA AA AA 03 03 81 0A 00 AF 16")

    assert reply == "68 10 01 00 00 05 08 00 00 83 03 81 0A 00 97 16"


@pytest.mark.parametrize(("order", "state"), [("55 CC", 0), ("99 10", 1)])
def test_published_valve_orders(profile: Any, water: Instrument, ask: Any, order: str, state: int) -> None:
    device = WaterMeter188(profile("cjt188", di_order="high_first"), water, "00000019121301")
    water.set_state("valve_state", 1 - state, NOW_S)

    reply = ask(device, f"68 10 01 13 12 19 00 00 00 04 04 A0 17 01 {order} 16")

    assert reply is not None
    assert water.value("valve_state", NOW_S) == state


def test_valve_shows_in_the_status_byte(profile: Any, water: Instrument, ask: Any) -> None:
    device = WaterMeter188(profile("cjt188"), water, "1", preamble=0)
    water.set_state("valve_state", 1, NOW_S)

    reply = bytes.fromhex(ask(device, "68 10 AA AA AA AA AA AA AA 01 03 1F 90 01 D2 16"))

    assert reply[-4] & 0b11 == 1
    assert Confirm(quantity="valve_state", value=1).value == water.value("valve_state", NOW_S)


def test_other_type_and_bad_checksum_stay_silent(profile: Any, water: Instrument, ask: Any) -> None:
    device = WaterMeter188(profile("cjt188"), water, "1")

    assert ask(device, "68 30 AA AA AA AA AA AA AA 01 03 1F 90 01 F2 16") is None
    assert find_request(bytes.fromhex("68 10 AA AA AA AA AA AA AA 01 03 1F 90 01 D3 16")) is None


def test_valve_on_a_motor_shows_the_old_state_until_it_has_arrived(profile: Any, water: Instrument) -> None:
    device = WaterMeter188(profile("cjt188", di_order="high_first"), water, "00000019121301", preamble=0)
    water.state["motor_s"] = 8

    told = device.respond(bytes.fromhex("68 10 01 13 12 19 00 00 00 04 04 A0 17 01 99 10 16"), NOW_S)
    read = bytes.fromhex("68 10 01 13 12 19 00 00 00 01 03 90 1F 01 6B 16")
    states = [(device.respond(read, NOW_S + passed_s) or b"")[-4] & 3 for passed_s in (7, 8)]

    assert told is not None
    assert told[9] == 0x84
    assert states == [0, 1]


def test_one_makers_valve_is_answered_as_published(profile: Any, water: Instrument, ask: Any) -> None:
    command = {"name": "valve_close", "write": {"di": "A017", "data": "99", "control": "2A"}, "confirm": {"quantity": "valve_state", "value": 1}}
    device = WaterMeter188(profile("cjt188", di_order="high_first", commands=[command]), water, "00000805000001", preamble=3)
    body = bytes.fromhex("68 10 01 00 00 05 08 00 00 2A 04 A0 17 00 99")

    reply = ask(device, (body + bytes((sum(body) % 256, 0x16))).hex())

    assert reply == "FE FE FE 68 10 01 00 00 05 08 00 00 AA 05 A0 17 00 01 FF EC 16"
    assert water.value("valve_state", NOW_S) == 1


def test_months_gone_by_are_told_and_no_older_ones(profile: Any, water: Instrument) -> None:
    item = {"di": "D120", "format": "XXXXXX.XX", "unit_at": 4, "quantity": "water_volume_monthly", "unit": "m3"}
    device = WaterMeter188(profile("cjt188", freezes=[{"period": "month", "depth": 12, "items": [item]}]), water, "1", preamble=0)

    def read(di: str) -> bytes:
        body = bytes.fromhex("68 10 AA AA AA AA AA AA AA 01 03") + bytes.fromhex(di)[::-1] + b"\x05"
        reply = device.respond(body + bytes((sum(body) % 256, 0x16)), NOW_S)
        assert reply is not None
        return reply[9:-2]

    august_s = NOW_S - (20 * 86_400 + 22 * 3600 + 13 * 60 + 20) - 31 * 86_400
    assert read("D121")[:5] == bytes.fromhex("81 08 21 D1 05")
    assert int(read("D121")[5:9][::-1].hex()) == water.value("water_volume", august_s) // 10
    assert read("D121")[9] == 0x2C
    assert read("D12C")[0] == 0xC1


def test_clock_is_written(profile: Any, water: Instrument, ask: Any) -> None:
    clock = {"read": {"di": "901F", "offset": 10, "format": "YYMMDDhhmmss"}, "set_di": "A015"}
    device = WaterMeter188(profile("cjt188", clock=clock), water, "1", preamble=0)
    body = bytes.fromhex("68 10 01 00 00 00 00 00 00 04 0A 15 A0 00 05 10 22 21 09 26 20")

    reply = ask(device, (body + bytes((sum(body) % 256, 0x16))).hex())

    assert reply.startswith("68 10 01 00 00 00 00 00 00 84")
    assert water.local_time(NOW_S).isoformat() == "2026-09-21T22:10:05"

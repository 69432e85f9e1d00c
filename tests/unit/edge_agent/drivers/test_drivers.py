"""Frames from real meters -> exact integers, for every protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pymodbus.framer import FramerRTU

from edge_agent.drivers import plan
from edge_agent.drivers.dlt645 import MAX_FOLLOW_UPS
from edge_agent.drivers.driver import driver_for, refusal_lasts, target_silent
from edge_agent.drivers.fields import Decoded
from edge_agent.drivers.plan import Memory
from protocol.errors import DeviceRefused, EncodeError
from protocol.profile import AnyProfile
from protocol.site_plan import Device
from protocol.wire.modbus import read_request, reply_registers


def ask(profile: AnyProfile, device: Device, replies: Sequence[bytes | str]) -> tuple[list[bytes], Decoded]:
    """Play one request against these reply frames; returns the requests sent and what was decoded."""
    driver = driver_for(profile)
    (request,) = plan.plan(profile, device, profile.items, Memory(), 0.0)
    sent, accepted = [], []
    while (transaction := driver.transaction(request, accepted)) is not None:
        sent.append(transaction.request)
        raw = replies[len(accepted)]
        frames = transaction.decoder.feed(raw if isinstance(raw, bytes) else bytes.fromhex(raw))
        accepted += [frame for frame in frames if transaction.accept(frame)]
    return sent, driver.decode(request, accepted)


def item645(quantity: str, unit: str, di: str, format_: str, **more: Any) -> dict[str, Any]:
    return {"quantity": quantity, "unit": unit, "di": di, "format": format_, **more}


def framed(address: str, control: int, data: str) -> bytes:
    """A DL/T 645 frame around data written before the +33h offset."""
    body = bytes.fromhex("68" + address + "68") + bytes([control, len(bytes.fromhex(data))]) + bytes((b + 0x33) & 0xFF for b in bytes.fromhex(data))
    return body + bytes([sum(body) & 0xFF, 0x16])


METER = "25 04 03 02 01 00"


VOLTAGES = [item645(f"voltage_{p}", "V", f"02010{n}00", "XXX.X") for n, p in ((1, "a"), (2, "b"), (3, "c"))]
ENERGY = item645("energy_active_forward", "kWh", "00010000", "XXXXXX.XX")
COMBINED = item645("energy_active_total", "kWh", "00000000", "XXXXXX.XX", signed=True)


@pytest.mark.parametrize(
    ("address", "item", "reply", "value"),
    [
        ("000102030425", ENERGY, "68 25 04 03 02 01 00 68 91 08 33 33 34 33 75 39 45 33 8B 16", 1_206_420),
        ("652022122003", COMBINED, "68 03 20 12 22 20 65 68 91 08 33 33 33 33 33 33 33 33 DD 16", 0),
        ("003411001043", VOLTAGES[0], "FE FE FE FE 68 43 10 00 11 34 00 68 91 06 33 34 34 35 CA 55 EE 16", 229_700),
    ],
)
def test_dlt645_2007_vectors(make_profile: Any, make_device: Any, address: str, item: dict[str, Any], reply: str, value: int) -> None:
    _, decoded = ask(make_profile("dlt645_2007", [item]), make_device(address), [reply])

    assert decoded == Decoded(((item["quantity"], value),))


def test_dlt645_2007_request_is_the_frame_a_meter_was_seen_to_answer(make_profile: Any, make_device: Any) -> None:
    profile = make_profile("dlt645_2007", [ENERGY])
    sent, _ = ask(profile, make_device("000102030425"), [framed(METER, 0x91, "00000100 00000000")])

    assert sent[0].lstrip(b"\xfe") == bytes.fromhex("68 25 04 03 02 01 00 68 11 04 33 33 34 33 E1 16")


def test_dlt645_1997_vector(make_profile: Any, make_device: Any) -> None:
    profile = make_profile("dlt645_1997", [item645("voltage_a", "V", "B611", "XXXX")])
    sent, decoded = ask(profile, make_device("000000000003"), ["68 03 00 00 00 00 00 68 81 04 44 E9 33 34 EC 16"])

    assert sent[0].lstrip(b"\xfe") == bytes.fromhex("68 03 00 00 00 00 00 68 01 02 44 E9 03 16")
    assert decoded == Decoded((("voltage_a", 100_000),))


def test_sign_bit_of_power(make_profile: Any, make_device: Any) -> None:
    profile = make_profile("dlt645_2007", [item645("power_active", "kW", "02030000", "XX.XXXX", signed=True)])
    _, decoded = ask(profile, make_device(), [framed(METER, 0x91, "00000302 452381")])

    assert decoded.values == (("power_active", -1_234_500),)


def test_relay_bit_of_the_status_word(make_profile: Any, make_device: Any) -> None:
    items = [item645("status_word_3", "word", "04000503", "u16"), item645("meter_relay_open", "state", "04000503", "u16", bits=[4, 1])]
    _, decoded = ask(make_profile("dlt645_2007", items), make_device(), [framed(METER, 0x91, "03050004 5000")])

    assert decoded.values == (("status_word_3", 0x50), ("meter_relay_open", 1))


BLOCK = [{"di": "0201FF00", "items": ["02010100", "02010200", "02010300"]}]


def test_block_reply_is_cut_into_its_items(make_profile: Any, make_device: Any) -> None:
    _, decoded = ask(make_profile("dlt645_2007", VOLTAGES, blocks=BLOCK), make_device(), [framed(METER, 0x91, "00FF0102 9722 0123 3422")])

    assert decoded.values == (("voltage_a", 229_700), ("voltage_b", 230_100), ("voltage_c", 223_400))


def test_filler_and_short_blocks_mean_absent_not_zero(make_profile: Any, make_device: Any) -> None:
    _, decoded = ask(make_profile("dlt645_2007", VOLTAGES, blocks=BLOCK), make_device(), [framed(METER, 0x91, "00FF0102 9722 FFFF")])

    assert decoded == Decoded((("voltage_a", 229_700),))


def test_value_cut_off_in_the_middle_is_absent_not_smaller(make_profile: Any, make_device: Any) -> None:
    _, decoded = ask(make_profile("dlt645_2007", VOLTAGES, blocks=BLOCK), make_device(), [framed(METER, 0x91, "00FF0102 9722 01")])

    assert decoded == Decoded((("voltage_a", 229_700),))


def test_all_ones_are_filler_in_bcd_and_a_value_in_binary(make_profile: Any, make_device: Any) -> None:
    items = [item645("status_word_3", "word", "04000503", "u16"), item645("voltage_a", "V", "04000503", "XXX.X")]
    _, decoded = ask(make_profile("dlt645_2007", items), make_device(), [framed(METER, 0x91, "03050004 FFFF")])

    assert decoded == Decoded((("status_word_3", 0xFFFF),))


def test_last_byte_is_found_from_the_end(make_profile: Any, make_device: Any) -> None:
    items = [item645("status_word_3", "word", "04000503", "u8", offset=-1)]
    _, decoded = ask(make_profile("dlt645_2007", items), make_device(), [framed(METER, 0x91, "03050004 0102 42")])

    assert decoded.values == (("status_word_3", 0x42),)


def test_bits_beside_the_wanted_ones_do_not_count(make_profile: Any, make_device: Any) -> None:
    items = [item645("meter_relay_open", "state", "04000503", "u16", bits=[4, 1])]
    values = [
        ask(make_profile("dlt645_2007", items), make_device(), [framed(METER, 0x91, f"03050004 {word}")])[1].values for word in ("EFFF", "3000")
    ]

    assert values == [(("meter_relay_open", 0),), (("meter_relay_open", 1),)]


def test_reply_that_never_ends_is_cut_off(make_profile: Any, make_device: Any) -> None:
    replies = [framed(METER, 0xB1, "00FF0102 9722")] + [framed(METER, 0xB2, f"00FF0102 0123 {seq:02x}") for seq in range(1, 99)]
    sent, decoded = ask(make_profile("dlt645_2007", VOLTAGES, blocks=BLOCK), make_device(), replies)

    assert len(sent) == 1 + MAX_FOLLOW_UPS
    assert len(decoded.values) == 3


def test_value_that_is_no_bcd_is_told_and_the_others_survive(make_profile: Any, make_device: Any) -> None:
    _, decoded = ask(make_profile("dlt645_2007", VOLTAGES, blocks=BLOCK), make_device(), [framed(METER, 0x91, "00FF0102 9722 9A22 3422")])

    assert [quantity for quantity, _ in decoded.values] == ["voltage_a", "voltage_c"]
    assert len(decoded.bad) == 1
    assert decoded.bad[0].startswith("voltage_b:")


def test_reply_in_several_frames_is_followed_up(make_profile: Any, make_device: Any) -> None:
    replies = [framed(METER, 0xB1, "00FF0102 9722"), framed(METER, 0xB2, "00FF0102 0123 01"), framed(METER, 0x92, "00FF0102 3422 02")]
    sent, decoded = ask(make_profile("dlt645_2007", VOLTAGES, blocks=BLOCK), make_device(), replies)

    assert [frame.lstrip(b"\xfe")[8] for frame in sent] == [0x11, 0x12, 0x12]
    assert [value for _, value in decoded.values] == [229_700, 230_100, 223_400]


def test_dlt645_refusal_is_raised(make_profile: Any, make_device: Any) -> None:
    with pytest.raises(DeviceRefused):
        ask(make_profile("dlt645_2007", VOLTAGES[:1]), make_device(), [framed(METER, 0xD1, "02")])


WATER = [
    {"quantity": "water_volume", "unit": "m3", "format": "XXXXXX.XX", "offset": 0, "unit_at": 4},
    {"quantity": "water_volume_settlement", "unit": "m3", "format": "XXXXXX.XX", "offset": 5, "unit_at": 9},
    {"quantity": "valve_state", "unit": "state", "format": "u16", "offset": -2, "bits": [0, 2]},
    {"quantity": "battery_low", "unit": "state", "format": "u16", "offset": -2, "bits": [2, 1]},
]
Q1 = "68 10 44 33 22 11 00 33 78 01 03 1F 90 00 80 16"
R1 = "68 10 44 33 22 11 00 33 78 81 16 1F 90 00 00 77 66 55 2C 00 77 66 55 2C 31 01 22 11 05 15 20 21 84 13 16"


def test_cjt188_vector_with_low_identifier_byte_first(make_profile: Any, make_device: Any) -> None:
    sent, decoded = ask(make_profile("cjt188", WATER, meter_type="10"), make_device("78330011223344"), [R1])

    assert sent[0].lstrip(b"\xfe") == bytes.fromhex(Q1)
    assert dict(decoded.values) == {"water_volume": 556_677_000, "water_volume_settlement": 556_677_000, "valve_state": 1, "battery_low": 0}


def test_cjt188_vector_with_high_identifier_byte_first(make_profile: Any, make_device: Any) -> None:
    reply = "68 10 88 05 27 10 15 20 00 81 16 90 1F 01 00 00 00 00 2C 00 00 00 00 2C 06 20 17 09 01 17 20 00 00 8E 16"
    sent, decoded = ask(make_profile("cjt188", WATER, meter_type="10", di_order="high_first"), make_device("00201510270588"), [reply])

    assert sent[0].lstrip(b"\xfe")[11:13] == bytes.fromhex("90 1F")
    assert dict(decoded.values)["water_volume"] == 0


def water_reply(data: str) -> bytes:
    body = bytes.fromhex("68 10 44 33 22 11 00 33 78 81") + bytes([3 + len(bytes.fromhex(data))]) + bytes.fromhex("1F 90 00" + data)
    return body + bytes([sum(body) & 0xFF, 0x16])


def test_cjt188_unit_byte_overrides_the_profile(make_profile: Any, make_device: Any) -> None:
    _, decoded = ask(make_profile("cjt188", WATER[:1], meter_type="10"), make_device("78330011223344"), [water_reply("34 12 00 00 29")])

    assert decoded.values == (("water_volume", 12),)  # 12.34 L


def test_cjt188_reply_that_ends_before_its_unit_byte_is_told(make_profile: Any, make_device: Any) -> None:
    _, decoded = ask(make_profile("cjt188", WATER[:1], meter_type="10"), make_device("78330011223344"), [water_reply("34 12 00 00")])

    assert decoded.values == ()
    assert "unit byte nothing" in decoded.bad[0]


def test_cjt188_unit_byte_that_is_no_volume_is_told(make_profile: Any, make_device: Any) -> None:
    _, decoded = ask(make_profile("cjt188", WATER[:1], meter_type="10"), make_device("78330011223344"), [water_reply("34 12 00 00 05")])

    assert decoded.values == ()
    assert "unit byte 05h" in decoded.bad[0]


def modbus_reply(request: bytes, payload: str) -> bytes:
    from pymodbus.framer import FramerRTU

    frame = request[:2] + bytes([len(bytes.fromhex(payload))]) + bytes.fromhex(payload)
    return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")


def register(quantity: str, unit: str, type_: str, **more: Any) -> dict[str, Any]:
    return {"quantity": quantity, "unit": unit, "function": 3, "address": 0, "type": type_, **more}


@pytest.mark.parametrize(
    ("item", "payload", "value"),
    [
        (register("voltage_a", "V", "u16", scale="0.1"), "0902", 230_600),
        (register("power_active", "kW", "i32", scale="0.001"), "FFFFFB2E", -1_234_000),
        (register("power_active", "W", "i32", scale="0.1", word_order="little"), "FB2EFFFF", -123_400),
        (register("energy_active_forward", "kWh", "u32", scale="0.01"), "0001E240", 1_234_560),
        (register("voltage_a", "V", "f32"), "43663333", 230_200),
        (register("energy_active_forward", "Wh", "i64"), "00000000000F4240", 1_000_000),
        (register("power_factor", "1", "i16", scale="0.001"), "FC19", -999),
        (register("current_a", "A", "f32"), "3A03126F", 0),  # 0.0005 A: half a milliampere rounds to even
        (register("relay_3", "state", "u16", bits=(2, 1)), "0004", 1),
    ],
)
def test_modbus_numbers_become_exact_base_units(make_profile: Any, make_device: Any, item: dict[str, Any], payload: str, value: int) -> None:
    request = read_request(7, 3, 0, len(payload) // 4)
    sent, decoded = ask(make_profile("modbus_rtu", [item]), make_device("7"), [modbus_reply(request, payload)])

    assert sent == [request]
    assert decoded == Decoded(((item["quantity"], value),))


def test_modbus_float_that_is_no_number_is_told(make_profile: Any, make_device: Any) -> None:
    reply = modbus_reply(read_request(7, 3, 0, 2), "7FC00000")
    _, decoded = ask(make_profile("modbus_rtu", [register("voltage_a", "V", "f32")]), make_device("7"), [reply])

    assert decoded.values == ()
    assert len(decoded.bad) == 1


def test_modbus_number_beyond_the_store_is_told(make_profile: Any, make_device: Any) -> None:
    reply = modbus_reply(read_request(7, 3, 0, 2), "7F000000")
    _, decoded = ask(make_profile("modbus_rtu", [register("energy_active_forward", "MWh", "f32")]), make_device("7"), [reply])

    assert decoded.values == ()


@pytest.mark.parametrize(
    ("type_", "payload", "value"),
    [("u64", "7FFFFFFFFFFFFFFF", [(1 << 63) - 1]), ("u64", "8000000000000000", []), ("i64", "8000000000000000", [-1 << 63])],
)
def test_modbus_number_may_fill_the_64_bits_of_the_store(make_profile: Any, make_device: Any, type_: str, payload: str, value: list[int]) -> None:
    profile = make_profile("modbus_rtu", [register("energy_active_forward", "Wh", type_)])
    _, decoded = ask(profile, make_device("7"), [modbus_reply(read_request(7, 3, 0, 4), payload)])

    assert [number for _, number in decoded.values] == value


@pytest.mark.parametrize(("unit", "function"), [(1, 3), (2, 4), (3, 1), (4, 2)])
def test_kind_of_a_modbus_reply_follows_the_function_and_not_the_address(make_profile: Any, make_device: Any, unit: int, function: int) -> None:
    bits = function in (1, 2)
    item = {"quantity": "relay_1", "unit": "state", "function": function, "address": 5, "type": "bit" if bits else "u16"}
    _, decoded = ask(
        make_profile("modbus_rtu", [item]), make_device(str(unit)), [modbus_reply(read_request(unit, function, 5, 1), "01" if bits else "0001")]
    )

    assert decoded.values == (("relay_1", 1),)


def test_coils_become_states(make_profile: Any, make_device: Any) -> None:
    items = [{"quantity": f"relay_{n + 1}", "unit": "state", "function": 1, "address": n, "type": "bit"} for n in range(8)]
    profile = make_profile("modbus_rtu", items, blocks=[{"function": 1, "first": 0, "last": 7}], groups={"energy": 5})
    sent, decoded = ask(profile, make_device("1"), [modbus_reply(read_request(1, 1, 0, 8), "85")])

    assert sent == [bytes.fromhex("01 01 00 00 00 08 3D CC")]
    assert [value for _, value in decoded.values] == [1, 0, 1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("code", "lasts", "silent"),
    [
        *((code, True, False) for code in (1, 2, 3)),
        *((code, False, False) for code in (4, 5, 6, 8, 9)),
        *((code, False, True) for code in (10, 11)),
        (12, False, False),
    ],
)
def test_kinds_of_refusal(code: int, lasts: bool, silent: bool) -> None:
    body = bytes([1, 0x83, code])
    with pytest.raises(DeviceRefused) as refused:
        reply_registers(read_request(1, 3, 0, 1), body + FramerRTU.compute_CRC(body).to_bytes(2, "big"))

    assert (refusal_lasts(refused.value), target_silent(refused.value)) == (lasts, silent)


def test_refusal_without_a_code_lasts() -> None:
    assert refusal_lasts(DeviceRefused("no such data"))


@pytest.mark.parametrize("address", ["1", "247"])
def test_first_and_last_modbus_unit_are_accepted(make_profile: Any, make_device: Any, address: str) -> None:
    driver_for(make_profile("modbus_rtu", [register("voltage_a", "V", "u16")])).check(make_device(address))


@pytest.mark.parametrize(("protocol", "address"), [("dlt645_2007", "1234567890123"), ("modbus_rtu", "248"), ("modbus_rtu", "0")])
def test_address_that_does_not_fit_is_refused(make_profile: Any, make_device: Any, protocol: str, address: str) -> None:
    item = register("voltage_a", "V", "u16") if protocol == "modbus_rtu" else VOLTAGES[0]

    with pytest.raises(EncodeError):
        driver_for(make_profile(protocol, [item])).check(make_device(address))

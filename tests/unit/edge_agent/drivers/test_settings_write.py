"""Settings: bytes and registers that carry exactly the value asked for, or nothing at all."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.drivers.access import Access
from edge_agent.drivers.encode import registers_with_value, with_value
from edge_agent.drivers.settings_write import write_setting
from protocol.errors import EncodeError, NotFound, Refused
from protocol.profile_items import Item188, Item2007, RegisterItem

LIMIT = {"quantity": "power_active", "unit": "kW", "di": "04000E01", "format": "XX.XXXX", "group": "load"}
SETTING = {"name": "set_power_limit", "quantity": "power_active", "least": 0, "most": 60_000_000, "level": "04", "within_s": 4}


def item(**more: Any) -> Item2007:
    return Item2007.model_validate({"quantity": "energy_active_forward", "unit": "kWh", "di": "00010000", "format": "XXXXXX.XX", **more})


def register(type_: str, scale: str = "1", **more: Any) -> RegisterItem:
    fields = {"quantity": "power_active", "unit": "W", "function": 3, "address": 0, "type": type_, "scale": scale, **more}
    return RegisterItem.model_validate(fields)


@pytest.mark.parametrize(
    ("one", "old", "value", "new"),
    [
        (item(), "00000000", 1_206_420, "42061200"),
        (item(signed=True), "00000000", -12_340, "34120080"),
        (item(offset=4), "111111112222222233", 0, "111111110000000033"),
        (item(offset=-4), "1100000000", 10, "1101000000"),
        (item(quantity="valve_state", unit="state", format="u16", bits=(4, 2)), "FFFF", 1, "DFFF"),
        (item(quantity="valve_state", unit="state", format="u8"), "00", 255, "FF"),
    ],
)
def test_value_goes_into_its_own_bytes_and_leaves_the_others(one: Item2007, old: str, value: int, new: str) -> None:
    assert with_value(one, bytes.fromhex(old), value).hex().upper() == new


@pytest.mark.parametrize(
    ("one", "old", "value", "why"),
    [
        (item(), "00000000", 1_206_425, "no multiple of 10 Wh"),
        (item(), "00000000", 1_000_000_000, "does not fit"),
        (item(), "00000000", -10, "does not fit"),
        (item(signed=True), "00000000", 800_000_000, "does not fit"),
        (item(), "000000", 0, "too few"),
        (item(quantity="valve_state", unit="state", format="u16", bits=(4, 2)), "0000", 4, "2 bits"),
        (item(quantity="valve_state", unit="state", format="u8"), "00", 256, "u8"),
    ],
)
def test_value_the_item_cannot_show_is_refused(one: Item2007, old: str, value: int, why: str) -> None:
    with pytest.raises(EncodeError, match=why):
        with_value(one, bytes.fromhex(old), value)


def test_unit_of_the_wire_scales_what_is_written() -> None:
    fields = {"quantity": "water_volume", "unit": "m3", "format": "XXXXXX.XX", "unit_at": 4}
    one = Item188.model_validate(fields)

    assert with_value(one, bytes.fromhex("00000000 2C"), 12_340).hex() == "341200002c"
    assert with_value(one, bytes.fromhex("00000000 29"), 12).hex() == "0012000029"


@pytest.mark.parametrize(
    ("one", "value", "words"),
    [
        (register("u16", "10"), 230_000, [23]),
        (register("i16"), -5_000, [0xFFFB]),
        (register("u32"), 70_000_000, [1, 0x1170]),
        (register("u32", word_order="little"), 70_000_000, [0x1170, 1]),
        (register("f32"), 230_200, [0x4366, 0x3333]),
        (register("f32", word_order="little"), 230_200, [0x3333, 0x4366]),
        (register("u16", bits=(8, 8), unit="mW"), 3, [0x03FF]),
    ],
)
def test_registers_carry_the_value(one: RegisterItem, value: int, words: list[int]) -> None:
    assert registers_with_value(one, [0xFFFF] * one.count, value) == words


@pytest.mark.parametrize(
    ("one", "value"),
    [
        (register("u16"), 1_500),
        (register("u16"), 65_536_000),
        (register("i16"), 32_768_000),
        (register("f32"), 16_777_217_000),  # between two floats
        (register("bit", function=1, quantity="relay_1", unit="state"), 1),
    ],
)
def test_registers_that_cannot_carry_it_are_refused(one: RegisterItem, value: int) -> None:
    with pytest.raises(EncodeError):
        registers_with_value(one, [0] * one.count, value)


class Memory:
    """A meter that keeps what function 14H writes, unless told otherwise."""

    def __init__(self, meter: Any, reply: tuple[int, bytes] | None = (0x94, b""), keeps: bool = True) -> None:
        self.written: list[bytes] = []
        self._reply, self._keeps = reply, keeps
        self.meter = meter({"04000E01": "000005"}, self._write)

    def _write(self, control: int, data: bytes) -> tuple[int, bytes] | None:
        assert control == 0x14
        self.written.append(data)
        if self._keeps:
            self.meter.registers["04000E01"] = data[12:].hex()
        return self._reply


@pytest.mark.parametrize(
    ("reply", "keeps", "outcome"),
    [
        ((0x94, b""), True, "done"),
        ((0x94, b""), False, "unconfirmed"),
        ((0xD4, b"\x04"), False, "refused"),
        ((0xD4, b"\x04"), True, "done"),
        (None, True, "done"),
    ],
)
def test_setting_is_written_with_its_level_and_read_back(
    make_profile: Any, make_device: Any, carry_out: Any, meter: Any, reply: Any, keeps: bool, outcome: str
) -> None:
    profile, memory = make_profile("dlt645_2007", [LIMIT], settings=[SETTING]), Memory(meter, reply, keeps)
    procedure = write_setting(profile, make_device(), "set_power_limit", 8_000_000, Access("020637", "00000001"))

    result, _ = carry_out(procedure, memory.meter)

    assert (result.outcome, result.seen) == (outcome, 8_000_000 if keeps else 5_000_000)
    assert memory.written == [bytes.fromhex("01 0E 00 04  04 37 06 02  01 00 00 00  00 00 08")]


def test_setting_that_has_the_value_already_is_not_written(make_profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    memory = Memory(meter)
    profile = make_profile("dlt645_2007", [LIMIT], settings=[SETTING])
    result, _ = carry_out(write_setting(profile, make_device(), "set_power_limit", 5_000_000, Access()), memory.meter)

    assert (result.outcome, memory.written) == ("already", [])


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("set_power_limit", 60_000_001, Refused),
        ("set_power_limit", -1, Refused),
        ("set_power_limit", 8_000_050, EncodeError),
        ("set_nothing", 1, NotFound),
    ],
)
def test_value_out_of_range_or_between_steps_is_never_sent(
    make_profile: Any, make_device: Any, carry_out: Any, meter: Any, name: str, value: int, error: type[Exception]
) -> None:
    memory, profile = Memory(meter), make_profile("dlt645_2007", [LIMIT], settings=[SETTING])
    with pytest.raises(error):
        carry_out(write_setting(profile, make_device(), name, value, Access()), memory.meter)

    assert memory.written == []


@pytest.mark.parametrize(
    ("function", "sent"),
    [(6, "01 06 00 02 00 FA A9 89"), (16, "01 10 00 02 00 01 02 00 FA 27 E1")],
)
def test_register_setting_is_written_by_the_function_the_profile_names(
    make_profile: Any, make_device: Any, carry_out: Any, function: int, sent: str
) -> None:
    items = [{"quantity": "power_active", "unit": "W", "function": 3, "address": 2, "type": "u16", "scale": "0.1"}]
    setting = {"name": "set_x", "quantity": "power_active", "least": 0, "most": 100_000, "function": function}
    profile = make_profile("modbus_rtu", items, settings=[setting])
    held = [0]

    def device(request: bytes) -> bytes:
        if request[1] == 3:
            return with_crc(bytes([1, 3, 2]) + held[0].to_bytes(2, "big"))
        held[0] = int.from_bytes(request[4:6] if request[1] == 6 else request[7:9], "big")
        return request if request[1] == 6 else with_crc(request[:6])

    result, played = carry_out(write_setting(profile, make_device("1"), "set_x", 25_000, Access()), device)

    assert (result.outcome, result.seen) == ("done", 25_000)
    assert bytes.fromhex(sent)[:-2] in [one[:-2] for one in played.sent]


def with_crc(body: bytes) -> bytes:
    crc = 0xFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return body + crc.to_bytes(2, "little")

"""Every golden wire log, both ways: the bytes mean what the log says, and our builders make exactly the bytes it shows as sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from protocol.errors import DeviceRefused
from protocol.profile_items import ByteItem
from protocol.wire import cjt188, dlt645, modbus
from protocol.wire.bcd import decode_bcd, decode_signed_bcd
from protocol.wire.dlt645 import Version
from protocol.wire.recharge import encode, plain_order
from protocol.wire.wirelog import Comment, Received, Sent, Value, parse

GOLDEN = Path(__file__).parents[3] / "golden" / "wire"
TESTED_ELSEWHERE = ("gdw376_", "mbus_")  # test_gdw376.py, test_mbus.py
V07, V97 = Version.V2007, Version.V1997
VALVE = (0x10, "00000019121301")
GAS = (0x30, "3")
FOREVER = datetime(2099, 12, 30)

# What our builders must make, in the order of the log's `>` lines; (frame or bytes, FE in front).
REQUESTS: dict[str, list[dlt645.Frame | cjt188.Frame | bytes]] = {
    "dlt645_01_read_address": [dlt645.read_address_request()],
    "dlt645_02_energy": [dlt645.read_request(V07, "000102030425", "00010000")],
    "dlt645_04_combined_energy_zero": [dlt645.read_request(V07, "652022122003", "00000000")],
    "dlt645_06_voltage": [dlt645.read_request(V07, "3411001043", "02010100")],
    "dlt645_08_trip": [dlt645.remote_control_request("151230011061", dlt645.RemoteControl.TRIP, FOREVER, "020637", "00000001")],
    "dlt645_09_allow_close": [dlt645.remote_control_request("151230011061", 0x1B, FOREVER, "020637", "00000001")],
    "dlt645_12_trip_no_validity": [dlt645.remote_control_request("219998", 0x1A, None, "000000", "30303030")],
    "dlt645_13_trip_until_2018": [dlt645.remote_control_request("1" * 12, 0x1A, datetime(2018, 5, 12, 15, 41, 24), "000000", "00000000", level="00")],
    "dlt645_14_broadcast_time": [dlt645.broadcast_time_request(datetime(2017, 6, 5, 10, 22, 51))],
    "dlt645_17_voltage_1997": [dlt645.read_request(V97, "3", "B611")],
    "dlt645_19_parameter_block": [dlt645.read_request(V07, "260305510012", "070104FF")],
    "dlt645_21_security_refused": [dlt645.security_request("260305510012", "078102FF", "44332211")],
    "dlt645_23_read_builders": [dlt645.read_request(V07, "1234567890", "00000000"), dlt645.read_request(V07, "12345678", "02010100")],
    "dlt645_24_refused": [],
    "dlt645_25_recharge": [
        dlt645.security_request("260305510012", "070102FF", "11223344", encode(plain_order(10_000, "1240826202124138", "260305510012")))
    ],
    "dlt645_26_refund": [
        dlt645.security_request("260305510012", "070108FF", "11223344", encode(plain_order(1000, "1240826202124139", "260305510012")))
    ],
    "cjt188_01_read_low_first": [cjt188.read_request(0x10, "78330011223344", "901F")],
    "cjt188_04_read_high_first": [cjt188.read_request(0x10, "201510270588", "901F", 1, "high_first")],
    "cjt188_05_wildcard": [
        cjt188.read_request(0x10, cjt188.ANY_ADDRESS, "901F", 1, "high_first"),
        cjt188.read_address_request(0x10, 1, "high_first"),
    ],
    "cjt188_06_valve": [
        *(cjt188.valve_request(*VALVE, action, 1, "high_first") for action in (cjt188.VALVE_OPEN, cjt188.VALVE_CLOSE, 0x66, 0x77)),
        *(cjt188.valve_request(*GAS, action, 1) for action in (cjt188.VALVE_OPEN, cjt188.VALVE_CLOSE)),
    ],
    "cjt188_07_valve_reply_set_address": [cjt188.write_address_request(0x10, "805000002", "805000001", 0, "high_first")],
    "modbus_relay_coils": [
        modbus.write_coil_request(1, 0, True),
        modbus.write_coil_request(1, 0, False),
        modbus.write_coil_request(1, 0xFF, True),
        modbus.write_coil_request(1, 0xFF, False),
        modbus.write_coil_request(1, 0, 0x5500),
        modbus.read_request(1, 1, 0, 8),
        modbus.write_coil_request(1, 0x0200, 7),
        modbus.read_request(0, 3, 0x4000, 1),
    ],
    "modbus_relay_any_unit": [
        modbus.write_coil_request(0xFE, 0, True),
        modbus.write_coil_request(0xFE, 0, False),
        modbus.read_request(0xFE, 1, 0, 16),
        modbus.write_coils_request(0xFE, 0, [True] * 16),
        modbus.read_request(0xFE, 4, 0x03EE, 8),
    ],
    "modbus_float_total_energy": [modbus.read_request(1, 4, 0x0156, 2)],
    "modbus_prepaid_block": [modbus.read_request(1, 3, 0x1100, 21)],
    "modbus_temperature_humidity": [modbus.read_request(1, 4, 1, 2)],
}

# Register formats of the quantities the logs name.
ITEMS = {
    ("dlt645", item.quantity): item
    for item in (
        ByteItem(quantity="energy_active_forward", unit="kWh", format="XXXXXX.XX"),
        ByteItem(quantity="energy_active_total", unit="kWh", format="XXXXXX.XX", signed=True),
        ByteItem(quantity="voltage_a", unit="V", format="XXX.X"),
    )
} | {
    ("dlt645_1997", "voltage_a"): ByteItem(quantity="voltage_a", unit="V", format="XXXX"),
    ("cjt188", "water_volume"): ByteItem(quantity="water_volume", unit="m3", format="XXXXXX.XX"),
    ("cjt188", "water_volume_settlement"): ByteItem(quantity="water_volume_settlement", unit="m3", format="XXXXXX.XX", offset=5),
}


def test_every_log_is_tested():
    assert {path.stem for path in GOLDEN.glob("*.log") if not path.stem.startswith(TESTED_ELSEWHERE)} == set(REQUESTS)


@pytest.mark.parametrize("name", REQUESTS)
def test_log_names_its_source(name: str):
    comments = [entry.text for entry in read(name) if isinstance(entry, Comment)]

    assert any(text.startswith("source: ") for text in comments)


@pytest.mark.parametrize("name", REQUESTS)
def test_builders_make_exactly_the_bytes_sent(name: str):
    sent = [entry.data for entry in read(name) if isinstance(entry, Sent)]

    built = [frame if isinstance(frame, bytes) else frame.to_bytes(0) for frame in REQUESTS[name]]

    assert built == [data if name.startswith("modbus") else data.lstrip(b"\xfe") for data in sent]


@pytest.mark.parametrize("name", [name for name in REQUESTS if not name.startswith("modbus")])
def test_frames_mean_what_the_log_says(name: str):
    codec = dlt645 if name.startswith("dlt645") else cjt188

    for raw, request, values in frames(name):
        frame = codec.Frame.from_bytes(raw)
        assert frame.to_bytes(len(raw) - len(raw.lstrip(b"\xfe"))) == raw
        for value in values:
            assert meaning(name, value.name, frame, request and codec.Frame.from_bytes(request)) == value.value, value.name


def test_modbus_float_reply_means_what_the_log_says():
    ((request, _, _), (reply, _, values)) = frames("modbus_float_total_energy")

    registers = modbus.reply_registers(request, reply)

    assert [Value("registers", "".join(f"{word:04X}" for word in registers)), Value("f32", str(modbus.decode_number(registers, "f32")))] == values


def read(name: str) -> list[object]:
    return list(parse((GOLDEN / f"{name}.log").read_text(), name))


def frames(name: str) -> Iterator[tuple[bytes, bytes | None, list[Value]]]:
    """(bytes, the request they answer, stated values) of every frame in a log."""
    found: list[tuple[bytes, bytes | None, list[Value]]] = []
    request = None
    for entry in read(name):
        if isinstance(entry, Sent | Received):
            found.append((entry.data, request if isinstance(entry, Received) else None, []))
            request = entry.data if isinstance(entry, Sent) else request
        elif isinstance(entry, Value):
            found[-1][2].append(entry)
    return iter(found)


def meaning(name: str, word: str, frame, request) -> str:
    """What a frame says about one word of a log."""
    if word in (plain := plain_words(frame)):
        return plain[word]()
    if word == "refused":
        with pytest.raises(DeviceRefused) as refused:
            data_of(name, frame, request)
        return str(refused.value.details["reason"])
    data = data_of(name, frame, request)
    if word == "meter_time":
        second, minute, hour, day, month, year, century = (decode_bcd(bytes([byte])) for byte in data[10:17])
        return str(datetime(100 * century + year, month, day, hour, minute, second))
    if word == "status":
        return data[17:19].hex().upper()
    item = ITEMS["dlt645_1997" if name.endswith("1997") else name.partition("_")[0], word]
    raw = (decode_signed_bcd if item.signed else decode_bcd)(data[item.offset : item.offset + item.size])
    return str(int(raw * item.factor()))


def plain_words(frame) -> dict[str, Callable[[], str]]:
    return {"address": lambda: frame.address, "control": lambda: f"{frame.control:02X}", "data": lambda: frame.data.hex().upper()}


def data_of(name: str, frame, request) -> bytes:
    if name.startswith("cjt188"):
        return cjt188.reply_data(request, frame)
    return dlt645.reply_data(V97 if name.endswith("1997") else V07, request, frame).data

"""The address of the one device on a line: read from the payload, changed only when exactly the right device answers, read back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge_agent.drivers.address import AddressChange, read_address, write_address
from protocol.errors import NoReply, Refused

ITEM = {"quantity": "energy_active_forward", "unit": "kWh", "format": "XXXXXX.XX"}
OLD, NEW = "000102030425", "201600000017"


@pytest.fixture
def meter_2007(make_profile: Any) -> Any:
    return make_profile("dlt645_2007", [{**ITEM, "di": "00010000"}])


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text)[::-1]


def test_the_payload_tells_the_address_even_if_the_wildcard_is_left_in_the_field(meter_2007: Any, meter: Any, carry_out: Any) -> None:
    one = meter({}, on_write=lambda control, data: (0x93, _bytes(OLD)) if control == 0x13 else None)

    address, played = carry_out(read_address(meter_2007), one)

    assert address == OLD
    assert played.sent == [bytes.fromhex("68AAAAAAAAAAAA681300DF16")]  # published capture


def test_a_1997_meter_is_asked_by_its_identifier(make_profile: Any, carry_out: Any) -> None:
    profile = make_profile("dlt645_1997", [{**ITEM, "di": "9010"}])
    body = b"\x68" + _bytes(OLD) + b"\x68\x81\x08" + bytes((byte + 0x33) & 0xFF for byte in bytes.fromhex("32C0") + _bytes(OLD))

    address, played = carry_out(read_address(profile), lambda request: body + bytes([sum(body) & 0xFF, 0x16]))

    assert address == OLD
    assert played.sent[0][8:10] == b"\x01\x02"


def test_a_water_meter_is_asked_as_in_the_published_frame(make_profile: Any, carry_out: Any) -> None:
    item = {"di": "901F", "quantity": "water_volume", "unit": "m3", "format": "XXXXXX.XX", "unit_at": 4}
    profile = make_profile("cjt188", [item], meter_type="10", di_order="high_first", kind="water_meter")
    answer = bytes.fromhex("6810010000050800008303810A009716")

    address, played = carry_out(read_address(profile), lambda request: answer)

    assert address == "00000805000001"
    assert played.sent[0][:13] == bytes.fromhex("6810AAAAAAAAAAAAAA0303810A")  # the published one counts its requests behind it


def _writable(meter: Any, obeys: bool = True, refuses: bool = False) -> tuple[Any, list[str]]:
    held = [OLD]

    def on_write(control: int, data: bytes) -> tuple[int, bytes] | None:
        if control == 0x13:
            return 0x93, _bytes(held[0])
        if control == 0x15:
            held[0] = data[::-1].hex() if obeys else held[0]
            return (0xD5, b"\x04") if refuses else (0x95, b"")
        return None

    return meter({}, on_write=on_write), held


@pytest.mark.parametrize(("obeys", "refuses", "now"), [(True, False, NEW), (False, False, OLD), (True, True, NEW), (False, True, OLD)])
def test_what_the_meter_answers_with_afterwards_counts_not_its_reply(
    meter_2007: Any, meter: Any, carry_out: Any, obeys: bool, refuses: bool, now: str
) -> None:
    one, held = _writable(meter, obeys, refuses)

    change, played = carry_out(write_address(meter_2007, OLD, NEW), one)

    assert isinstance(change, AddressChange)
    assert (change.address, held[0], change.refusal is not None) == (now, now, refuses)
    assert [frame[8] for frame in played.sent] == [0x13, 0x13, 0x15, 0x13]


def test_nothing_is_written_when_another_meter_answers(meter_2007: Any, meter: Any, carry_out: Any) -> None:
    one, held = _writable(meter)

    with pytest.raises(Refused, match="000102030425 answers"):
        carry_out(write_address(meter_2007, "000000000099", NEW), one)
    assert held == [OLD]


def test_nothing_is_written_when_nobody_answers(meter_2007: Any, carry_out: Callable[..., Any]) -> None:
    with pytest.raises(NoReply):
        carry_out(write_address(meter_2007, OLD, NEW), lambda request: None)


def test_a_modbus_unit_has_neither(make_profile: Any, carry_out: Any) -> None:
    register = {"function": 3, "address": 0, "type": "u32", "scale": "0.01", "quantity": "energy_active_forward", "unit": "kWh"}
    profile = make_profile("modbus_rtu", [register])

    for procedure in (read_address(profile), write_address(profile, "1", "2")):
        with pytest.raises(Refused):
            carry_out(procedure, lambda request: None)

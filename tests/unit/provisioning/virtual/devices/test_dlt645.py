"""DL/T 645 meters against frames published elsewhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from provisioning.virtual.devices.dlt645 import find_request
from provisioning.virtual.devices.dlt645_1997 import Meter1997
from provisioning.virtual.devices.dlt645_2007 import Meter2007
from provisioning.virtual.instrument import Instrument

NOW_S = 1_790_000_000.0
TRIP = "68 11 11 11 11 11 11 68 1C 10 35 33 33 33 33 33 33 33 4D 33 33 33 33 33 33 33 06 16"


def meter(profile: Any, instrument: Instrument, address: str, **changes: Any) -> Meter2007:
    return Meter2007(profile("dlt645_2007"), instrument, address, preamble=0, **changes)


def frame(address: str, control: int, data: str) -> str:
    """A request built by the rules of the standard's clause 5.2, data before +33h."""
    body = bytes.fromhex(f"68 {bytes.fromhex(address)[::-1].hex()} 68 {control:02X}") + bytes((len(bytes.fromhex(data)),))
    body += bytes((byte + 0x33) & 0xFF for byte in bytes.fromhex(data))
    return (body + bytes((sum(body) & 0xFF, 0x16))).hex(" ").upper()


def test_published_energy_reply_is_given_byte_for_byte(profile: Any, instrument: Instrument, ask: Any) -> None:
    device = meter(profile, instrument, "000102030425", captured={"00010000": bytes.fromhex("42061200")})

    reply = ask(device, "68 25 04 03 02 01 00 68 11 04 33 33 34 33 E1 16")

    assert reply == "68 25 04 03 02 01 00 68 91 08 33 33 34 33 75 39 45 33 8B 16"


def test_published_voltage_reply_carries_four_wake_up_bytes(profile: Any, instrument: Instrument, ask: Any) -> None:
    device = Meter2007(profile("dlt645_2007"), instrument, "003411001043", captured={"02010100": bytes.fromhex("9722")})

    reply = ask(device, "FE FE FE FE 68 43 10 00 11 34 00 68 11 04 33 34 34 35 4D 16")

    assert reply == "FE FE FE FE 68 43 10 00 11 34 00 68 91 06 33 34 34 35 CA 55 EE 16"


def test_registers_follow_the_instrument_in_secondary_steps(profile: Any, instrument: Instrument, ask: Any) -> None:
    device = meter(profile, instrument, "000000000001", ct=20)
    energy_wh = instrument.value("energy_active_forward", NOW_S)

    reply = bytes.fromhex(ask(device, frame("000000000001", 0x11, "00 00 01 00")))

    shown = int(bytes((byte - 0x33) & 0xFF for byte in reply[14:18])[::-1].hex())
    assert shown == energy_wh // 20 // 10


def test_wildcard_address_read_tells_the_real_address(profile: Any, instrument: Instrument, ask: Any) -> None:
    reply = ask(meter(profile, instrument, "123456789012"), "68 AA AA AA AA AA AA 68 13 00 DF 16")

    assert reply is not None
    assert reply.startswith("68 12 90 78 56 34 12 68 93 06")
    assert bytes((byte - 0x33) & 0xFF for byte in bytes.fromhex(reply)[10:16]).hex() == "129078563412"


@pytest.mark.parametrize(("asked", "heard"), [("AAAAAAAAAA25", True), ("AAAAAAAA0425", True), ("AAAAAAAAAA26", False), ("000102030426", False)])
def test_shortened_and_foreign_addresses(profile: Any, instrument: Instrument, ask: Any, asked: str, heard: bool) -> None:
    reply = ask(meter(profile, instrument, "000102030425"), frame(asked, 0x11, "00 00 01 00"))

    assert (reply is not None) is heard


@pytest.mark.parametrize("change", [(-2, 0x01), (-1, 0x01), (9, 0x01), (7, 0x01)])
def test_damaged_requests_are_no_requests(change: tuple[int, int]) -> None:
    good = bytearray.fromhex("68 25 04 03 02 01 00 68 11 04 33 33 34 33 E1 16")

    good[change[0]] ^= change[1]

    assert find_request(bytes(good)) is None


def test_request_is_found_behind_noise_and_wake_up_bytes() -> None:
    noise, request = bytes.fromhex("00 68 31"), bytes.fromhex("FE FE 68 25 04 03 02 01 00 68 11 04 33 33 34 33 E1 16")

    assert find_request(noise + request) == (3, 3 + len(request))


def test_unknown_identifier_is_answered_no_such_data(profile: Any, instrument: Instrument, ask: Any) -> None:
    reply = ask(meter(profile, instrument, "000000000001"), frame("000000000001", 0x11, "00 01 00 05"))

    assert reply is not None
    assert reply.startswith("68 01 00 00 00 00 00 68 D1 01 35")


def test_block_is_its_items_in_order(profile: Any, instrument: Instrument, ask: Any) -> None:
    device = meter(profile, instrument, "000000000001", captured={"00010000": bytes.fromhex("01020304"), "00010100": bytes.fromhex("05060708")})

    reply = ask(device, frame("000000000001", 0x11, "00 FF 01 00"))

    assert bytes((byte - 0x33) & 0xFF for byte in bytes.fromhex(reply)[14:22]).hex() == "0102030405060708"


def test_long_data_comes_in_follow_up_frames(profile: Any, instrument: Instrument, ask: Any) -> None:
    device = meter(profile, instrument, "000000000001", captured={"00010000": bytes(range(20))}, max_data=12)
    collected, sequence, more = b"", 0, True

    while more:
        request = frame("000000000001", 0x12 if sequence else 0x11, "00 00 01 00" + (f"{sequence:02X}" if sequence else ""))
        reply = bytes.fromhex(ask(device, request))
        data = bytes((byte - 0x33) & 0xFF for byte in reply[10:-2])
        assert len(data) <= 12
        collected += data[4 : len(data) - (1 if sequence else 0)]
        more, sequence = bool(reply[8] & 0x20), sequence + 1

    assert (collected, sequence) == (bytes(range(20)), 3)


def test_published_broadcast_time_is_taken_in_silence(profile: Any, instrument: Instrument, ask: Any) -> None:
    device = meter(profile, instrument, "000000000001")
    instrument.set_clock(datetime(2017, 6, 5, 10, 20), NOW_S)

    reply = ask(device, "68 99 99 99 99 99 99 68 08 06 84 55 43 38 39 4A 4B 16")

    assert reply is None
    assert instrument.local_time(NOW_S).isoformat() == "2017-06-05T10:22:51"


@pytest.mark.parametrize(
    ("shows", "told", "followed"),
    [
        ("10:20:00", "51 22 10", True),
        ("10:17:50", "51 22 10", False),  # more than five minutes away
        ("23:57:00", "00 58 23", False),  # too near to midnight, before
        ("00:04:00", "00 05 00", False),  # and behind it
    ],
)
def test_broadcast_time_is_followed_only_a_little_way(profile: Any, instrument: Instrument, ask: Any, shows: str, told: str, followed: bool) -> None:
    device = meter(profile, instrument, "000000000001")
    instrument.set_clock(datetime.fromisoformat(f"2026-09-21T{shows}"), NOW_S)

    ask(device, frame("999999999999", 0x08, f"{told} 21 09 26"))

    assert (instrument.local_time(NOW_S).strftime("%H:%M:%S") != shows) is followed


def test_broadcast_time_is_followed_once_a_day(profile: Any, instrument: Instrument, ask: Any) -> None:
    device = meter(profile, instrument, "000000000001")
    instrument.set_clock(datetime(2026, 9, 21, 10, 20), NOW_S)

    ask(device, frame("999999999999", 0x08, "00 21 10 21 09 26"))
    ask(device, frame("999999999999", 0x08, "00 22 10 21 09 26"))

    assert instrument.local_time(NOW_S) == datetime(2026, 9, 21, 10, 21)


def test_published_trip_opens_the_relay_and_reads_back(profile: Any, instrument: Instrument, ask: Any) -> None:
    device = meter(profile, instrument, "151230011061", password="020637")

    done = ask(device, "68 61 10 01 30 12 15 68 1C 10 35 6A 39 35 34 33 33 33 4D 33 33 33 33 63 45 CC 2C 16")
    word = ask(device, frame("151230011061", 0x11, "03 05 00 04"))

    assert done == "68 61 10 01 30 12 15 68 9C 00 35 16"
    assert bytes((byte - 0x33) & 0xFF for byte in bytes.fromhex(word)[14:16]) == b"\x50\x00"


def test_published_close_closes_it_again(profile: Any, instrument: Instrument, ask: Any) -> None:
    device = meter(profile, instrument, "151230011061", password="020637")
    instrument.set_state("meter_relay_open", 1, NOW_S - 60)

    ask(device, "68 61 10 01 30 12 15 68 1C 10 35 6A 39 35 34 33 33 33 4E 33 33 33 33 63 45 CC 2D 16")

    assert instrument.on


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ("02 01 00 00 00000000 1A 00 000000000000", 0x04),  # wrong password
        ("04 00 00 00 00000000 1A 00 000000000000", 0x04),  # wrong level
        ("02 00 00 00 00000000 1A 00 244115120518", 0x01),  # valid until 2018
        ("02 00 00 00 00000000 77 00 000000000000", 0x01),  # no such order
    ],
)
def test_relay_order_that_must_not_pass(profile: Any, instrument: Instrument, ask: Any, data: str, error: int) -> None:
    reply = ask(meter(profile, instrument, "111111111111"), frame("111111111111", 0x1C, data))

    assert instrument.on
    assert bytes.fromhex(reply)[8:11] == bytes((0xDC, 1, error + 0x33))


def test_keep_power_refuses_to_trip(profile: Any, instrument: Instrument, ask: Any) -> None:
    device = meter(profile, instrument, "111111111111")
    ask(device, frame("111111111111", 0x1C, "02 00 00 00 00000000 3A 00 000000000000"))

    reply = ask(device, TRIP)

    assert bytes.fromhex(reply)[8] == 0xDC
    assert instrument.on


def test_published_1997_voltage(profile: Any, instrument: Instrument, ask: Any) -> None:
    device = Meter1997(profile("dlt645_1997"), instrument, "000000000003", captured={"B611": bytes.fromhex("0001")}, preamble=0)

    reply = ask(device, "68 03 00 00 00 00 00 68 01 02 44 E9 03 16")

    assert reply == "68 03 00 00 00 00 00 68 81 04 44 E9 33 34 EC 16"


def test_1997_meter_continues_long_data(profile: Any, instrument: Instrument, ask: Any) -> None:
    device = Meter1997(profile("dlt645_1997"), instrument, "000000000003", captured={"901F": bytes(range(9))}, preamble=0, max_data=8)

    first = bytes.fromhex(ask(device, frame("000000000003", 0x01, "1F 90")))
    rest = bytes.fromhex(ask(device, frame("000000000003", 0x02, "1F 90")))

    assert (first[8], rest[8]) == (0xA1, 0x82)
    assert bytes((byte - 0x33) & 0xFF for byte in first[12:-2] + rest[12:-2]) == bytes(range(9))


def test_1997_meter_is_silent_to_2007_requests(profile: Any, instrument: Instrument, ask: Any) -> None:
    device = Meter1997(profile("dlt645_1997"), instrument, "000000000003")

    assert ask(device, frame("000000000003", 0x11, "00 00 01 00")) is None

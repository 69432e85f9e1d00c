"""Devices together on a line, whole exchanges in virtual time: addressing, delays, and each fault as the master sees it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from protocol.site_plan import VirtualFault
from provisioning.virtual.bus import DLT645, MODBUS, Bus, Unit
from provisioning.virtual.devices.dlt645_2007 import Meter2007
from provisioning.virtual.devices.modbus import ModbusUnit, crc16
from provisioning.virtual.instrument import Instrument
from provisioning.virtual.line import LineModel, LineSettings, Release
from provisioning.virtual.line_stats import LineStats
from provisioning.virtual.physics import Load, Shape

NOW_S = 1_790_000_000.0
BYTE_S = 11 / 2400
READ = bytes.fromhex("68 01 00 00 00 00 00 68 11 04 33 33 34 33 B3 16")
READ_ADDRESS = bytes.fromhex("68 AA AA AA AA AA AA 68 13 00 DF 16")


class Rig:
    """A line with meters 1..n and a Modbus unit, all in virtual time."""

    def __init__(self, profile: Any, meters: int = 1, faults: tuple[VirtualFault, ...] = ()) -> None:
        units = [self.meter(profile, number, faults) for number in range(1, meters + 1)]
        one = Instrument(7, "mb", Load(7, "mb", Shape.OFFICE, 900_000))
        units.append(Unit("mb", MODBUS, ModbusUnit(profile("modbus_rtu"), one, "104"), (20, 60), random.Random(3)))
        self.bus = Bus(units, lambda: NOW_S)
        self.stats = LineStats(BYTE_S, 0.03)
        self.model = LineModel(LineSettings(2400, 11, 0.03, 3.5 * BYTE_S), self.bus, self.stats)

    def meter(self, profile: Any, number: int, faults: tuple[VirtualFault, ...]) -> Unit:
        one = Instrument(7, f"m{number}", Load(7, f"m{number}", Shape.DORM, 300_000))
        device = Meter2007(profile("dlt645_2007"), one, str(number))
        return Unit(f"m{number}", DLT645, device, (20, 60), random.Random(number), faults, timeout_s=1.0)

    def ask(self, request: bytes, at_s: float = 0.0, until_s: float = 5.0) -> list[Release]:
        """Send a request and collect what comes back until then."""
        self.model.receive(at_s, request)
        releases: list[Release] = []
        while (due_s := self.model.next_at()) is not None and due_s <= at_s + until_s:
            releases += self.model.advance(due_s)
        return releases


def text(releases: list[Release]) -> bytes:
    return b"".join(release.data for release in releases)


def test_one_of_many_meters_answers(profile: Any) -> None:
    rig = Rig(profile, meters=30)

    received = text(rig.ask(READ))

    assert received.startswith(bytes.fromhex("FE FE FE FE 68 01 00 00 00 00 00 68 91 08"))
    assert rig.stats.exchanges[0].device == "m1"


def test_foreign_address_is_met_with_silence(profile: Any) -> None:
    rig = Rig(profile)

    assert rig.ask(bytes.fromhex("68 02 00 00 00 00 00 68 11 04 33 33 34 33 B4 16")) == []
    assert rig.stats.outcomes == {"silent": 1}


def test_wildcard_with_one_meter_is_clean_and_with_many_is_a_collision(profile: Any) -> None:
    alone, crowd = Rig(profile, meters=1), Rig(profile, meters=3)

    alone.ask(READ_ADDRESS)
    crowd.ask(READ_ADDRESS)

    assert alone.stats.outcomes == {"answered": 1}
    assert crowd.stats.outcomes == {"damaged": 1}


def test_both_protocols_live_on_one_line(profile: Any) -> None:
    rig = Rig(profile)
    request = bytes.fromhex("68 01 00 00 00 02")  # unit 104 is the byte a DL/T 645 frame begins with

    received = text(rig.ask(request + crc16(request)))

    assert received[:3] == bytes.fromhex("68 01 01")
    assert rig.stats.outcomes == {"answered": 1}


def test_delays_stay_in_range_but_for_a_tail(profile: Any) -> None:
    rig = Rig(profile)
    for number in range(300):
        rig.ask(READ, at_s=number * 5.0)

    delays = sorted(exchange.td_s for exchange in rig.stats.exchanges)

    assert delays[0] >= 0.020
    assert delays[280] <= 0.061
    assert 0.061 < delays[-1] <= 0.100


def test_same_seed_gives_the_same_day(profile: Any) -> None:
    first, second = Rig(profile), Rig(profile)

    assert [first.ask(READ, at_s=at) for at in (0.0, 5.0)] == [second.ask(READ, at_s=at) for at in (0.0, 5.0)]


def test_dead_meter_is_silent_and_does_not_act(profile: Any) -> None:
    rig = Rig(profile, faults=(VirtualFault(kind="dead"),))

    assert rig.ask(READ) == []


def test_slow_meter_answers_late_but_well(profile: Any) -> None:
    rig = Rig(profile, faults=(VirtualFault(kind="slow", delay_ms=300),))

    rig.ask(READ)

    assert rig.stats.exchanges[0].td_s >= 0.32
    assert rig.stats.outcomes == {"answered": 1}


def test_late_reply_comes_after_the_masters_time_out(profile: Any) -> None:
    rig = Rig(profile, faults=(VirtualFault(kind="late_reply"),))

    releases = rig.ask(READ)

    assert releases[0].at_s > len(READ) * BYTE_S + 1.0


def test_wrong_checksum_differs_in_one_byte(profile: Any) -> None:
    good, bad = text(Rig(profile).ask(READ)), text(Rig(profile, faults=(VirtualFault(kind="wrong_checksum"),)).ask(READ))

    assert [place for place in range(len(good)) if good[place] != bad[place]] == [len(good) - 2]


def test_noise_stands_before_or_inside_the_reply(profile: Any) -> None:
    rig, good = Rig(profile, faults=(VirtualFault(kind="noisy"),)), text(Rig(profile).ask(READ))

    received = [text(rig.ask(READ, at_s=number * 5.0)) for number in range(20)]

    assert good not in received
    assert any(one.endswith(good) for one in received)
    assert any(len(one) == len(good) for one in received)


def test_echo_hands_the_request_back_first(profile: Any) -> None:
    received = text(Rig(profile, faults=(VirtualFault(kind="echoing"),)).ask(READ))

    assert received == READ + text(Rig(profile).ask(READ))


def test_duplicate_address_collides(profile: Any) -> None:
    rig = Rig(profile, faults=(VirtualFault(kind="duplicate_address"),))

    received = text(rig.ask(READ))

    assert text(Rig(profile).ask(READ)) not in received
    assert rig.stats.outcomes == {"damaged": 1}


def test_share_spoils_some_exchanges_only(profile: Any) -> None:
    rig = Rig(profile, faults=(VirtualFault(kind="wrong_checksum", share=0.3),))
    for number in range(200):
        rig.ask(READ, at_s=number * 5.0)

    assert rig.stats.outcomes["damaged"] == pytest.approx(60, abs=25)
    assert rig.stats.outcomes.total() == 200


def test_babbling_meter_sends_unasked_until_healed(profile: Any) -> None:
    rig = Rig(profile)
    rig.bus.set_faults("m1", (VirtualFault(kind="babbling", delay_ms=500),))

    at_s = 10.0
    babbled = [release for step in range(400) for release in rig.model.advance(at_s + step / 100)]
    rig.bus.set_faults("m1", ())
    quiet = [release for step in range(400, 1_000) for release in rig.model.advance(at_s + step / 100)]

    assert len(text(babbled)) > 8
    assert all(release.at_s < at_s + 4.2 for release in quiet)


def baud_order(z: int) -> bytes:
    body = bytes.fromhex("68 01 00 00 00 00 00 68 17 01") + bytes(((z + 0x33) & 0xFF,))
    return body + bytes((sum(body) & 0xFF, 0x16))


def test_meter_answers_at_the_old_speed_and_then_only_at_the_new_one(profile: Any) -> None:
    rig = Rig(profile)
    rig.bus = Bus(list(rig.bus.units.values()), lambda: NOW_S, 2400)
    rig.model = LineModel(LineSettings(2400, 11, 0.03, 3.5 * BYTE_S), rig.bus, rig.stats)

    told = text(rig.ask(baud_order(0x20)))
    old = text(rig.ask(READ, 10.0))
    readable = rig.model.at_speed(9600)
    new = rig.ask(READ, 20.0)

    assert told[-3:] == bytes((0x53, sum(told[4:-2]) & 0xFF, 0x16))
    assert (old, readable) == (b"", True)
    assert text(new)[12:14] == bytes.fromhex("91 08")
    assert new[-1].at_s - 20.0 < 0.06 + (len(READ) + 24 + 1) * 11 / 9600  # four times as fast
    assert not rig.model.at_speed(4800)


def test_speed_nobody_used_is_given_up(profile: Any) -> None:
    now = [NOW_S]
    unit = Rig(profile).meter(profile, 1, ())
    bus = Bus([unit], lambda: now[0], 2400)
    bus.hear(baud_order(0x20), closed=True)

    speeds = []
    for now[0] in (NOW_S + 60, NOW_S + 61):
        speeds.append(unit.speed(2400, now[0]))

    assert speeds == [9600, 2400]


def test_meter_is_found_under_the_address_it_was_given(profile: Any) -> None:
    rig = Rig(profile, meters=2)
    body = bytes.fromhex("68 01 00 00 00 00 00 68 15 06") + bytes((byte + 0x33) & 0xFF for byte in bytes.fromhex("090000000000"))
    rig.ask(body + bytes((sum(body) & 0xFF, 0x16)))

    again = bytearray(READ)
    again[1], again[-2] = 0x09, (READ[-2] + 8) & 0xFF

    assert text(rig.ask(READ, 10.0)) == b""
    assert text(rig.ask(bytes(again), 20.0)).startswith(bytes.fromhex("FE FE FE FE 68 09"))


def test_gateway_answers_in_place_of_a_modbus_device(profile: Any) -> None:
    rig = Rig(profile)
    rig.bus.set_faults("mb", (VirtualFault(kind="gateway_timeout"),))
    request = bytes.fromhex("68 03 00 00 00 02")

    received = text(rig.ask(request + crc16(request)))

    assert received[:3] == bytes.fromhex("68 83 0B")
    assert received[3:] == crc16(received[:3])

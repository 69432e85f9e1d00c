"""What is heard on a line, told in words: against public captures, damage and look-alikes."""

from __future__ import annotations

import random
from typing import Any

import pytest


def test_energy_is_read_out_of_a_public_capture(hear: Any, captured: Any) -> None:
    asked, answered = hear(*captured("dlt645_02_energy.log"))[:2]

    assert (asked.speaker, asked.address, asked.protocol) == ("master", "000102030425", "dlt645_2007")
    assert answered.speaker == "device"
    assert ("energy_active_forward", 1_206_420) in answered.values


def test_voltage_of_a_1997_meter_is_told_as_such(hear: Any, captured: Any) -> None:
    _, answered = hear(*captured("dlt645_17_voltage_1997.log"))

    assert answered.protocol == "dlt645_1997"
    assert answered.values == (("voltage_a", 100_000),)


def test_trip_names_the_command_and_never_the_password(hear: Any, captured: Any) -> None:
    asked, _ = hear(*captured("dlt645_08_trip.log"))

    assert "trip" in asked.what
    assert "020637" not in asked.what
    assert "password sent" in asked.what


def test_broadcast_time_is_read_as_a_time(hear: Any, captured: Any) -> None:
    [asked] = hear(*captured("dlt645_14_broadcast_time.log"))

    assert "2017-06-05 10:22:51" in asked.what


@pytest.mark.parametrize("name", ["cjt188_01_read_low_first.log", "cjt188_04_read_high_first.log"])
def test_water_volume_is_read_in_either_order_of_the_identifier(hear: Any, captured: Any, name: str) -> None:
    _, answered = hear(*captured(name))

    assert answered.protocol == "cjt188"
    assert "901F" in answered.what
    assert dict(answered.values)["water_volume"] in (556_677_000, 0)


def test_modbus_registers_have_names_when_the_unit_is_known(hear: Any) -> None:
    found = hear(bytes.fromhex("0104015600029027"), bytes.fromhex("01040443663334 1B38"), units={1: "eastron/sdm120"})

    assert [one.speaker for one in found] == ["master", "device"]
    assert dict(found[1].values) == {"energy_active_total": 230_200}


def test_a_write_of_one_coil_and_its_equal_answer_are_told_apart(hear: Any) -> None:
    on = bytes.fromhex("010500 00FF008C3A")

    assert [one.speaker for one in hear(on, on)] == ["master", "device"]


def test_a_repeated_read_is_no_answer(hear: Any) -> None:
    read = bytes.fromhex("0103110000158139")

    assert [one.speaker for one in hear(read, read)] == ["master", "master"]


def test_a_refusal_is_told_with_its_reason(hear: Any, captured: Any) -> None:
    [heard] = [one for one in hear(*captured("dlt645_24_refused.log")) if not one.ok]

    assert heard.speaker == "device"
    assert "refused" in heard.what


def test_any_cut_of_the_stream_gives_the_same_sentences(hear: Any, captured: Any) -> None:
    stream = b"\xfe\xfe".join([*captured("dlt645_02_energy.log"), *captured("cjt188_01_read_low_first.log")])
    whole = [one.what for one in hear(stream)]

    for seed in range(20):
        rng = random.Random(seed)
        cuts = sorted({rng.randrange(len(stream)) for _ in range(9)})
        pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        assert [one.what for one in hear(*pieces)] == whole


def test_damage_is_noise_and_the_frame_behind_it_is_heard(hear: Any, captured: Any) -> None:
    good = captured("dlt645_02_energy.log")[0]
    bad = good[:-2] + bytes([good[-2] ^ 1]) + good[-1:]

    damaged, heard = hear(b"\x12\x34" + bad + good)

    assert (damaged.speaker, len(damaged.data)) == ("noise", 2 + len(bad))
    assert heard.data == good


def test_preamble_is_no_noise(hear: Any, captured: Any) -> None:
    good = captured("dlt645_02_energy.log")[0]

    assert [one.speaker for one in hear(b"\xfe" * 30 + good)] == ["master"]


def test_garbage_of_any_kind_only_makes_noise(hear: Any) -> None:
    for seed in range(50):
        garbage = random.Random(seed).randbytes(400)
        assert sum(len(one.data) for one in hear(garbage)) + garbage.count(0xFE) >= len(garbage)

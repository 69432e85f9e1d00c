"""The virtual M-Bus meter: reset, selection, frame count bit, telegrams. Frames are written as hex; sums follow EN 13757-2."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.profile import ProfileMbus
from provisioning.virtual.devices.mbus import MeterMbus, find_request, long_frame
from provisioning.virtual.instrument import Instrument
from provisioning.virtual.physics import Load, Shape

NOW_S = 1_790_000_000.0
TEXT = {"zh": "表", "en": "Meter"}
SELECT = "68 0B 0B 68 53 FD 52 78 56 34 12 FF FF FF FF B2 16"


def meter(by: str = "secondary", address: str = "12345678", most_records: int = 24) -> MeterMbus:
    profile = ProfileMbus.model_validate(
        {
            "schema": 1,
            "profile": "test/mbus",
            "name": TEXT,
            "maker": TEXT,
            "model": "M",
            "kind": "water_meter",
            "source": "made for tests",
            "verified": "draft",
            "serial": {"baud": 2400, "parity": "E"},
            "groups": {"energy": 900},
            "protocol": "mbus",
            "by": by,
            "items": [
                {"measures": "volume", "quantity": "water_volume", "unit": "m3"},
                {"measures": "volume", "storage": 35, "tariff": 2, "subunit": 1, "quantity": "water_volume_settlement", "unit": "m3"},
                {"measures": "flow_temperature", "quantity": "water_temperature", "unit": "°C"},
            ],
        }
    )
    return MeterMbus(profile, Instrument(7, "tap", Load(7, "tap", Shape.WATER, 40_000)), address, most_records=most_records)


def test_reset_is_acknowledged_by_the_asked_address_only(ask: Any) -> None:
    device = meter("primary", "5")

    assert ask(device, "10 40 05 45 16") == "E5"
    assert ask(device, "10 40 06 46 16") is None


def test_broadcast_is_obeyed_in_silence(ask: Any) -> None:
    assert ask(meter("primary", "5"), "10 40 FF 3F 16") is None


def test_selected_meter_answers_at_253_and_the_others_do_not(ask: Any) -> None:
    one, other = meter(), meter(address="87654321")

    assert (ask(one, SELECT), ask(other, SELECT)) == ("E5", None)
    assert ask(one, "10 7B FD 78 16") is not None
    assert ask(other, "10 7B FD 78 16") is None


def test_selecting_another_meter_ends_the_selection(ask: Any) -> None:
    device = meter()
    ask(device, SELECT)

    assert ask(device, "68 0B 0B 68 53 FD 52 21 43 65 87 FF FF FF FF EE 16") is None
    assert ask(device, "10 7B FD 78 16") is None


@pytest.mark.parametrize(
    ("mask", "fits"),
    [("78 56 34 F2 FF FF FF FF", True), ("FF FF FF FF 35 4D 01 16", True), ("FF FF FF FF 35 4D 02 16", False), ("79 56 34 12 FF FF FF FF", False)],
)
def test_selection_masks(ask: Any, mask: str, fits: bool) -> None:
    frame = long_frame(0x53, 0xFD, 0x52, bytes.fromhex(mask)).hex(" ")

    assert (ask(meter(), frame) == "E5") is fits


def test_same_frame_count_bit_repeats_the_answer_and_the_other_goes_on(ask: Any) -> None:
    device = meter("primary", "5", most_records=2)
    ask(device, "10 40 05 45 16")

    first, again, second = (ask(device, frame) for frame in ("10 7B 05 80 16", "10 7B 05 80 16", "10 5B 05 60 16"))

    assert first == again
    assert first != second
    assert first.split()[-3] == "1F"


def test_reset_leads_back_to_the_first_telegram(ask: Any) -> None:
    device = meter("primary", "5", most_records=2)
    ask(device, "10 7B 05 80 16")
    second = ask(device, "10 5B 05 60 16")
    ask(device, "10 40 05 45 16")

    first = ask(device, "10 7B 05 80 16")

    assert first.split()[19:21] == ["0C", "78"]  # the fabrication number stands first
    assert second.split()[19:21] != ["0C", "78"]


def test_head_and_records_are_those_of_the_standard(ask: Any) -> None:
    device = meter()
    device.instrument.set_state("water_volume", 12_345_678, NOW_S)
    device.instrument.set_state("water_volume_settlement", 999, NOW_S)
    device.instrument.set_state("water_temperature", -5_300, NOW_S)
    ask(device, SELECT)

    reply = ask(device, "10 7B FD 78 16")

    assert reply.startswith("68 37 37 68 08 00 72 78 56 34 12 35 4D 01 16 01 00 00 00 0C 78 78 56 34 12 04 6D 0D 16 55 39")
    for record in ("0C 13 78 56 34 12", "CC E1 01 13 99 09 00 00", "02 5A CB FF", "42 6C 5F 38", "02 FD 17 00 00 0F"):
        assert record in reply, record


def test_busy_meter_says_so(ask: Any) -> None:
    device = meter("primary", "5")
    device.busy = True

    assert ask(device, "10 7B 05 80 16") == "68 04 04 68 08 05 70 08 85 16"


def test_primary_address_can_be_written(ask: Any) -> None:
    device = meter()

    assert ask(device, "68 06 06 68 53 FE 51 01 7A 08 25 16") == "E5"
    assert device.key == b"\x08"
    assert ask(device, "10 40 08 48 16") == "E5"


@pytest.mark.parametrize(
    ("burst", "found"),
    [
        ("10 40 05 45 16", (0, 5)),
        ("00 68 10 40 05 45 16", (2, 7)),
        ("10 40 05 46 16", None),
        (SELECT, (0, 17)),
        (SELECT[:20], None),
        ("68 0B 0B 68 53 10 40 05 45 16", None),  # a long frame still arriving, whatever stands in it
        ("10 08 05 0D 16", None),  # from a slave
    ],
)
def test_frames_of_a_master_are_found(burst: str, found: tuple[int, int] | None) -> None:
    assert find_request(bytes.fromhex(burst)) == found

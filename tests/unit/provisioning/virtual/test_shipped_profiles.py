"""Every shipped profile can be run as a device, and answers each of its own identifiers and registers."""

from __future__ import annotations

import pytest

from firmware_profiles.loader import load_profiles
from protocol.profile import AnyProfile, Profile188, Profile1997, Profile2007, ProfileMbus, ProfileModbus
from protocol.site_plan import Device
from provisioning.virtual.devices.cjt188 import WaterMeter188
from provisioning.virtual.devices.modbus import ModbusUnit, crc16
from provisioning.virtual.site import SiteFacts, build_unit

NOW_S = 1_790_000_000.0
FACTS = SiteFacts(seed=1, utc_offset_s=28_800, epoch_s=NOW_S)
PROFILES = load_profiles().profiles


def requests(profile: AnyProfile) -> list[bytes]:
    """One read request per identifier, block or register item, for address 1."""
    match profile:
        case Profile2007() | Profile1997():
            read = 0x11 if isinstance(profile, Profile2007) else 0x01
            names = [item.di for item in profile.items] + [block.di for block in profile.blocks]
            return [frame_645(read, bytes.fromhex(name)[::-1]) for name in names]
        case Profile188():
            di = bytes.fromhex("901F" if profile.di_order == "high_first" else "1F90")
            body = bytes.fromhex(f"68 {profile.meter_type} 01000000000000 01 03") + di + b"\x00"
            return [body + bytes((sum(body) % 256, 0x16))]
        case ProfileModbus():
            bodies = [bytes((1, item.function)) + item.address.to_bytes(2, "big") + item.count.to_bytes(2, "big") for item in profile.items]
            return [body + crc16(body) for body in bodies]


def frame_645(control: int, di: bytes) -> bytes:
    body = bytes.fromhex("68 010000000000 68") + bytes((control, len(di), *((byte + 0x33) % 256 for byte in di)))
    return body + bytes((sum(body) % 256, 0x16))


@pytest.mark.parametrize("key", sorted(key for key in PROFILES if not isinstance(PROFILES[key], ProfileMbus)))  # M-Bus: everything is one answer
def test_shipped_profile_answers_everything_it_declares(key: str) -> None:
    profile = PROFILES[key]
    device = Device(id="d1", profile=key, address="1", place="p")
    responder = build_unit(device, profile, None, FACTS).responder

    replies = [responder.respond(request, NOW_S) for request in requests(profile)]

    refused = 0x40 if not isinstance(responder, ModbusUnit) else 0x80
    place = 1 if isinstance(responder, ModbusUnit) else 11 if isinstance(responder, WaterMeter188) else 12
    assert replies
    assert [reply for reply in replies if reply is None or reply[place] & refused] == []

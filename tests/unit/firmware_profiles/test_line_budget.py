"""What polling costs: a full line of one profile's meters must leave room for commands, recharges, logs and repeats.

A read takes 20 bytes out and 20 + n back (four FE both ways), the meter waits 50 ms and the line rests 30 ms. A Modbus read takes 8 out and 5 + n
back. The meters of one line: 64 where each is a room's, 32 where each is a floor's.
"""

from __future__ import annotations

import pytest

from edge_agent.drivers.plan import Memory, Request, plan
from firmware_profiles.loader import load_profiles
from protocol.profile import AnyProfile, DeviceKind, Profile188, Profile1997, Profile2007
from protocol.profile_items import ByteItem
from protocol.site_plan import Device

PROFILES = {
    key: profile
    for key, profile in load_profiles(strict=True).items()
    if isinstance(profile, Profile2007 | Profile1997 | Profile188) and profile.kind is DeviceKind.ELECTRICITY_METER
}
DELAY_AND_GAP_S = 0.08
MOST = 0.5


def _seconds(request: Request, profile: AnyProfile) -> float:
    ends = [one.offset + one.item.size for one in request.fields if isinstance(one.item, ByteItem)]
    return (40 + max(ends)) * profile.serial.bits_per_byte / profile.serial.baud + DELAY_AND_GAP_S


def _share(profile: AnyProfile, meters: int) -> float:
    """The part of the time that the polling of so many meters keeps the line busy."""
    device = Device(id="one", profile=profile.profile, address="000102030425", place="room")
    return meters * sum(
        sum(_seconds(request, profile) for request in plan(profile, device, [item for item in profile.items if item.group == group], Memory(), 0.0))
        / period_s
        for group, period_s in profile.groups.items()
    )


@pytest.mark.parametrize("key", PROFILES)
def test_full_line_is_polled_in_half_its_time(key: str) -> None:
    profile = PROFILES[key]

    assert _share(profile, 64 if profile.phases == 1 else 32) <= MOST


@pytest.mark.parametrize("key", PROFILES)
def test_what_seldom_changes_is_read_once_a_day(key: str) -> None:
    profile = PROFILES[key]

    limits = [item for item in profile.items if "limit" in item.quantity or item.quantity.startswith("alarm_")]
    assert all(profile.groups[item.group] == 86_400 for item in limits)

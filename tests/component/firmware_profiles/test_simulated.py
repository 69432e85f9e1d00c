"""What `verified: simulated` claims: our driver reads every quantity of the profile from the virtual device, and every command takes effect."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest

from edge_agent.drivers.driver import driver_for
from edge_agent.drivers.plan import Memory, plan
from firmware_profiles.loader import load_profiles
from protocol.profile import AnyProfile, Verified
from protocol.profile_items import AnyItem, RegisterItem
from protocol.site_plan import Device
from provisioning.virtual.bus import Unit
from provisioning.virtual.site import SiteFacts, build_unit

REGISTRY = load_profiles(strict=True)
PLAYED = sorted(key for key, profile in REGISTRY.items() if profile.verified is not Verified.DRAFT)
NOW = 1_790_000_000.0
FACTS = SiteFacts(seed=7, utc_offset_s=8 * 3600, epoch_s=NOW - 86_400)
_F32_STEPS = 2**23  # a 32-bit float tells this many values apart between two powers of two


def _device(profile: AnyProfile) -> Device:
    digits = {"modbus_rtu": "17", "cjt188": "00112233445566", "mbus": "17"}.get(profile.protocol.value, "000102030425")
    if getattr(profile, "by", "") == "secondary":
        digits = "00112233"
    return Device(id="one", profile=profile.profile, address=digits, place="room")


def _read(profile: AnyProfile, device: Device, unit: Unit) -> dict[str, int]:
    driver = driver_for(profile)
    values: dict[str, int] = {}
    for request in plan(profile, device, profile.items, Memory(), NOW):
        replies: list[object] = []
        while (asked := driver.transaction(request, replies)) is not None:
            answer = unit.responder.respond(asked.request, NOW) if unit.responder.means(asked.request) else None
            assert answer is not None, request.key
            [reply] = [frame for frame in asked.decoder.feed(answer) if asked.accept(frame)]
            replies.append(reply)
        decoded = driver.decode(request, replies)
        assert decoded.bad == ()
        values.update(decoded.values)
    return values


def _step(item: AnyItem, truth: int) -> Fraction:
    """The coarsest honest difference between a device's truth and its register."""
    if isinstance(item, RegisterItem) and item.type == "f32":
        return Fraction(abs(truth), _F32_STEPS) + 1
    return abs(item.factor())


@pytest.mark.parametrize("key", PLAYED)
def test_driver_reads_every_quantity_from_the_virtual_device(key: str) -> None:
    profile = REGISTRY[key]
    device = _device(profile)
    unit = build_unit(device, profile, None, FACTS)

    values = _read(profile, device, unit)

    assert sorted(values) == sorted(item.quantity for item in profile.items)
    for item in profile.items:
        truth = unit.responder.instrument.value(item.quantity, NOW)
        assert abs(values[item.quantity] - truth) <= _step(item, truth), item.quantity


@pytest.mark.parametrize("key", [key for key in PLAYED if REGISTRY[key].commands])
def test_every_command_is_proved_by_its_reading(key: str, write_frame: Callable[..., bytes]) -> None:
    profile = REGISTRY[key]
    device = _device(profile)
    unit = build_unit(device, profile, None, FACTS)

    for command in (*profile.commands, *profile.commands[:1]):
        assert unit.responder.respond(write_frame(profile, device.address, command), NOW) is not None
        assert _read(profile, device, unit)[command.confirm.quantity] == command.confirm.value, command.name


def test_something_is_played() -> None:
    assert PLAYED

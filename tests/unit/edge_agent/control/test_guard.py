"""The guard as a table: which command may be carried out, by which facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.control.guard import MAX_OPEN, SWITCH_EVERY_S, Facts, judge, left_s, output_of
from firmware_profiles.loader import load_profiles
from protocol.command import Command

PROFILES = load_profiles()
RELAY, METER, VALVE = (
    PROFILES[name] for name in ("generic/lighting_relay_4ch", "generic/dlt645_2007_single_phase", "generic/cjt188_cold_water_valve")
)
ISSUED_MS = 1_800_000_000_000
EXPIRES_MS = ISSUED_MS + 30_000
ID = "00000000-0000-4000-8000-000000000001"
FINE = Facts(now_ms=ISSUED_MS + 1_000, left_s=20.0, on_line=True, profile=RELAY)


def command(kind: str = "switch", **more: object) -> Command:
    facts = {"id": ID, "kind": kind, "key": "k", "device": "relay", "command": "relay_1_on", "requested_by": "anna"}
    return Command.model_validate({**facts, "issued_at_ms": ISSUED_MS, "expires_at_ms": EXPIRES_MS, **more})


@pytest.mark.parametrize(
    ("asked", "facts", "code"),
    [
        (command(), FINE, None),
        (command("read"), replace(FINE, profile=None), None),
        (command("frames", device=None, line="l1"), FINE, None),
        (command(), replace(FINE, now_ms=EXPIRES_MS - 1), None),
        (command(), replace(FINE, now_ms=EXPIRES_MS), "expired"),
        (command(), replace(FINE, left_s=0.0), "expired"),
        (command(), replace(FINE, now_ms=None, left_s=0.001), None),
        (command(), replace(FINE, now_ms=None, left_s=0.0), "expired"),
        (command(), replace(FINE, left_s=None), None),
        (command(), replace(FINE, now_ms=None, left_s=None), "clock_unsure"),
        (command(), replace(FINE, open=MAX_OPEN - 1), None),
        (command(), replace(FINE, open=MAX_OPEN), "busy"),
        (command("dance"), FINE, "unknown_kind"),
        (command("read", device=None), FINE, "incomplete"),
        (command("switch", device=None, line="l1"), FINE, "incomplete"),
        (command("read"), replace(FINE, on_line=False), "unknown_device"),
        (command(command="relay_9_on"), FINE, "unknown_command"),
        (command(command=None), FINE, "unknown_command"),
        (command(), replace(FINE, profile=None), "unknown_command"),
        (command(command="meter_disconnect"), replace(FINE, profile=METER), "password_needed"),
        (command(command="valve_close"), replace(FINE, profile=VALVE), None),
        (command(), replace(FINE, forgetful=True), "forgetful"),
        (command("read"), replace(FINE, forgetful=True), None),
        (command(), replace(FINE, under_way=True), "under_way"),
        (command(), replace(FINE, switched_s=SWITCH_EVERY_S - 0.1), "too_soon"),
        (command(), replace(FINE, switched_s=SWITCH_EVERY_S), None),
        (command("read"), replace(FINE, switched_s=0.0, under_way=True), None),
    ],
)
def test_guard(asked, facts, code):
    refusal = judge(asked, facts)

    assert (refusal.code if refusal else None) == code
    if refusal is not None:
        assert refusal.state == ("expired" if code in ("expired", "clock_unsure") else "refused")
        assert refusal.message


@pytest.mark.parametrize(
    ("now_ms", "broker_s", "left"),
    [(EXPIRES_MS - 5_000, None, 5.0), (EXPIRES_MS - 5_000, 3.0, 3.0), (EXPIRES_MS - 5_000, 9.0, 5.0), (None, 3.0, 3.0), (None, None, 0.0)],
)
def test_time_left_is_the_stricter_of_clock_and_broker(now_ms, broker_s, left):
    assert left_s(command(), now_ms, broker_s) == left


def test_output_is_the_device_with_what_shows_it():
    assert output_of(command(), RELAY) == ("relay", "relay_1")
    assert output_of(command(command="relay_1_off"), RELAY) == ("relay", "relay_1")
    assert output_of(command(command="relay_2_on"), RELAY) == ("relay", "relay_2")
    assert output_of(command("read"), RELAY) is None

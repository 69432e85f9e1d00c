"""Asking: what is written with what, what is refused, what is the same."""

from __future__ import annotations

import pytest

from central.control import issue
from firmware_profiles.loader import load_profiles
from protocol.errors import Conflict, NotFound, Refused

NOW_MS = 1_800_000_000_000


def test_command_audit_and_history_stand_together(desk):
    command = desk.read(quantities=("voltage_a",))

    assert (command.state, command.gateway, command.line, command.expires_at_ms) == ("queued", "gw-1", "l1", NOW_MS + 30_000)
    assert [step.what for step in command.steps] == ["asked"]
    actor, action, target = desk.rows("select actor, action, target from audit order by audit_id desc limit 1")[0]
    assert (actor, action, target) == ("anna", "control.read", "meter")


def test_same_key_is_the_same_command_and_another_use_of_it_a_conflict(desk):
    first = desk.switch(key="key-of-anna")

    assert desk.switch(key="key-of-anna").id == first.id
    with pytest.raises(Conflict, match="was used for another command"):
        desk.switch("relay_2_on", key="key-of-anna")


def test_key_belongs_to_who_asks(desk):
    assert desk.switch("relay_1_on", "key-0001", actor="anna").id != desk.switch("relay_2_on", "key-0001", actor="ben").id


def test_read_that_waits_already_is_joined(desk):
    first = desk.read(actor="anna")

    assert desk.read(actor="ben").id == first.id
    assert desk.read(quantities=("voltage_a",)).id != first.id
    assert desk.rows("select count(*) from audit where action = 'control.read_joined' and actor = 'ben'") == [(1,)]


def test_switch_without_a_key_or_reason_is_refused(desk):
    with pytest.raises(Refused, match="Idempotency-Key"):
        desk.switch(key=None)
    with pytest.raises(ValueError, match="reason"):
        desk.switch(reason="no")


def test_output_is_switched_by_one_command_at_a_time(desk):
    desk.switch("relay_1_on", "key-0001")

    with pytest.raises(Conflict, match="being switched"):
        desk.switch("relay_1_off", "key-0002")
    assert desk.switch("relay_2_on", "key-0003").state == "queued"


def test_what_the_profile_lacks_or_locks_is_refused(desk):
    with pytest.raises(NotFound, match="relay_4_off"):
        desk.switch("explode")
    with pytest.raises(Refused, match="password"):
        desk.switch("meter_disconnect", device="meter")
    with pytest.raises(NotFound):
        desk.read("nobody")


def test_full_queue_of_a_gateway_is_told(desk, monkeypatch):
    monkeypatch.setattr(issue, "MAX_OPEN", 1)
    desk.read()

    with pytest.raises(Conflict, match="wait for gateway"):
        desk.read("relay")


def test_preview_says_what_would_change_and_writes_nothing(desk):
    profiles = load_profiles()
    preview = issue.preview_switch(desk.conn, profiles, "relay", "relay_1_on")
    locked = issue.preview_switch(desk.conn, profiles, "meter", "meter_disconnect")

    assert (preview.would, preview.quantity, preview.value, preview.shows) == ("change", "relay_1", 1, None)
    assert (locked.would, locked.why) == ("refused", "password_needed")
    assert desk.rows("select count(*) from command") == [(0,)]

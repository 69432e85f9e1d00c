"""Heartbeats in a line's bytes."""

from __future__ import annotations

import pytest

from edge_agent.lines.heartbeat import HeartbeatFilter

REPLY = bytes.fromhex("68 11 11 11 11 11 11 68 91 08 33 33 34 33 75 39 45 33 B1 16")


@pytest.mark.parametrize("at", range(len(REPLY) + 1))
def test_heartbeat_anywhere_in_a_reply_is_taken_out(at: int):
    beats = HeartbeatFilter(b"@beat@")

    assert beats.feed(REPLY[:at] + b"@beat@" + REPLY[at:]) + beats.release() == REPLY
    assert beats.heartbeats == 1


@pytest.mark.parametrize("cut", range(1, 6))
def test_heartbeat_cut_in_two_is_taken_out(cut: int):
    beats = HeartbeatFilter(b"@beat@")

    first = beats.feed(REPLY[:9] + b"@beat@"[:cut])
    assert beats.holds
    assert first + beats.feed(b"@beat@"[cut:] + REPLY[9:]) == REPLY
    assert not beats.holds


def test_bytes_that_only_look_like_the_beginning_come_out_again():
    beats = HeartbeatFilter(b"\x16beat")

    assert beats.feed(REPLY) == REPLY[:-1]
    assert beats.release() == REPLY[-1:]
    assert beats.heartbeats == 0


def test_short_heartbeat_is_dropped_only_where_nothing_else_stands():
    beats = HeartbeatFilter(b"\x33")

    assert beats.feed(REPLY) == REPLY
    assert beats.feed(b"\x33\x33") == b""
    assert beats.heartbeats == 2


def test_repeated_registration_is_dropped_and_no_heartbeat():
    beats = HeartbeatFilter(b"@beat@", b"DTU-7")

    assert beats.feed(b"DTU-7" + REPLY) == REPLY
    assert beats.heartbeats == 0


def test_without_heartbeats_nothing_is_touched():
    beats = HeartbeatFilter(b"")

    assert beats.feed(REPLY) == REPLY
    assert not beats.holds

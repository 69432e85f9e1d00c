"""Who is calling, by what was said so far."""

from __future__ import annotations

import pytest

from edge_agent.lines.callers import MAX_SAID_BYTES, Dtu, Terminal, identify
from protocol.wire.gdw376 import CONFIRM, DENIED, Frame

ONE, TEN, BINARY = Dtu(b"DTU-1"), Dtu(b"DTU-10"), Dtu(b"\x01\x02\x00")
TERMINAL = Terminal("0200", 0x1234)
LOGIN = bytes.fromhex("68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 01 00 85 16")  # public capture
HEARTBEAT = bytes.fromhex("68 32 00 32 00 68 C9 00 02 34 12 00 02 71 00 00 04 00 88 16")  # public capture
OTHER = bytes.fromhex("68 32 00 32 00 68 C9 21 05 AA AA 00 02 79 00 00 01 00 BF 16")  # public capture
EXPECTED = [ONE, TEN, BINARY, TERMINAL]


@pytest.mark.parametrize(
    ("said", "caller", "is_final"),
    [
        (b"", None, False),
        (b"DTU", None, False),
        (b"DTU-1", ONE, False),  # may yet become DTU-10
        (b"DTU-10", TEN, True),
        (b"DTU-1\r\n", ONE, True),
        (b"DTU-10 fw=3.1\r\n", TEN, True),
        (b"DTU-2", None, True),
        (b"\x01\x02", None, False),
        (b"\x01\x02\x00", BINARY, True),
        (LOGIN, TERMINAL, True),
        (HEARTBEAT, TERMINAL, True),  # after a short break a terminal may not log in again
        (LOGIN[:12], None, False),
        (b"\xff\x00" + LOGIN, TERMINAL, True),
        (OTHER, None, True),
        (b"GET / HTTP/1.1\r\n", None, True),
    ],
)
def test_caller_is_known_by_what_it_said(said: bytes, caller: object, is_final: bool):
    verdict = identify(said, EXPECTED)

    assert (verdict.caller, verdict.is_final) == (caller, is_final)
    assert verdict.is_stranger == (caller is None and is_final)


def test_terminal_nobody_expects_is_told_so():
    farewell = Frame.from_bytes(identify(OTHER, EXPECTED).farewell)

    assert farewell.says(CONFIRM, DENIED)
    assert (farewell.address.region, farewell.address.terminal, farewell.serial) == ("0521", 0xAAAA, 9)


def test_login_means_nothing_where_only_dtus_are_expected():
    assert identify(LOGIN, [ONE]).is_stranger


def test_registration_without_words_takes_whoever_calls():
    assert identify(b"", [Dtu(b"")]).caller == Dtu(b"")


def test_who_talks_too_long_is_a_stranger():
    assert not identify(b"\x68" * (MAX_SAID_BYTES - 1), [TERMINAL]).is_final
    assert identify(b"\x68" * MAX_SAID_BYTES, [TERMINAL]).is_stranger

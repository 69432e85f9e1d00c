"""The words for the service manager, and when it is not fed."""

from __future__ import annotations

import socket

import pytest

from edge_agent.watchdog import Notifier, feed_period_s, stalled


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(5)
        yield channel


def test_lines_arrive_as_one_datagram(manager):
    Notifier(manager.getsockname()).notify("READY=1", "STATUS=4 lines")

    assert manager.recv(100) == b"READY=1\nSTATUS=4 lines"


@pytest.mark.parametrize("address", [None, "", "/nonexistent/notify"])
def test_nobody_listening_is_no_reason_to_stop(address):
    Notifier(address).notify("READY=1")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WATCHDOG_USEC": "90000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "90000000"}, 30.0),
        ({"WATCHDOG_USEC": "90000000", "WATCHDOG_PID": "8"}, None),
        ({}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_feeding_is_three_times_as_often_as_needed_and_only_for_this_process(environment, expected):
    assert feed_period_s(environment, process_id=7) == expected


def test_silent_thread_is_named():
    assert stalled({"uplink": (100.0, 60.0), "line a": (20.0, 60.0)}, now_s=110.0) == ["line a"]

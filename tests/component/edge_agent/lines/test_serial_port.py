"""A serial port over a pseudo terminal."""

from __future__ import annotations

import os

import pytest

from edge_agent.lines.port import make_port
from protocol.errors import PortUnavailable
from protocol.site_plan import Line, SerialPort


@pytest.fixture
def line():
    master, slave = os.openpty()
    yield Line(id="l1", port=SerialPort(kind="serial", path=os.ttyname(slave)), baud=2400, parity="E")
    os.close(slave)
    os.close(master)


def test_a_port_with_parity_opens_again_after_it_was_closed(line):
    for _ in range(3):
        port = make_port(line)
        port.open()
        assert port.read(0) == b""
        port.close()


def test_a_missing_device_file_is_an_unavailable_port(line):
    gone = line.model_copy(update={"port": SerialPort(kind="serial", path="/dev/does-not-exist")})

    with pytest.raises(PortUnavailable, match="does-not-exist"):
        make_port(gone).open()

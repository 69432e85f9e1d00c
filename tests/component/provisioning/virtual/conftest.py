"""A small site with a meter line on a pty, a Modbus line behind TCP and a dial-in line, and a JSON-lines client."""

from __future__ import annotations

import json
import os
import select
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from protocol.site_plan import SitePlan

ENERGY = "42061200"
_TEXT = {"zh": "测试", "en": "Test"}


@pytest.fixture
def plan() -> SitePlan:
    """Gateway g1: line m (pty, 9600 8E1, two meters), line r (TCP, Modbus relay and meter), line w (dial-in DTU, one meter)."""
    serial = {"kind": "serial", "path": "/dev/ttyS1"}
    meters = [{"id": f"meter-{n}", "profile": "generic/dlt645_2007_single_phase", "address": f"{n * 111111111111}", "place": "room"} for n in (1, 2)]
    modbus = [
        {"id": "relay-1", "profile": "waveshare/modbus_rtu_relay_8ch", "address": "3", "place": "room"},
        {"id": "sdm-1", "profile": "eastron/sdm120", "address": "4", "place": "room"},
    ]
    dtu = {"kind": "tcp_server", "host": "10.0.0.5", "port": 9700, "registration": "DTU-7"}
    water = [{"id": "water-1", "profile": "generic/cjt188_cold_water", "address": "9", "place": "room"}]
    return SitePlan.model_validate(
        {
            "schema": 1,
            "site": {"id": "s", "name": _TEXT},
            "places": [{"id": "room", "kind": "room", "name": _TEXT}],
            "gateways": [
                {
                    "id": "g1",
                    "name": _TEXT,
                    "place": "room",
                    "lines": [
                        {"id": "m", "port": serial, "baud": 9600, "devices": meters},
                        {"id": "r", "port": serial, "baud": 9600, "parity": "N", "gap_ms": 10, "devices": modbus},
                        {"id": "w", "port": dtu, "baud": 2400, "devices": water},
                    ],
                }
            ],
            "rehearsal": {
                "tcp_lines": ["g1/r"],
                "devices": [{"device": "meter-1", "registers": {"00010000": ENERGY}, "delay_ms": [20, 30]}],
            },
        }
    )


class RawMaster:
    """A serial port opened without any library: write, then collect until the line is quiet."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY)

    def ask(self, request: bytes, length: int, timeout_s: float = 3.0) -> bytes:
        """Return up to `length` bytes of reply, fewer if the time-out passes."""
        os.write(self._fd, request)
        received, deadline = b"", time.monotonic() + timeout_s
        while len(received) < length and select.select([self._fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
            received += os.read(self._fd, 4096)
        return received

    def close(self) -> None:
        os.close(self._fd)


class ControlClient:
    """Speaks the control socket."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._stream = self._socket.makefile("rw")

    def order(self, **request: Any) -> Any:
        """Return the whole answer."""
        self._stream.write(json.dumps(request) + "\n")
        self._stream.flush()
        return json.loads(self._stream.readline())

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the virtual site keeps its files."""
    return tmp_path / "virtual"


@pytest.fixture
def master() -> type[RawMaster]:
    return RawMaster


@pytest.fixture
def control_client() -> type[ControlClient]:
    return ControlClient

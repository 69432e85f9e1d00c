"""Every Modbus profile against a table typed from its manual: in memory, and on pymodbus' server over the agent's own line and port."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest
from pymodbus import FramerType
from pymodbus.client import ModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from edge_agent.drivers.procedure import Procedure
from edge_agent.lines.clock import SystemClock
from edge_agent.lines.exchange import ExchangeTiming
from edge_agent.lines.line import ECHO_SLACK_S, Line
from edge_agent.lines.port import open_port
from edge_agent.lines.run_on import run_on
from firmware_profiles.loader import load_profiles
from protocol.profile import ProfileModbus
from protocol.site_plan import Line as PlanLine

REGISTRY = {key: profile for key, profile in load_profiles(strict=True).items() if isinstance(profile, ProfileModbus)}
WAIT_S = 10.0
TIMING = ExchangeTiming(gap_s=0.0005, first_byte_s=WAIT_S, between_bytes_s=WAIT_S, quiet_s=0.05)
Place = tuple[int, int]


@pytest.mark.parametrize("key", REGISTRY)
def test_manual_covers_the_whole_profile(key: str, manual_rows: Callable[..., Any]) -> None:
    profile, rows = REGISTRY[key], manual_rows(key)

    assert rows, f"{key} has no table in tests/manuals; type one from the maker's manual (tests/manuals/README.md)"
    assert {row.what for row in rows if row.kind == "item"} == {item.quantity for item in profile.items}
    assert {row.what for row in rows if row.kind == "command"} == {command.name for command in profile.commands}
    assert {row.what.split()[0] for row in rows if row.kind == "setting"} == {setting.name for setting in profile.settings}
    assert {row.what for row in rows if row.kind == "fact"} == {fact.name for fact in profile.facts}
    assert any(row.kind == "clock" for row in rows) == (profile.clock is not None)
    frozen = {row.what for row in rows if row.kind == "freeze"}
    for freeze in profile.freezes:
        for number in (1, freeze.depth):
            assert {f"{freeze.period} {number} {item.quantity}" for item in freeze.items} <= frozen
            assert (f"{freeze.period} {number} time" in frozen) == (freeze.time is not None)


@pytest.mark.parametrize("key", REGISTRY)
def test_profile_reads_and_writes_what_the_manual_says(key: str, manual_rows: Any, memory_peer: Any, manual_problems: Any) -> None:
    rows = manual_rows(key)

    assert list(manual_problems(REGISTRY[key], rows, memory_peer(rows))) == []


@pytest.mark.parametrize("key", REGISTRY)
def test_the_same_from_a_foreign_server_over_a_real_line(key: str, manual_rows: Any, memory_peer: Any, manual_problems: Any) -> None:
    rows = manual_rows(key)

    with ForeignServer(memory_peer(rows).units()) as peer:
        assert list(manual_problems(REGISTRY[key], rows, peer)) == []


class ForeignServer:
    """pymodbus' server, RTU frames over TCP, one unit for each state of a table; a line of the agent to ask it, pymodbus' client to look inside."""

    def __init__(self, units: dict[int, dict[Place, int]]) -> None:
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
        self._places = {unit: sorted(places) for unit, places in units.items()}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self._running: Future[tuple[asyncio.AbstractEventLoop, ModbusTcpServer]] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve([_sim_device(unit, places) for unit, places in units.items()])), daemon=True
        )

    async def _serve(self, devices: list[SimDevice]) -> None:
        server = ModbusTcpServer(devices, framer=FramerType.RTU, address=("127.0.0.1", self._port), trace_packet=_as_slow_as_a_device)
        await server.serve_forever(background=True)
        self._running.set_result((asyncio.get_running_loop(), server))
        await server.serving

    def __enter__(self) -> ForeignServer:
        self._thread.start()
        self._running.result(WAIT_S)
        where = {"kind": "tcp_client", "host": "127.0.0.1", "port": self._port}
        port = open_port(PlanLine.model_validate({"id": "one", "port": where, "baud": 115200}))
        port.jitter_s = 0.0  # the loopback adds none
        self._line = Line(port, SystemClock(), byte_s=1e-5, gap_s=0.0005)
        self._client = ModbusTcpClient("127.0.0.1", port=self._port, framer=FramerType.RTU, timeout=WAIT_S, retries=0)
        assert self._client.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._line.close()
        loop, server = self._running.result(0)
        asyncio.run_coroutine_threadsafe(server.shutdown(), loop).result(WAIT_S)
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()

    def run(self, procedure: Procedure[Any]) -> Any:
        return run_on(self._line, procedure, TIMING)

    def state(self, unit: int) -> dict[Place, int]:
        reads = {
            1: self._client.read_coils,
            2: self._client.read_discrete_inputs,
            3: self._client.read_holding_registers,
            4: self._client.read_input_registers,
        }
        found: dict[Place, int] = {}
        for function, first, count in _runs(self._places[unit]):
            answer = reads[function](first, count=count, device_id=unit)
            assert not answer.isError(), answer
            values = answer.bits[:count] if function < 3 else answer.registers
            found |= {(function, first + n): int(value) for n, value in enumerate(values)}
        return found

    def put(self, unit: int, places: dict[Place, int]) -> None:
        now = self.state(unit)
        for (function, address), word in places.items():
            if now[function, address] == word:
                continue
            if function == 1:
                answer = self._client.write_coils(address, [bool(word)], device_id=unit)
            else:
                answer = self._client.write_registers(address, [word], device_id=unit)
            assert not answer.isError(), answer


def _as_slow_as_a_device(sending: bool, packet: bytes) -> bytes:
    """The answer to a write equals the request; what comes back at once is taken for an echo of the adapter."""
    if sending and packet[1] in (5, 6):
        time.sleep(1.5 * ECHO_SLACK_S)
    return packet


def _sim_device(unit: int, places: dict[Place, int]) -> SimDevice:
    """A device that has the table's places and no other."""
    blocks: list[list[SimData]] = [[], [], [], []]
    for function, first, count in _runs(sorted(places)):
        values: list[Any] = [places[function, first + n] for n in range(count)]
        bits = function < 3
        data = SimData(first, values=[bool(value) for value in values] if bits else values, datatype=DataType.BITS if bits else DataType.REGISTERS)
        blocks[function - 1].append(data)
    empty = [SimData(0xFFFF, values=[0], datatype=DataType.REGISTERS)]
    nothing = [SimData(0xFFF0, values=[False], datatype=DataType.BITS)]
    return SimDevice(unit, simdata=(blocks[0] or nothing, blocks[1] or nothing, blocks[2] or empty, blocks[3] or empty))


def _runs(places: Sequence[Place]) -> Iterator[tuple[int, int, int]]:
    """Runs of neighbours, at most 100 long: (function, first, count)."""
    start = 0
    for at in range(1, len(places) + 1):
        broken = at == len(places) or places[at] != (places[at - 1][0], places[at - 1][1] + 1)
        if broken or at - start == 100:
            yield (*places[start], at - start)
            start = at

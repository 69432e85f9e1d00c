"""pymodbus' own server and client as peers, RTU frames over TCP: our requests against its slave, its requests against bytes built by hand."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from decimal import Decimal

import pytest
from pymodbus import FramerType
from pymodbus.client import ModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from protocol.errors import DeviceRefused
from protocol.wire import modbus

UNIT = 7
WAIT_S = 5.0


@pytest.fixture
def slave_port() -> Iterator[int]:
    """pymodbus' server in its own thread: coils 0-15, inputs 0-15, holding registers 0-9, input registers 0-3 (two floats)."""
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    running: Future[tuple[asyncio.AbstractEventLoop, ModbusTcpServer]] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(serve(port, running)), daemon=True)
    thread.start()
    loop, server = running.result(WAIT_S)
    yield port
    asyncio.run_coroutine_threadsafe(server.shutdown(), loop).result(WAIT_S)
    thread.join(WAIT_S)
    assert not thread.is_alive()


async def serve(port: int, running: Future[tuple[asyncio.AbstractEventLoop, ModbusTcpServer]]) -> None:
    device = SimDevice(
        UNIT,
        simdata=(
            [SimData(0, values=[True, False] * 8, datatype=DataType.BITS)],
            [SimData(0, values=[False, True] * 8, datatype=DataType.BITS)],
            [SimData(0, values=list(range(100, 110)), datatype=DataType.REGISTERS)],
            [SimData(0, values=[230.2, -1.5], datatype=DataType.FLOAT32)],
        ),
    )
    server = ModbusTcpServer(device, framer=FramerType.RTU, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    running.set_result((asyncio.get_running_loop(), server))
    await server.serving


@pytest.fixture
def exchange(ask: Callable, slave_port: int) -> Callable[[bytes], bytes]:
    return lambda request: ask(slave_port, request, modbus.ReplyDecoder(request))


def test_our_codec_reads_the_peers_registers(exchange: Callable[[bytes], bytes]):
    request = modbus.read_request(UNIT, 3, 2, 5)

    assert modbus.reply_registers(request, exchange(request)) == [102, 103, 104, 105, 106]


def test_our_codec_reads_the_peers_floats(exchange: Callable[[bytes], bytes]):
    request = modbus.read_request(UNIT, 4, 0, 4)

    registers = modbus.reply_registers(request, exchange(request))

    assert [modbus.decode_number(registers[at : at + 2], "f32") for at in (0, 2)] == [Decimal("230.2"), Decimal("-1.5")]


@pytest.mark.parametrize(("function", "bits"), [(1, [True, False, True]), (2, [False, True, False])])
def test_our_codec_reads_the_peers_bits(exchange: Callable[[bytes], bytes], function: int, bits: list[bool]):
    request = modbus.read_request(UNIT, function, 0, 3)

    assert modbus.reply_bits(request, exchange(request)) == bits


@pytest.mark.parametrize(
    ("write", "read", "expected"),
    [
        (modbus.write_register_request(UNIT, 3, 4242), modbus.read_request(UNIT, 3, 3, 1), [4242]),
        (modbus.write_registers_request(UNIT, 3, [1, 2, 3]), modbus.read_request(UNIT, 3, 3, 3), [1, 2, 3]),
    ],
)
def test_the_peer_takes_our_register_writes(exchange: Callable[[bytes], bytes], write: bytes, read: bytes, expected: list[int]):
    modbus.check_write(write, exchange(write))

    assert modbus.reply_registers(read, exchange(read)) == expected


@pytest.mark.parametrize("write", [modbus.write_coil_request(UNIT, 1, True), modbus.write_coils_request(UNIT, 1, [True, True, True])])
def test_the_peer_takes_our_coil_writes(exchange: Callable[[bytes], bytes], write: bytes):
    modbus.check_write(write, exchange(write))

    read = modbus.read_request(UNIT, 1, 1, 1)
    assert modbus.reply_bits(read, exchange(read)) == [True]


def test_the_peers_exception_is_understood(exchange: Callable[[bytes], bytes]):
    request = modbus.read_request(UNIT, 3, 4000, 1)

    with pytest.raises(DeviceRefused) as refused:
        modbus.reply_registers(request, exchange(request))

    assert refused.value.details["exception_code"] == 2


# --- the other way round: what pymodbus' client sends is what we would send ---


@pytest.fixture
def client_of() -> Iterator[Callable[[int], ModbusTcpClient]]:
    clients: list[ModbusTcpClient] = []

    def connect(port: int) -> ModbusTcpClient:
        clients.append(ModbusTcpClient("127.0.0.1", port=port, framer=FramerType.RTU, timeout=WAIT_S, retries=0))
        assert clients[-1].connect()
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("call", "request_", "reply"),
    [
        (lambda c: c.read_holding_registers(2, count=2, device_id=UNIT).registers, modbus.read_request(UNIT, 3, 2, 2), "07 03 04 12 34 00 05"),
        (lambda c: c.read_input_registers(2, count=1, device_id=UNIT).registers, modbus.read_request(UNIT, 4, 2, 1), "07 04 02 12 34"),
        (lambda c: c.read_coils(0, count=8, device_id=UNIT).bits, modbus.read_request(UNIT, 1, 0, 8), "07 01 01 05"),
        (lambda c: c.write_coil(1, True, device_id=UNIT).isError(), modbus.write_coil_request(UNIT, 1, True), "07 05 00 01 FF 00"),
        (lambda c: c.write_register(1, 99, device_id=UNIT).isError(), modbus.write_register_request(UNIT, 1, 99), "07 06 00 01 00 63"),
        (lambda c: c.write_registers(1, [1, 2], device_id=UNIT).isError(), modbus.write_registers_request(UNIT, 1, [1, 2]), "07 10 00 01 00 02"),
        (lambda c: c.write_coils(1, [True] * 3, device_id=UNIT).isError(), modbus.write_coils_request(UNIT, 1, [True] * 3), "07 0F 00 01 00 03"),
    ],
)
def test_the_peers_client_sends_what_we_send_and_reads_the_same(
    byte_server: Callable,
    client_of: Callable[[int], ModbusTcpClient],
    call: Callable[[ModbusTcpClient], object],
    with_crc: Callable[[str], bytes],
    request_: bytes,
    reply: str,
):
    raw = with_crc(reply)
    server = byte_server(lambda _: raw)

    theirs = call(client_of(server.port))

    assert server.received == request_
    assert theirs == ours(request_, raw)


def ours(request: bytes, reply: bytes) -> object:
    if request[1] in (1, 2):
        return modbus.reply_bits(request, reply)
    if request[1] in (3, 4):
        return modbus.reply_registers(request, reply)
    modbus.check_write(request, reply)
    return False  # no error

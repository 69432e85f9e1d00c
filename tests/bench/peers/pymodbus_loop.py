"""pymodbus' own client in a plain loop: for each meter, for each read, read; the rest of a meter is skipped when one read fails.

Exactly how it is configured, beside port, speed and 8N1 (pymodbus of the project's own environment):
  defaults         nothing is set: time-out 3 s, 3 retries, no pause between requests. ModbusSerialClient (sync).
  defaults + gap   the same, and the loop sleeps for the line's gap before each request, because pymodbus has no setting for it.
  tuned            time-out = longest exchange on the wire + 200 ms, 0 retries, the gap. AsyncModbusSerialClient: the sync one polls its port
                   every four characters and leaves 7 ms (9600) to 25 ms (2400) more than the gap it is told.
Over TCP the clients are ModbusTcpClient and AsyncModbusTcpClient with the RTU framer. A dead meter costs (retries + 1) time-outs a round.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient, ModbusSerialClient, ModbusTcpClient

from protocol.errors import PortUnavailable
from protocol.site_plan import SerialPort, TcpClientPort
from tests.bench.peers.poll import Manners, Read

STOCK = Manners("defaults", timeout_s=3.0, retries=3, pause_s=0.0)


def measure(
    port: SerialPort | TcpClientPort,
    meters: int,
    seconds: float,
    *,
    reads: Sequence[Read],
    baud: int = 9600,
    manners: Manners = STOCK,
    asynchronous: bool = False,
    on_polling: Callable[[], None] = lambda: None,
) -> None:
    """Poll units 1..`meters` round and round for `seconds` in this thread; `on_polling` is called when the port is open, before the first request.

    The line should run in another process, or both share one interpreter lock. An exchange in progress at the end is finished, so with
    default manners a dead meter may add 12 s. Raises PortUnavailable if the port cannot be opened.
    """
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # it reports each silent meter; the line counts them
    if asynchronous:
        asyncio.run(_measure_async(port, meters, seconds, reads, baud, manners, on_polling))
    else:
        _measure_sync(port, meters, seconds, reads, baud, manners, on_polling)


def _measure_sync(
    port: SerialPort | TcpClientPort, meters: int, seconds: float, reads: Sequence[Read], baud: int, manners: Manners, on_polling: Callable[[], None]
) -> None:
    client = _sync_client(port, baud, manners)
    if not client.connect():
        raise PortUnavailable(f"pymodbus could not open {port}")
    try:
        on_polling()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for unit in range(1, meters + 1):
                if time.monotonic() >= until:
                    break
                _read_meter(client, unit, reads, manners.pause_s)
    finally:
        client.close()  # type: ignore[no-untyped-call]


def _read_meter(client: ModbusSerialClient | ModbusTcpClient, unit: int, reads: Sequence[Read], pause_s: float) -> None:
    for read in reads:
        time.sleep(pause_s)
        ask = client.read_holding_registers if read.function == 3 else client.read_input_registers
        try:
            ask(read.first, count=read.count, device_id=unit)
        except ModbusException:
            return


async def _measure_async(
    port: SerialPort | TcpClientPort, meters: int, seconds: float, reads: Sequence[Read], baud: int, manners: Manners, on_polling: Callable[[], None]
) -> None:
    client = _async_client(port, baud, manners)
    if not await client.connect():
        raise PortUnavailable(f"pymodbus could not open {port}")
    try:
        on_polling()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for unit in range(1, meters + 1):
                if time.monotonic() >= until:
                    break
                await _read_meter_async(client, unit, reads, manners.pause_s)
    finally:
        client.close()


async def _read_meter_async(client: AsyncModbusSerialClient | AsyncModbusTcpClient, unit: int, reads: Sequence[Read], pause_s: float) -> None:
    for read in reads:
        await asyncio.sleep(pause_s)
        ask = client.read_holding_registers if read.function == 3 else client.read_input_registers
        try:
            await ask(read.first, count=read.count, device_id=unit)
        except ModbusException:
            return


def _sync_client(port: SerialPort | TcpClientPort, baud: int, manners: Manners) -> ModbusSerialClient | ModbusTcpClient:
    if isinstance(port, SerialPort):
        return ModbusSerialClient(port.path, baudrate=baud, timeout=manners.timeout_s, retries=manners.retries)
    return ModbusTcpClient(port.host, port=port.port, framer=FramerType.RTU, timeout=manners.timeout_s, retries=manners.retries)


def _async_client(port: SerialPort | TcpClientPort, baud: int, manners: Manners) -> AsyncModbusSerialClient | AsyncModbusTcpClient:
    if isinstance(port, SerialPort):
        return AsyncModbusSerialClient(port.path, baudrate=baud, timeout=manners.timeout_s, retries=manners.retries)
    return AsyncModbusTcpClient(port.host, port=port.port, framer=FramerType.RTU, timeout=manners.timeout_s, retries=manners.retries)

"""libmodbus, by way of its command line master `mbpoll`, on a pseudo terminal: what it asks is what we would ask, and it reads what we read."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import threading
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from protocol.wire import modbus

UNIT = 7
_CACHED = Path(__file__).parents[3] / ".cache" / "tools" / "usr" / "bin" / "mbpoll"
MBPOLL = shutil.which("mbpoll") or (str(_CACHED) if _CACHED.exists() else None)
pytestmark = pytest.mark.skipif(MBPOLL is None, reason="mbpoll is not installed (Debian package mbpoll)")


@dataclass
class Slave:
    """The far end of a pty that answers each request it knows, byte for byte."""

    path: str
    replies: dict[bytes, bytes] = field(default_factory=dict)
    received: bytes = b""


@pytest.fixture
def slave() -> Iterator[Slave]:
    master, terminal = os.openpty()
    tty.setraw(master)
    stop_read, stop_write = os.pipe()
    line = Slave(os.ttyname(terminal))
    thread = threading.Thread(target=serve, args=(line, master, stop_read), daemon=True)
    thread.start()
    yield line
    os.write(stop_write, b".")
    thread.join(5)
    for descriptor in (master, terminal, stop_read, stop_write):
        os.close(descriptor)
    assert not thread.is_alive()


def serve(line: Slave, master: int, stop: int) -> None:
    while stop not in select.select([master, stop], [], [])[0]:
        line.received += os.read(master, 256)
        if reply := line.replies.get(line.received[-8:]):
            os.write(master, reply)


def mbpoll(line: Slave, *arguments: str) -> str:
    command = [
        str(MBPOLL),
        "-m",
        "rtu",
        "-b",
        "9600",
        "-P",
        "none",
        "-a",
        str(UNIT),
        "-0",
        "-1",
        "-o",
        "2",
        *arguments[:-1],
        line.path,
        *arguments[-1:],
    ]
    done = subprocess.run([part for part in command if part], capture_output=True, text=True, timeout=30, check=False)
    return done.stdout + done.stderr


def test_it_reads_holding_registers_as_we_do(slave: Slave, with_crc: Callable[[str], bytes]):
    request = modbus.read_request(UNIT, 3, 16, 3)
    reply = with_crc("07 03 06 00 01 12 34 FF FE")
    slave.replies[request] = reply

    output = mbpoll(slave, "-t", "4:hex", "-r", "16", "-c", "3", "")

    assert slave.received == request
    assert [int(word, 16) for word in re.findall(r"0x([0-9A-F]{4})", output)] == modbus.reply_registers(request, reply)


def test_it_reads_a_float_as_we_do(slave: Slave, with_crc: Callable[[str], bytes]):
    request = modbus.read_request(UNIT, 4, 0x0156, 2)
    reply = with_crc("07 04 04 43 66 33 33")
    slave.replies[request] = reply

    output = mbpoll(slave, "-t", "3:float", "-B", "-r", str(0x0156), "-c", "1", "")

    assert slave.received == request
    assert f"\t{modbus.decode_number(modbus.reply_registers(request, reply), 'f32')}" in output


def test_it_reads_coils_as_we_do(slave: Slave, with_crc: Callable[[str], bytes]):
    request = modbus.read_request(UNIT, 1, 0, 8)
    reply = with_crc("07 01 01 A5")
    slave.replies[request] = reply

    output = mbpoll(slave, "-t", "0", "-r", "0", "-c", "8", "")

    assert slave.received == request
    assert [bit == "1" for bit in re.findall(r"\]:\s+([01])", output)] == modbus.reply_bits(request, reply)


def test_it_writes_a_coil_as_we_do(slave: Slave):
    request = modbus.write_coil_request(UNIT, 3, True)
    slave.replies[request] = request

    output = mbpoll(slave, "-t", "0", "-r", "3", "1")

    assert slave.received == request
    assert "Written 1 references" in output


def test_it_writes_a_register_as_we_do(slave: Slave):
    request = modbus.write_register_request(UNIT, 3, 1234)
    slave.replies[request] = request

    output = mbpoll(slave, "-t", "4", "-r", "3", "1234")

    assert slave.received == request
    assert "Written 1 references" in output


def test_it_reports_the_exception_we_report(slave: Slave, with_crc: Callable[[str], bytes]):
    slave.replies[modbus.read_request(UNIT, 3, 0, 1)] = with_crc("07 83 02")

    output = mbpoll(slave, "-t", "4", "-r", "0", "-c", "1", "")

    assert modbus.EXCEPTIONS[2] in output.lower()

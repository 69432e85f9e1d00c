"""Ports on real ptys and sockets: bytes through, unplugging noticed, a DTU that calls again."""

from __future__ import annotations

import os
import socket
import time
import tty
from collections.abc import Callable, Iterator

import pytest

from edge_agent.lines.dial_in import DialInPort
from edge_agent.lines.dial_out import DialOutPort
from edge_agent.lines.port import Port, make_port, open_port
from protocol.errors import PortUnavailable
from protocol.site_plan import Line, SerialPort, TcpClientPort, TcpServerPort

_PATIENCE_S = 5.0


def eventually(check: Callable[[], bool]) -> bool:
    until = time.monotonic() + _PATIENCE_S
    while not check():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def read_all(port: Port, count: int) -> bytes:
    data = b""
    until = time.monotonic() + _PATIENCE_S
    while len(data) < count and time.monotonic() < until:
        data += port.read(0.1)
    return data


@pytest.fixture
def pty() -> Iterator[tuple[int, str]]:
    master, slave = os.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    os.close(slave)
    yield master, name
    os.close(master)


def serial_line(path: str, parity: str = "E") -> Line:
    return Line.model_validate({"id": "l", "port": {"kind": "serial", "path": path}, "baud": 2400, "parity": parity})


@pytest.mark.parametrize("parity", ["E", "N", "O"])
def test_serial_port_carries_bytes_both_ways(pty: tuple[int, str], parity: str) -> None:
    master, path = pty
    port = open_port(serial_line(path, parity))
    port.write(b"\x68\x11")
    assert os.read(master, 10) == b"\x68\x11"
    os.write(master, b"\x91\x16")
    assert read_all(port, 2) == b"\x91\x16"
    port.close()
    port.close()


def test_serial_port_opens_again_with_the_same_settings(pty: tuple[int, str]) -> None:
    for _ in range(3):
        port = open_port(serial_line(pty[1]))
        port.close()


def test_input_is_flushed_and_counted(pty: tuple[int, str]) -> None:
    master, path = pty
    port = open_port(serial_line(path))
    os.write(master, b"noise")
    assert eventually(lambda: port.flush_input() == 5)
    assert port.read(0) == b""
    port.close()


def test_missing_serial_device_is_unavailable() -> None:
    with pytest.raises(PortUnavailable):
        open_port(serial_line("/dev/no-such-adapter"))


def test_serial_device_that_goes_away_is_unavailable() -> None:
    master, slave = os.openpty()
    path = os.ttyname(slave)
    os.close(slave)
    port = open_port(serial_line(path))
    os.close(master)

    with pytest.raises(PortUnavailable):
        port.read(0.5)
    with pytest.raises(PortUnavailable):
        port.write(b"x")


def test_two_owners_of_one_serial_device_are_refused(pty: tuple[int, str]) -> None:
    port = open_port(serial_line(pty[1]))
    with pytest.raises(PortUnavailable):
        open_port(serial_line(pty[1]))
    port.close()


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(_PATIENCE_S)
        yield listener


def test_serial_server_is_dialled_without_delay_of_small_packets(server: socket.socket) -> None:
    port = DialOutPort(TcpClientPort(kind="tcp_client", host="127.0.0.1", port=server.getsockname()[1]))
    port.open()
    far, _ = server.accept()
    with far:
        port.write(b"ask")
        assert far.recv(10) == b"ask"
        far.sendall(b"answer")
        assert read_all(port, 6) == b"answer"
        with socket.socket(fileno=os.dup(port.fileno())) as same:
            assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    with pytest.raises(PortUnavailable):
        port.read(_PATIENCE_S)
    port.close()


def test_serial_server_that_does_not_answer_is_unavailable(server: socket.socket) -> None:
    where = server.getsockname()[1]
    server.close()
    with pytest.raises(PortUnavailable):
        DialOutPort(TcpClientPort(kind="tcp_client", host="127.0.0.1", port=where)).open()


@pytest.fixture
def door() -> int:
    """A free TCP port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def dial_in(door: int) -> Iterator[DialInPort]:
    port = DialInPort(TcpServerPort(kind="tcp_server", host="127.0.0.1", port=door, registration="DTU-7", heartbeat="@beat@"))
    with pytest.raises(PortUnavailable):
        port.open()
    yield port
    port.close()


def call(door: int, says: bytes) -> socket.socket:
    caller = socket.create_connection(("127.0.0.1", door), timeout=_PATIENCE_S)
    caller.sendall(says)
    return caller


def opens(port: DialInPort) -> bool:
    try:
        port.open()
    except PortUnavailable:
        return False
    return True


def test_dtu_that_registers_becomes_the_line(dial_in: DialInPort, door: int) -> None:
    with call(door, b"DTU-7") as dtu:
        assert eventually(lambda: opens(dial_in))
        dial_in.write(b"ask")
        assert dtu.recv(10) == b"ask"
        dtu.sendall(b"answer")
        assert read_all(dial_in, 6) == b"answer"


def test_caller_with_another_registration_is_hung_up_on(dial_in: DialInPort, door: int) -> None:
    with call(door, b"DTU-8") as stranger:
        assert not opens(dial_in)
        assert eventually(lambda: not opens(dial_in) and _closed(stranger))


def _closed(connection: socket.socket) -> bool:
    connection.settimeout(0.05)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


def test_heartbeats_are_dropped(dial_in: DialInPort, door: int) -> None:
    with call(door, b"DTU-7") as dtu:
        assert eventually(lambda: opens(dial_in))
        dtu.sendall(b"@beat@\x68\x91@beat@")
        assert read_all(dial_in, 2) == b"\x68\x91"


def test_dtu_that_calls_again_replaces_its_old_connection(dial_in: DialInPort, door: int) -> None:
    with call(door, b"DTU-7") as old:
        assert eventually(lambda: opens(dial_in))
        with call(door, b"DTU-7") as new:
            assert eventually(lambda: dial_in.flush_input() == 0 and _closed(old))
            dial_in.write(b"ask")
            assert new.recv(10) == b"ask"


def test_dtu_that_hangs_up_is_noticed_and_may_come_back(dial_in: DialInPort, door: int) -> None:
    with call(door, b"DTU-7"):
        assert eventually(lambda: opens(dial_in))
    with pytest.raises(PortUnavailable):
        dial_in.read(_PATIENCE_S)
    with call(door, b"DTU-7"):
        assert eventually(lambda: opens(dial_in))


def test_plan_chooses_the_port() -> None:
    client = TcpClientPort(kind="tcp_client", host="127.0.0.1", port=1)
    assert isinstance(make_port(Line(id="l", port=client, baud=2400)), DialOutPort)
    assert make_port(Line(id="l", port=SerialPort(kind="serial", path="/dev/null"), baud=2400)).jitter_s == 0

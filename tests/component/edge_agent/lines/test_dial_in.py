"""Many DTUs on one address, over real sockets: told apart, replaced, refused, their heartbeats dropped and answered."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from edge_agent.lines import reception
from edge_agent.lines.dial_in import DialInPort
from edge_agent.lines.port import Port
from edge_agent.lines.reception import Receptions
from protocol.errors import PortUnavailable
from protocol.site_plan import TcpServerPort

_PATIENCE_S = 5.0
Expect = Callable[..., DialInPort]


def eventually(check: Callable[[], bool]) -> bool:
    until = time.monotonic() + _PATIENCE_S
    while not check():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture
def door() -> int:
    """A free TCP port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def receptions() -> Receptions:
    return Receptions()


@pytest.fixture
def expect(door: int, receptions: Receptions) -> Iterator[Expect]:
    """Make a port that waits for a DTU; all are closed at the end."""
    ports = []

    def make(registration: str, **settings: object) -> DialInPort:
        where = TcpServerPort.model_validate({"kind": "tcp_server", "host": "127.0.0.1", "port": door, "registration": registration, **settings})
        port = DialInPort(where, receptions)
        ports.append(port)
        opens(port)
        return port

    yield make
    for port in ports:
        port.close()


def opens(port: Port) -> bool:
    try:
        port.open()
    except PortUnavailable:
        return False
    return True


@pytest.fixture
def call(door: int) -> Iterator[Callable[[bytes], socket.socket]]:
    callers = []

    def dial(says: bytes) -> socket.socket:
        caller = socket.create_connection(("127.0.0.1", door), timeout=_PATIENCE_S)
        caller.sendall(says)
        callers.append(caller)
        return caller

    yield dial
    for caller in callers:
        caller.close()


def heard(port: Port, count: int) -> bytes:
    data = b""
    until = time.monotonic() + _PATIENCE_S
    while len(data) < count and time.monotonic() < until:
        data += port.read(0.05)
    return data


def hung_up(caller: socket.socket) -> bool:
    caller.settimeout(0.05)
    try:
        return caller.recv(64) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


def count(receptions: Receptions, door: int, word: str) -> int:
    return int(getattr(receptions.counters(("127.0.0.1", door)), word))


def test_two_dtus_on_one_address_are_two_lines(expect: Expect, call: Callable[[bytes], socket.socket]) -> None:
    east, west = expect("DTU-E"), expect("hex:02 57 03")
    far_west, far_east = call(b"\x02W\x03"), call(b"DTU-E")
    assert eventually(lambda: opens(east))
    assert eventually(lambda: opens(west))

    east.write(b"to east")
    west.write(b"to west")
    assert (far_east.recv(20), far_west.recv(20)) == (b"to east", b"to west")
    far_west.sendall(b"from west")
    far_east.sendall(b"from east")
    assert (heard(east, 9), heard(west, 9)) == (b"from east", b"from west")


def test_registration_in_pieces_and_one_that_another_begins_with(expect: Expect, call: Callable[[bytes], socket.socket]) -> None:
    one, ten = expect("DTU-1"), expect("DTU-10")
    first, second = call(b"DT"), call(b"DTU-1")
    first.sendall(b"U-10")

    assert eventually(lambda: opens(ten))
    assert eventually(lambda: opens(one))
    first.sendall(b"ten")
    second.sendall(b"one")
    assert (heard(ten, 3), heard(one, 3)) == (b"ten", b"one")


def test_stranger_is_hung_up_on_and_told_of_once(
    expect: Expect, call: Callable[[bytes], socket.socket], receptions: Receptions, door: int, caplog: pytest.LogCaptureFixture
) -> None:
    expect("DTU-7")
    with caplog.at_level(logging.WARNING):
        strangers = [call(b"DTU-8") for _ in range(3)]
        assert eventually(lambda: all(map(hung_up, strangers)))

    assert count(receptions, door, "strangers") == 3
    assert [record.message.count("DTU-8") for record in caplog.records] == [1]


def test_callers_who_say_nothing_are_bounded(
    expect: Expect, call: Callable[[bytes], socket.socket], receptions: Receptions, door: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception, "MAX_CALLERS", 3)
    seven = expect("DTU-7")
    silent = [call(b"") for _ in range(4)]
    assert eventually(lambda: hung_up(silent[0]))
    monkeypatch.setattr(reception, "REGISTER_S", 0.2)
    assert eventually(lambda: all(map(hung_up, silent[1:])))

    call(b"DTU-7")
    assert eventually(lambda: opens(seven))
    assert [count(receptions, door, word) for word in ("crowded_out", "silent")] == [1, 3]


def test_dtu_that_calls_again_takes_over_without_a_break_for_the_line(expect: Expect, call: Callable[[bytes], socket.socket]) -> None:
    port = expect("DTU-7")
    old = call(b"DTU-7")
    assert eventually(lambda: opens(port))
    new = call(b"DTU-7")
    assert eventually(lambda: hung_up(old))

    port.write(b"ask")
    assert new.recv(10) == b"ask"
    new.sendall(b"answer")
    assert heard(port, 6) == b"answer"


def test_heartbeat_in_a_reply_is_dropped_and_answered(expect: Expect, call: Callable[[bytes], socket.socket]) -> None:
    port = expect("DTU-7", heartbeat="hex:FE 01 FE 01", heartbeat_reply="OK")
    dtu = call(b"DTU-7")
    assert eventually(lambda: opens(port))

    dtu.sendall(b"\x68\x91\xfe\x01")
    dtu.sendall(b"\xfe\x01\x33\x16")
    assert heard(port, 4) == b"\x68\x91\x33\x16"
    assert dtu.recv(10) == b"OK"


def test_heartbeat_is_answered_while_the_line_rests(expect: Expect, call: Callable[[bytes], socket.socket]) -> None:
    expect("DTU-7", heartbeat="ping", heartbeat_reply="pong")

    assert call(b"DTU-7ping").recv(10) == b"pong"


def test_last_byte_that_looks_like_a_heartbeat_is_not_kept(expect: Expect, call: Callable[[bytes], socket.socket]) -> None:
    port = expect("DTU-7", heartbeat="hex:16 16 16 16 16")
    dtu = call(b"DTU-7")
    assert eventually(lambda: opens(port))
    dtu.sendall(b"\x68\x91\x33\x16")

    assert heard(port, 4) == b"\x68\x91\x33\x16"


def test_dtu_without_registration_is_known_before_it_speaks(expect: Expect, call: Callable[[bytes], socket.socket]) -> None:
    port = expect("")
    dtu = call(b"")
    assert eventually(lambda: opens(port))

    port.write(b"ask")
    assert dtu.recv(10) == b"ask"


def test_address_is_free_again_when_the_last_line_closes(expect: Expect, door: int, receptions: Receptions) -> None:
    one, two = expect("DTU-1"), expect("DTU-2")
    one.close()
    with pytest.raises(OSError), socket.create_server(("127.0.0.1", door), reuse_port=False):
        pass
    two.close()

    with socket.create_server(("127.0.0.1", door)):
        assert receptions.counters(("127.0.0.1", door)) is None


def test_one_dtu_is_not_two_lines(expect: Expect) -> None:
    expect("DTU-7")
    with pytest.raises(PortUnavailable, match="another line"):
        expect("DTU-7").open()


def test_address_that_is_taken_is_unavailable(expect: Expect, door: int) -> None:
    with socket.create_server(("127.0.0.1", door)), pytest.raises(PortUnavailable, match="cannot listen"):
        expect("DTU-7").open()


@pytest.mark.parametrize(("settings", "jitter_s"), [({}, 0.1), ({"delay_ms": 800}, 0.8)])
def test_plan_says_how_long_the_network_takes(expect: Expect, settings: dict[str, int], jitter_s: float) -> None:
    assert expect("DTU-7", **settings).jitter_s == jitter_s

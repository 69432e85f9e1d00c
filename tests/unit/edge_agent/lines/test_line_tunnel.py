"""A line behind something that does the bus timing itself (a concentrator), in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.lines.exchange import ExchangeTiming, Transaction
from edge_agent.lines.line import MAX_BUSY_S, Line
from protocol.errors import ChecksumError, LineError, NoReply, PortBusy
from protocol.wire import dlt645, modbus
from protocol.wire.dlt645 import Version

BYTE_S, GAP_S = 11 / 2400, 0.03
TIMING = ExchangeTiming(gap_s=0.03, first_byte_s=0.7, between_bytes_s=0.15, quiet_s=0.5)
ASK = dlt645.read_request(Version.V2007, "000000000001", "00010000")
REPLY = dlt645.Frame(ASK.address, 0x91, ASK.data + bytes.fromhex("42 06 12 00")).to_bytes()
NOTHING_MORE = b""


def read() -> Transaction[dlt645.Frame]:
    return Transaction(ASK.to_bytes(), dlt645.Decoder(), lambda reply: dlt645.matches(Version.V2007, ASK, reply))


@pytest.fixture
def line(port: Any, clock: Any) -> Line:
    port.framed, port.jitter_s = True, 4.5
    return Line(port, clock, BYTE_S, GAP_S)


def test_reply_is_waited_for_as_long_as_concentrator_and_network_may_take(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.7 + 4.5 - 0.01, REPLY)]

    assert line.exchange(read(), TIMING).reply.data[4:] == bytes.fromhex("42061200")


def test_wait_ends_when_nothing_will_come(line: Line, port: Any, clock: Any) -> None:
    port.answer = lambda request: [(0.9, NOTHING_MORE)]
    with pytest.raises(NoReply):
        line.exchange(read(), TIMING)

    assert clock.now - port.sent[0][0] - len(ASK.to_bytes()) * BYTE_S == pytest.approx(0.9, abs=1e-3)
    assert line.counters.timeouts == 1


@pytest.mark.parametrize(("heard", "error"), [(REPLY[:15], NoReply), (REPLY[:-2] + b"\x00\x16", ChecksumError)])
def test_broken_reply_is_not_waited_for_beyond_its_end(line: Line, port: Any, clock: Any, heard: bytes, error: type[Exception]) -> None:
    port.answer = lambda request: [(0.4, heard), (0.4, NOTHING_MORE)]
    with pytest.raises(error):
        line.exchange(read(), TIMING)

    assert clock.now - port.sent[0][0] < 1.5


def test_end_of_an_answer_that_was_used_does_not_end_the_next(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.3, REPLY), (0.3, NOTHING_MORE)]
    for _ in range(3):
        line.exchange(read(), TIMING)

    assert line.counters.timeouts == 0


def test_delay_of_a_meter_is_measured_without_the_reply_that_arrives_in_one_piece(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.05 + len(REPLY) * BYTE_S, REPLY)]

    assert line.exchange(read(), TIMING).td_s == pytest.approx(0.05)


def test_reply_equal_to_its_request_is_no_echo(line: Line, port: Any) -> None:
    request = modbus.write_coil_request(1, 0, True)
    port.answer = lambda sent: [(0.001, sent), (0.001, NOTHING_MORE)]

    assert line.exchange(Transaction(request, modbus.ReplyDecoder(request), lambda reply: True), TIMING).reply == request


def test_line_waits_for_its_turn_before_its_time_begins(line: Line, port: Any, clock: Any) -> None:
    port.busy_until = clock.now + 7.0
    port.answer = lambda request: [(0.05, REPLY)]

    assert line.exchange(read(), TIMING).td_s == pytest.approx(0.0)
    assert port.sent[0][0] >= port.busy_until


def test_turn_that_never_comes_is_an_error_of_the_line(line: Line, port: Any, clock: Any) -> None:
    port.busy_until = clock.now + 1000
    with pytest.raises(PortBusy):
        line.exchange(read(), TIMING)

    assert clock.now < 100 + MAX_BUSY_S + 1


def test_stop_ends_the_wait_for_a_turn(port: Any, clock: Any) -> None:
    line = Line(port, clock, BYTE_S, GAP_S, stopping=lambda: clock.now > 101)
    port.busy_until = clock.now + 1000
    with pytest.raises(LineError, match="stopped"):
        line.exchange(read(), TIMING)

    assert clock.now < 102

"""One exchange on a scripted port in virtual time: gap, deadlines, late replies, echo and noise."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.lines.exchange import ExchangeTiming, Transaction
from edge_agent.lines.line import Line
from protocol.errors import ChecksumError, LineError, NoReply, PortUnavailable, UnexpectedReply
from protocol.wire import dlt645, modbus
from protocol.wire.dlt645 import Version

BYTE_S = 11 / 2400
GAP_S = 0.03
TIMING = ExchangeTiming(gap_s=0.03, first_byte_s=0.7, between_bytes_s=0.15, quiet_s=0.5)
ASK_A = dlt645.read_request(Version.V2007, "000000000001", "00010000")
ASK_B = dlt645.read_request(Version.V2007, "000000000002", "00010000")


def read(asked: dlt645.Frame, rest_s: float = 0.0) -> Transaction[dlt645.Frame]:
    return Transaction(asked.to_bytes(), dlt645.Decoder(), lambda reply: dlt645.matches(Version.V2007, asked, reply), rest_s)


def answer(asked: dlt645.Frame, value: str = "42 06 12 00") -> bytes:
    return dlt645.Frame(asked.address, 0x91, asked.data + bytes.fromhex(value)).to_bytes()


@pytest.fixture
def line(port: Any, clock: Any) -> Line:
    return Line(port, clock, BYTE_S, GAP_S)


def test_reply_is_returned_with_its_delay_and_the_time_of_its_last_byte(line: Line, port: Any, clock: Any) -> None:
    reply = answer(ASK_A)
    port.answer = lambda request: [(0.05 + BYTE_S, reply[:1]), (0.05 + len(reply) * BYTE_S, reply[1:])]

    exchange = line.exchange(read(ASK_A), TIMING)

    assert exchange.reply.data[4:] == bytes.fromhex("42061200")
    assert exchange.td_s == pytest.approx(0.05)
    assert exchange.ended_ms == clock.wall_ms()


def test_next_request_leaves_when_the_gap_has_passed_and_not_later(line: Line, port: Any, clock: Any) -> None:
    port.answer = lambda request: [(0.3, answer(ASK_A))]
    line.exchange(read(ASK_A), TIMING)
    ended = clock.now

    line.exchange(read(ASK_A), TIMING)

    assert port.sent[1][0] == pytest.approx(ended + GAP_S, abs=1e-6)


@pytest.mark.parametrize(
    ("line_gap_s", "profile_gap_s", "byte_s", "expected_s"), [(0.03, 0.05, 1e-3, 0.05), (0.04, 0.02, 1e-3, 0.04), (0.002, 0.002, 0.01, 0.035)]
)
def test_gap_is_the_longest_of_line_profile_and_three_and_a_half_characters(
    port: Any, clock: Any, line_gap_s: float, profile_gap_s: float, byte_s: float, expected_s: float
) -> None:
    line = Line(port, clock, byte_s, line_gap_s)
    port.byte_s, port.answer = byte_s, lambda request: [(0.3, answer(ASK_A))]
    line.exchange(read(ASK_A), TIMING)
    ended = clock.now

    line.exchange(read(ASK_A), ExchangeTiming(profile_gap_s, 0.7, 0.15, 0.5))

    assert port.sent[1][0] - ended == pytest.approx(expected_s, abs=1e-6)


def test_bus_rests_longer_behind_a_write_that_asks_for_it(line: Line, port: Any, clock: Any) -> None:
    port.answer = lambda request: [(0.3, answer(ASK_A))]
    line.exchange(read(ASK_A, rest_s=0.2), TIMING)
    ended = clock.now
    line.exchange(read(ASK_A), TIMING)

    assert port.sent[1][0] - ended == pytest.approx(0.2, abs=1e-6)


def test_silence_costs_the_time_out_counted_from_the_last_bit(line: Line, port: Any, clock: Any) -> None:
    with pytest.raises(NoReply):
        line.exchange(read(ASK_A), TIMING)

    sent_at, request = port.sent[0]
    assert clock.now == pytest.approx(sent_at + len(request) * BYTE_S + TIMING.first_byte_s)
    assert line.counters.timeouts == 1


def test_reply_later_than_the_learned_time_out_is_used_while_the_bus_must_be_quiet_anyway(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.4, answer(ASK_A))]

    assert line.exchange(read(ASK_A), ExchangeTiming(0.03, 0.2, 0.15, 0.5)).td_s == pytest.approx(0.4 - BYTE_S)


def test_late_reply_of_one_device_is_not_taken_for_the_next_ones(line: Line, port: Any) -> None:
    replies = {ASK_A.to_bytes(): [(0.69, answer(ASK_A)[:4]), (1.0, answer(ASK_A)[4:])], ASK_B.to_bytes(): [(0.05, answer(ASK_B, "99 99 99 99"))]}
    port.answer = lambda request: replies[request]
    with pytest.raises(NoReply):
        line.exchange(read(ASK_A), TIMING)
    first_ended = 1.0 + port.sent[0][0] + 20 * BYTE_S

    exchange = line.exchange(read(ASK_B), TIMING)

    assert exchange.reply.address == ASK_B.address
    assert port.sent[1][0] >= first_ended + TIMING.quiet_s


def test_late_modbus_reply_goes_to_its_own_read_not_to_the_next_of_equal_length(line: Line, port: Any) -> None:
    first, second = modbus.read_request(1, 3, 0, 1), modbus.read_request(1, 3, 100, 1)
    replies = {first: [(0.45, bytes.fromhex("010302AAAA") + crc("010302AAAA"))], second: [(0.02, bytes.fromhex("0103020007") + crc("0103020007"))]}
    port.answer = lambda request: replies[request]
    learned = ExchangeTiming(gap_s=0.03, first_byte_s=0.2, between_bytes_s=0.15, quiet_s=0.5)

    values = [
        modbus.reply_registers(asked, line.exchange(Transaction(asked, modbus.ReplyDecoder(asked), lambda reply: True), learned).reply)
        for asked in (first, second)
    ]

    assert values == [[0xAAAA], [7]]


def crc(frame: str) -> bytes:
    from pymodbus.framer import FramerRTU

    return FramerRTU.compute_CRC(bytes.fromhex(frame)).to_bytes(2, "big")


def test_broken_off_reply_ends_at_the_pause_between_bytes_and_waits_for_quiet(line: Line, port: Any, clock: Any) -> None:
    port.answer = lambda request: [(0.05, answer(ASK_A)[:15])]
    with pytest.raises(NoReply):
        line.exchange(read(ASK_A), TIMING)

    sent_at, request = port.sent[0]
    assert clock.now == pytest.approx(sent_at + len(request) * BYTE_S + 0.05 + TIMING.quiet_s)


def test_trickling_reply_has_a_total_deadline(line: Line, port: Any, clock: Any) -> None:
    reply = answer(ASK_A)
    port.answer = lambda request: [(0.05 + 0.14 * index, reply[index : index + 1]) for index in range(len(reply))]
    with pytest.raises(NoReply):
        line.exchange(read(ASK_A), TIMING)

    assert line.counters.useful_bytes == 0


def test_damaged_reply_is_told_apart_from_silence(line: Line, port: Any) -> None:
    damaged = bytearray(answer(ASK_A))
    damaged[-2] ^= 1
    port.answer = lambda request: [(0.05, bytes(damaged))]

    with pytest.raises(ChecksumError):
        line.exchange(read(ASK_A), TIMING)

    assert (line.counters.checksum_errors, line.counters.timeouts) == (1, 0)


def test_noise_around_the_reply_is_counted_and_skipped(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.02, b"\x00\x16\x55"), (0.05, b"\x68" + answer(ASK_A))]

    assert line.exchange(read(ASK_A), TIMING).reply.address == ASK_A.address
    assert line.counters.noise_bytes == 4


def test_foreign_frame_is_not_the_reply(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.05, answer(ASK_B))]
    with pytest.raises(UnexpectedReply):
        line.exchange(read(ASK_A), TIMING)

    assert line.counters.foreign_frames == 1


def test_own_echo_is_cut_off(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.001, request), (0.08, answer(ASK_A))]

    exchange = line.exchange(read(ASK_A), TIMING)

    assert exchange.td_s == pytest.approx(0.08 - BYTE_S)
    assert (line.counters.echo_bytes, line.counters.foreign_frames, line.counters.noise_bytes) == (20, 0, 0)


def test_reply_equal_to_its_request_is_a_reply_where_nothing_echoes(line: Line, port: Any) -> None:
    request = modbus.write_coil_request(1, 0, True)
    port.answer = lambda sent: [(0.03, sent)]

    exchange = line.exchange(Transaction(request, modbus.ReplyDecoder(request), lambda reply: True), TIMING)

    assert exchange.reply == request


def test_echo_is_not_the_reply_to_a_write_where_the_line_echoes(line: Line, port: Any) -> None:
    request = modbus.write_coil_request(1, 0, True)
    port.answer = lambda sent: [(0.0, sent)]

    with pytest.raises(NoReply):
        line.exchange(Transaction(request, modbus.ReplyDecoder(request), lambda reply: True), TIMING)


def test_babbling_bus_does_not_hold_the_line_for_ever(line: Line, port: Any, clock: Any) -> None:
    for index in range(2000):
        port.arrive(clock.now + 0.01 * index, b"\x55")

    with pytest.raises(NoReply):
        line.exchange(read(ASK_A), TIMING)

    assert clock.now < 100.0 + 10.0
    assert len(port.sent) == 1


def test_what_stood_in_the_input_before_the_request_is_dropped(line: Line, port: Any, clock: Any) -> None:
    port.answer = lambda request: [(0.05, answer(ASK_A))]
    clock.now += 5.0
    port.arrive(clock.now - 1.0, answer(ASK_A, "11 11 11 11"))

    assert line.exchange(read(ASK_A), TIMING).reply.data[4:] == bytes.fromhex("42061200")


def test_work_done_meanwhile_runs_after_sending_and_does_not_spoil_the_measured_delay(line: Line, port: Any, clock: Any) -> None:
    port.answer = lambda request: [(0.05, answer(ASK_A))]
    sent_before: list[int] = []

    def slow_commit() -> None:
        sent_before.append(len(port.sent))
        clock.now += 0.5

    assert line.exchange(read(ASK_A), TIMING, slow_commit).td_s is None
    assert sent_before == [1]


def test_counters_give_the_efficiency_of_a_tight_line(line: Line, port: Any) -> None:
    reply = answer(ASK_A)
    port.answer = lambda request: [(0.05 + BYTE_S, reply[:1]), (0.05 + len(reply) * BYTE_S, reply[1:])]
    for _ in range(20):
        line.exchange(read(ASK_A), TIMING)

    counters = line.counters
    assert counters.useful_bytes == 20 * (20 + len(reply))
    assert 0.99 <= counters.ideal_s / counters.busy_s <= 1.03


def test_broadcast_expects_nothing(line: Line, port: Any, clock: Any) -> None:
    line.tell(b"\x68" * 10)

    assert clock.now == pytest.approx(port.sent[0][0] + 10 * BYTE_S)


def test_raw_frames_are_kept_up_to_a_limit(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.05, answer(ASK_A))]
    for _ in range(300):
        line.exchange(read(ASK_A), TIMING)

    frames = line.raw_frames()
    assert len(frames) == 512
    assert [(frame.direction, frame.data) for frame in frames[-2:]] == [(">", ASK_A.to_bytes()), ("<", answer(ASK_A))]


def test_broken_port_is_reported(line: Line, port: Any) -> None:
    port.broken = True
    with pytest.raises(PortUnavailable):
        line.exchange(read(ASK_A), TIMING)


def test_stop_ends_the_wait_for_a_reply(port: Any, clock: Any) -> None:
    line = Line(port, clock, BYTE_S, GAP_S, stopping=lambda: clock.now > 100.4)
    with pytest.raises(LineError):
        line.exchange(read(ASK_A), ExchangeTiming(0.03, 5.0, 0.15, 0.5))

    assert clock.now < 101.0

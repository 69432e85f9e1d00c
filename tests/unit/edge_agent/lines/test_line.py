"""One exchange on a scripted port in virtual time: gap, deadlines, late replies, echo and noise.

Size: one scripted port and its frames serve every case of an exchange.
"""

from __future__ import annotations

from contextlib import suppress
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


def test_trickling_reply_has_a_total_deadline(line: Line, port: Any) -> None:
    reply = answer(ASK_A).lstrip(b"\xfe")
    port.answer = lambda request: [(0.05 + 0.14 * index, reply[index : index + 1]) for index in range(len(reply))]
    with pytest.raises(NoReply) as caught:
        line.exchange(read(ASK_A), TIMING)

    assert caught.value.details["waited_s"] <= 0.05 + 11 * BYTE_S * 1.5 + TIMING.between_bytes_s + 0.001  # the shortest frame has 12 bytes
    assert line.counters.useful_bytes == 0


def test_reply_at_half_the_speed_of_the_line_after_its_header_is_used(line: Line, port: Any) -> None:
    reply = answer(ASK_A).lstrip(b"\xfe")
    port.answer = lambda request: [(0.05, reply[:10]), (0.05 + 0.14, reply[10:12]), (0.05 + 0.18, reply[12:])]

    assert line.exchange(read(ASK_A), TIMING).reply.address == ASK_A.address


def test_damaged_reply_is_told_apart_from_silence(line: Line, port: Any) -> None:
    damaged = bytearray(answer(ASK_A))
    damaged[-2] ^= 1
    port.answer = lambda request: [(0.05, bytes(damaged))]

    with pytest.raises(ChecksumError):
        line.exchange(read(ASK_A), TIMING)

    assert (line.counters.checksum_errors, line.counters.timeouts) == (1, 0)
    assert line.counters.noise_bytes == len(damaged) - damaged.count(0xFE)


def damage(reply: bytes) -> bytes:
    return reply[:-2] + bytes([reply[-2] ^ 1]) + reply[-1:]


def test_damaged_reply_ends_the_wait_at_the_pause_behind_it(line: Line, port: Any, clock: Any) -> None:
    port.answer = lambda request: [(0.05, damage(answer(ASK_A)))]
    with pytest.raises(ChecksumError):
        line.exchange(read(ASK_A), TIMING)

    sent_at, request = port.sent[0]
    assert clock.now == pytest.approx(sent_at + len(request) * BYTE_S + 0.05 + TIMING.between_bytes_s)


def test_intact_reply_behind_a_damaged_one_is_used(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.05, damage(answer(ASK_A))), (0.15, answer(ASK_A))]

    assert line.exchange(read(ASK_A), TIMING).reply.address == ASK_A.address


def test_bus_must_fall_quiet_when_another_frame_breaks_off_behind_the_damaged_one(line: Line, port: Any, clock: Any) -> None:
    port.answer = lambda request: [(0.05, damage(answer(ASK_A)) + answer(ASK_A)[:12])]
    with pytest.raises(ChecksumError):
        line.exchange(read(ASK_A), TIMING)

    sent_at, request = port.sent[0]
    assert clock.now == pytest.approx(sent_at + len(request) * BYTE_S + 0.05 + TIMING.quiet_s)


def test_reply_broken_off_counts_as_noise(line: Line, port: Any) -> None:
    broken = answer(ASK_A)[:15]
    port.answer = lambda request: [(0.05, broken)]
    with pytest.raises(NoReply, match="no usable reply") as caught:
        line.exchange(read(ASK_A), TIMING)

    assert line.counters.noise_bytes == len(broken) - broken.count(0xFE)
    assert caught.value.details["received"] == broken.hex(" ")


def test_first_request_leaves_at_once(line: Line, port: Any, clock: Any) -> None:
    port.answer = lambda request: [(0.05, answer(ASK_A))]
    line.exchange(read(ASK_A), TIMING)

    assert port.sent[0][0] == pytest.approx(100.0, abs=1e-6)


def test_first_of_two_replies_counts_and_the_other_is_foreign(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.05, answer(ASK_A) + answer(ASK_A, "99 99 99 99"))]

    assert line.exchange(read(ASK_A), TIMING).reply.data[4:] == bytes.fromhex("42061200")
    assert line.counters.foreign_frames == 1


def test_stop_ends_the_wait_for_a_quiet_bus(port: Any, clock: Any) -> None:
    line = Line(port, clock, BYTE_S, GAP_S, stopping=lambda: clock.now > 101.0)
    with pytest.raises(LineError, match="stopped"):
        line.await_gap(60.0)

    assert clock.now < 102.0


def test_silence_tells_the_request_the_wait_and_that_nothing_came(line: Line) -> None:
    with pytest.raises(NoReply, match=r"^no reply") as caught:
        line.exchange(read(ASK_A), TIMING)

    details = caught.value.details
    assert (details["request"], details["received"]) == (ASK_A.to_bytes().hex(" "), None)
    assert details["waited_s"] == TIMING.first_byte_s


def test_bytes_that_come_while_the_bus_settles_are_counted(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.05, answer(ASK_A)[:15]), (0.4, b"\x55" * 7)]
    with pytest.raises(NoReply):
        line.exchange(read(ASK_A), TIMING)

    assert line.counters.noise_bytes == 15 - answer(ASK_A)[:15].count(0xFE) + 7
    assert [frame.data for frame in line.raw_frames()[1:]] == [answer(ASK_A)[:15], b"\x55" * 7]


@pytest.mark.parametrize("jitter_s", [0.0, 0.3])
def test_network_jitter_is_allowed_for_before_the_reply_and_within_it(line: Line, port: Any, jitter_s: float) -> None:
    port.jitter_s = jitter_s
    first_at, reply = TIMING.first_byte_s + jitter_s - 0.01, answer(ASK_A)
    second_at = first_at + TIMING.between_bytes_s + 2 * jitter_s - 0.01
    port.answer = lambda request: [(first_at, reply[:8]), (second_at, reply[8:])]

    assert line.exchange(read(ASK_A), TIMING).reply.address == ASK_A.address


def test_pause_longer_than_the_jitter_explains_ends_the_reply(line: Line, port: Any) -> None:
    port.jitter_s, reply = 0.3, answer(ASK_A)
    port.answer = lambda request: [(0.8, reply[:8]), (0.8 + TIMING.between_bytes_s + 0.6 + 0.05, reply[8:])]

    with pytest.raises(NoReply):
        line.exchange(read(ASK_A), TIMING)


def test_noise_around_the_reply_is_counted_and_skipped(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.02, b"\x00\x16\x55"), (0.05, b"\x68" + answer(ASK_A))]

    assert line.exchange(read(ASK_A), TIMING).reply.address == ASK_A.address
    assert line.counters.noise_bytes == 4
    assert line.counters.useful_bytes == len(ASK_A.to_bytes()) + len(answer(ASK_A))


def test_noise_late_in_the_wait_does_not_shorten_it(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.1, b"\x55"), (0.6, answer(ASK_A))]

    assert line.exchange(read(ASK_A), TIMING).reply.address == ASK_A.address


def test_noise_at_the_end_of_the_wait_lengthens_it_by_the_pause_between_bytes(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.65, b"\x55"), (0.78, answer(ASK_A))]

    assert line.exchange(read(ASK_A), TIMING).reply.address == ASK_A.address


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


def test_own_echo_that_arrives_in_pieces_is_cut_off(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.001, request[:7]), (0.005, request[7:] + answer(ASK_A)[:12]), (0.05, answer(ASK_A)[12:])]
    line.exchange(read(ASK_A), TIMING)

    assert (line.counters.echo_bytes, line.counters.foreign_frames, line.counters.noise_bytes) == (20, 0, 0)
    assert line.counters.useful_bytes == 20 + len(answer(ASK_A))


@pytest.mark.parametrize("second_at", [0.005, 0.04])
def test_reply_that_begins_as_its_request_does_is_kept_whole(line: Line, port: Any, second_at: float) -> None:
    request, reply = ASK_A.to_bytes(), answer(ASK_A).lstrip(b"\xfe")
    quick = request[: len(request) - len(request.lstrip(b"\xfe"))] + reply
    port.answer = lambda sent: [(0.001, quick[:6]), (second_at, quick[6:14]), (0.05, quick[14:])]

    assert line.exchange(read(ASK_A), TIMING).reply.data[4:] == bytes.fromhex("42061200")
    assert (line.counters.echo_bytes, line.counters.noise_bytes) == (0, 0)


def test_late_echo_on_a_line_known_to_echo_is_not_the_reply(line: Line, port: Any) -> None:
    request = modbus.write_coil_request(1, 0, True)
    first, second = (Transaction(request, modbus.ReplyDecoder(request), lambda reply: True) for _ in range(2))
    port.answer = lambda sent: [(0.001, sent), (0.05, sent)]
    assert line.exchange(first, TIMING).reply == request

    port.answer = lambda sent: [(0.1, sent)]
    with pytest.raises(NoReply):
        line.exchange(second, TIMING)


def test_echo_may_come_as_late_as_the_network_delays_it(line: Line, port: Any) -> None:
    port.jitter_s = 0.2
    port.answer = lambda request: [(0.15, request), (0.3, answer(ASK_A))]
    line.exchange(read(ASK_A), TIMING)

    assert line.counters.echo_bytes == 20


def test_reply_equal_to_its_request_is_a_reply_where_nothing_echoes(line: Line, port: Any) -> None:
    request = modbus.write_coil_request(1, 0, True)
    port.answer = lambda sent: [(0.03, sent)]

    exchange = line.exchange(Transaction(request, modbus.ReplyDecoder(request), lambda reply: True), TIMING)

    assert exchange.reply == request


def test_on_a_line_that_showed_no_echo_a_quick_reply_equal_to_its_request_is_the_reply(line: Line, port: Any) -> None:
    port.jitter_s = 0.1  # as behind a serial server: what comes within it may be an echo as long as nothing is known
    port.answer = lambda sent: [(0.03, registers_answer(ENERGY, "1111 1111"))]
    line.exchange(read_registers(ENERGY), TIMING)
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
    assert (line.counters.exchanges, line.counters.useful_bytes) == (1, 10)
    assert line.counters.busy_s == pytest.approx(clock.now - 100.0)


def test_gap_waited_for_beforehand_is_not_waited_for_again(line: Line, port: Any, clock: Any) -> None:
    port.answer = lambda request: [(0.3, answer(ASK_A))]
    line.exchange(read(ASK_A, rest_s=0.2), TIMING)
    ended = clock.now
    line.await_gap(0.05)
    assert clock.now == pytest.approx(ended + 0.2, abs=1e-6)

    line.exchange(read(ASK_A), TIMING)
    assert port.sent[1][0] == pytest.approx(ended + 0.2, abs=1e-6)
    assert line.counters.exchanges == 2


def test_closed_line_gives_its_port_back(line: Line, port: Any) -> None:
    port.open()
    line.close()

    assert not port.is_open


def test_raw_frames_are_kept_up_to_a_limit(line: Line, port: Any) -> None:
    port.answer = lambda request: [(0.05, answer(ASK_A))]
    for _ in range(300):
        line.exchange(read(ASK_A), TIMING)

    frames = line.raw_frames()
    assert len(frames) == 512
    assert [(frame.direction, frame.data) for frame in frames[-2:]] == [(">", ASK_A.to_bytes()), ("<", answer(ASK_A))]


def test_raw_frames_tell_who_was_asked_and_what_came_of_it(line: Line, port: Any) -> None:
    damaged = answer(ASK_A)[:-2] + bytes([answer(ASK_A)[-2] ^ 1]) + answer(ASK_A)[-1:]
    for reply in (answer(ASK_A), damaged, b"\x55" * 3, b""):
        port.answer = lambda request, reply=reply: [(0.05, reply)] if reply else []
        with suppress(NoReply, ChecksumError):
            line.exchange(read(ASK_A), TIMING, device="m1")

    frames = line.raw_frames()
    assert [frame.verdict for frame in frames] == ["sent", "ok", "sent", "damaged", "sent", "noise", "sent", "silence"]
    assert {frame.device for frame in frames} == {"m1"}


def test_broken_port_is_reported(line: Line, port: Any) -> None:
    port.broken = True
    with pytest.raises(PortUnavailable):
        line.exchange(read(ASK_A), TIMING)


def test_stop_ends_the_wait_for_a_reply(port: Any, clock: Any) -> None:
    line = Line(port, clock, BYTE_S, GAP_S, stopping=lambda: clock.now > 100.4)
    with pytest.raises(LineError):
        line.exchange(read(ASK_A), ExchangeTiming(0.03, 5.0, 0.15, 0.5))

    assert clock.now < 101.0


def read_registers(asked: bytes) -> Transaction[bytes]:
    return Transaction(asked, modbus.ReplyDecoder(asked), lambda reply: True, alike=modbus.reply_mark(asked))


def registers_answer(asked: bytes, words: str) -> bytes:
    frame = asked[:2] + bytes([len(bytes.fromhex(words))]) + bytes.fromhex(words)
    return frame + crc(frame.hex())


ENERGY, VOLTAGE, MANY = (modbus.read_request(1, 4, address, count) for address, count in ((0x0156, 2), (0x0000, 2), (0x0000, 6)))


def test_a_late_modbus_reply_is_not_taken_for_the_next_read_of_its_size(line: Line, port: Any) -> None:
    port.answer = {ENERGY: [(0.9, registers_answer(ENERGY, "1111 1111"))], VOLTAGE: [(0.05, registers_answer(VOLTAGE, "2222 2222"))]}.__getitem__

    with pytest.raises(NoReply):
        line.exchange(read_registers(ENERGY), TIMING)
    reply = line.exchange(read_registers(VOLTAGE), TIMING).reply

    assert modbus.reply_registers(VOLTAGE, reply) == [0x2222, 0x2222]


def test_the_second_of_two_late_modbus_replies_is_not_taken_for_the_next_read(line: Line, port: Any) -> None:
    port.answer = {ENERGY: [(0.9, registers_answer(ENERGY, "1111 1111"))], VOLTAGE: [(0.05, registers_answer(VOLTAGE, "2222 2222"))]}.__getitem__

    with pytest.raises(NoReply):
        line.exchange(read_registers(ENERGY), TIMING)
    line.exchange(read_registers(ENERGY), TIMING)  # takes the first one's answer; its own is still to come
    reply = line.exchange(read_registers(VOLTAGE), TIMING).reply

    assert modbus.reply_registers(VOLTAGE, reply) == [0x2222, 0x2222]


@pytest.mark.parametrize("then", [ENERGY, MANY])
def test_nothing_waits_for_an_owed_reply_that_could_do_no_harm(line: Line, port: Any, clock: Any, then: bytes) -> None:
    port.answer = lambda request: []
    with pytest.raises(NoReply):
        line.exchange(read_registers(ENERGY), TIMING)
    failed = clock.now

    port.answer = lambda request: [(0.05, registers_answer(then, "3333" * (then[5])))]
    line.exchange(read_registers(then), TIMING)

    assert port.sent[-1][0] - failed < TIMING.first_byte_s


def test_an_owed_reply_is_forgotten_in_time(line: Line, port: Any, clock: Any) -> None:
    port.answer = lambda request: []
    with pytest.raises(NoReply):
        line.exchange(read_registers(ENERGY), TIMING)
    clock.now += 10
    began = clock.now
    port.answer = lambda request: [(0.05, registers_answer(VOLTAGE, "2222 2222"))]

    line.exchange(read_registers(VOLTAGE), TIMING)

    assert port.sent[-1][0] - began < TIMING.gap_s + 0.01

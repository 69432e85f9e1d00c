"""Switching: the frames real masters sent, and what is told of meters that refuse, stay silent or lie."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from edge_agent.drivers.access import Access
from edge_agent.drivers.switching import switch
from edge_agent.drivers.writes import remote_control
from protocol.errors import DeviceRefused, EncodeError, NoReply, NotFound, Refused
from protocol.wire import modbus

RELAY = {"quantity": "meter_relay_open", "unit": "state", "di": "04000503", "format": "u16", "bits": [4, 1]}
TRIP = {"name": "disconnect", "write": {"n1": "1A"}, "confirm": {"quantity": "meter_relay_open", "value": 1, "within_s": 5}}
CLOSE = {"name": "reconnect", "write": {"n1": "1B"}, "confirm": {"quantity": "meter_relay_open", "value": 0, "within_s": 5}}
CLOSED, OPEN = "0000", "5000"
AT = datetime(2026, 6, 1, 12, 0)
# public captures (fieldbus.md 1.9, no. 8 and 9): level 02, password 020637, operator 00000001, valid until 2099-12-30
TRIP_8 = "68 61 10 01 30 12 15 68 1C 10 35 6A 39 35 34 33 33 33 4D 33 33 33 33 63 45 CC 2C 16"
CLOSE_9 = "68 61 10 01 30 12 15 68 1C 10 35 6A 39 35 34 33 33 33 4E 33 33 33 33 63 45 CC 2D 16"
CAPTURED = Access("020637", "00000001")


class Relay:
    """What a meter with a relay does with 1CH."""

    def __init__(self, meter: Any, state: str, reply: tuple[int, bytes] | None = (0x9C, b""), moves: bool = True, after: int = 0) -> None:
        self.frames: list[bytes] = []
        self._reply, self._moves, self._left = reply, moves, after
        self.meter = meter({"04000503": state}, self._switch)
        self._then: str | None = None

    def __call__(self, request: bytes) -> bytes | None:
        if request[8] == 0x11 and self._then is not None:
            self._left -= 1
            if self._left < 0:
                self.meter.registers["04000503"] = self._then
        return self.meter(request)  # type: ignore[no-any-return]

    def _switch(self, control: int, data: bytes) -> tuple[int, bytes] | None:
        self.frames.append(data)
        if self._moves:
            self._then = OPEN if data[8] == 0x1A else CLOSED
        return self._reply


@pytest.fixture
def profile(make_profile: Any) -> Any:
    return make_profile("dlt645_2007", [RELAY], commands=[TRIP, CLOSE])


def order(profile: Any, device: Any, command: str = "disconnect", access: Access = CAPTURED, **more: Any) -> Any:
    return switch(profile, device, command, access, lambda: AT, **more)


@pytest.mark.parametrize(("command", "state", "frame"), [("disconnect", CLOSED, TRIP_8), ("reconnect", OPEN, CLOSE_9)])
def test_the_frame_is_the_one_real_masters_sent(
    profile: Any, make_device: Any, carry_out: Any, meter: Any, command: str, state: str, frame: str
) -> None:
    device, relay = make_device("151230011061"), Relay(meter, state)
    until = datetime(2099, 12, 30)

    result, played = carry_out(order(profile, device, command, valid_for=until - AT), relay)

    assert played.sent[1] == bytes.fromhex(frame)
    assert (result.outcome, result.seen, result.refusal) == ("done", 1 if command == "disconnect" else 0, None)
    assert len(played.sent) == 3


@pytest.mark.parametrize(
    ("access", "level", "until", "address", "frame"),
    [  # fieldbus.md 1.9, no. 12 and 13
        (Access("000000", "30303030"), "02", None, "000000219998",
         "68 98 99 21 00 00 00 68 1C 10 35 33 33 33 63 63 63 63 4D 33 33 33 33 33 33 33 5A 16"),
        (Access("000000"), "00", datetime(2018, 5, 12, 15, 41, 24), "111111111111",
         "68 11 11 11 11 11 11 68 1C 10 33 33 33 33 33 33 33 33 4D 33 57 74 48 45 38 4B 55 16"),
    ],
)  # fmt: skip
def test_other_masters_frames(profile: Any, make_device: Any, access: Access, level: str, until: datetime | None, address: str, frame: str) -> None:
    write = remote_control(profile, make_device(address), 0x1A, access, level, until)

    assert write.transaction.request.lstrip(b"\xfe") == bytes.fromhex(frame)


def test_command_is_valid_for_ten_minutes_of_site_time(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    relay = Relay(meter, CLOSED)
    carry_out(order(profile, make_device()), relay)

    assert relay.frames[0][10:] == bytes.fromhex("00 10 12 01 06 26")


@pytest.mark.parametrize(("offset_ms", "minute"), [(-119_000, 10), (-600_000, 0), (600_000, 20), (None, 10)])
def test_meter_whose_clock_is_off_by_more_than_two_minutes_gets_its_own_time(
    profile: Any, make_device: Any, carry_out: Any, meter: Any, offset_ms: int | None, minute: int
) -> None:
    relay = Relay(meter, CLOSED)
    carry_out(order(profile, make_device(), clock_offset_ms=offset_ms), relay)

    assert relay.frames[0][11] == int(str(minute), 16)


def test_nothing_is_sent_to_a_relay_that_is_there_already(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    relay = Relay(meter, OPEN)
    result, played = carry_out(order(profile, make_device()), relay)

    assert (result.outcome, result.seen) == ("already", 1)
    assert relay.frames == []
    assert len(played.sent) == 1


@pytest.mark.parametrize(
    ("reply", "moves", "outcome"),
    [
        ((0x9C, b""), True, "done"),
        ((0x9C, b""), False, "unconfirmed"),
        ((0xDC, b"\x04"), False, "refused"),
        ((0xDC, b"\x04"), True, "done"),  # a negative answer is no proof that nothing happened
        (None, True, "done"),
        (None, False, "unconfirmed"),
    ],
)
def test_only_the_reading_tells_what_happened(
    profile: Any, make_device: Any, carry_out: Any, meter: Any, reply: Any, moves: bool, outcome: str
) -> None:
    relay = Relay(meter, CLOSED, reply, moves)
    result, _played = carry_out(order(profile, make_device()), relay)

    assert result.outcome == outcome
    assert (result.refusal is not None) == (reply is not None and reply[0] == 0xDC)
    assert result.seen == int(moves)
    assert len(relay.frames) == 1  # never repeated


def test_slow_relay_is_waited_for_as_long_as_the_profile_says(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    slow, slower = Relay(meter, CLOSED, after=5), Relay(meter, CLOSED, after=6)
    result, played = carry_out(order(profile, make_device()), slow)
    late, _ = carry_out(order(profile, make_device()), slower)

    assert (result.outcome, played.paused_s) == ("done", 5.0)
    assert (late.outcome, late.seen) == ("unconfirmed", 0)


def test_expired_command_is_not_sent(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    relay = Relay(meter, CLOSED)
    with pytest.raises(Refused, match="expired"):
        carry_out(order(profile, make_device(), expires_at=AT), relay)

    assert relay.frames == []


def test_command_that_expires_during_the_first_reading_is_not_sent(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    relay, times = Relay(meter, CLOSED), iter((AT, AT + timedelta(seconds=30)))
    procedure = switch(profile, make_device(), "disconnect", CAPTURED, lambda: next(times), expires_at=AT + timedelta(seconds=30))
    with pytest.raises(Refused, match="expired"):
        carry_out(procedure, relay)

    assert relay.frames == []


def test_nothing_is_sent_to_a_silent_meter(profile: Any, make_device: Any, carry_out: Any) -> None:
    asked: list[bytes] = []

    def silent(request: bytes) -> None:
        asked.append(request)

    with pytest.raises(NoReply):
        carry_out(order(profile, make_device()), silent)

    assert [request[8] for request in asked] == [0x11, 0x11]


def test_nothing_is_sent_where_nothing_could_be_read_back(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    written: list[bytes] = []
    blind = meter({}, lambda control, data: written.append(data))
    with pytest.raises(DeviceRefused):
        carry_out(order(profile, make_device()), blind)

    assert written == []


def test_unknown_command_names_the_known_ones(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    with pytest.raises(NotFound, match="disconnect, reconnect"):
        carry_out(order(profile, make_device(), "explode"), meter({}))


def test_password_is_in_no_repr_and_in_nothing_that_is_shown(profile: Any, make_device: Any) -> None:
    access = Access("417263", "00000001")
    write = remote_control(profile, make_device(), 0x1A, access, "02", None)
    on_wire = bytes((byte + 0x33) & 0xFF for byte in bytes.fromhex("637241"))

    assert "417263" not in repr(access)
    assert on_wire in write.transaction.request
    assert write.transaction.shown is not None
    assert on_wire not in write.transaction.shown
    assert len(write.transaction.shown) == len(write.transaction.request)


@pytest.mark.parametrize("wrong", [{"password": "12345"}, {"password": "12345A"}, {"operator": "1"}, {"level": "2"}])
def test_access_of_the_wrong_shape_is_refused_without_naming_the_password(wrong: dict[str, str]) -> None:
    with pytest.raises(EncodeError) as caught:
        Access(**wrong)

    assert "12345" not in str(caught.value)


def test_valve_is_moved_and_looked_at_every_three_seconds(make_profile: Any, make_device: Any, carry_out: Any) -> None:
    items = [{"quantity": "valve_state", "unit": "state", "format": "u16", "offset": -2, "bits": [0, 2]}]
    command = {"name": "close_valve", "write": {"di": "A017", "data": "99"}, "confirm": {"quantity": "valve_state", "value": 1, "within_s": 30}}
    profile = make_profile("cjt188", items, meter_type="10", di_order="high_first", commands=[command], groups={"energy": 900})
    sent: list[bytes] = []

    def valve(request: bytes) -> bytes:
        sent.append(request)
        closed = sum(one[9] == 0x01 for one in sent) >= 5
        data = b"\xa0\x17\x01" if request[9] == 0x04 else b"\x90\x1f\x00" + bytes(4) + bytes([closed, 0])
        body = request[:9] + bytes([request[9] | 0x80, len(data)]) + data
        return body + bytes([sum(body) & 0xFF, 0x16])

    result, played = carry_out(switch(profile, make_device("00000019121301"), "close_valve", Access(), lambda: AT), valve)

    assert (result.outcome, played.paused_s) == ("done", 9.0)
    assert sent[1][:11] == bytes.fromhex("68 10 01 13 12 19 00 00 00 04 04")  # fieldbus.md 2.2 no. 6, but for the maker's 00 as SER
    assert sent[1][11:13] + sent[1][14:15] == bytes.fromhex("A0 17 99")


@pytest.mark.parametrize(
    ("write", "frame"),
    [  # fieldbus.md 3.6
        ({"function": 5, "address": 0, "value": 0xFF00}, "01 05 00 00 FF 00 8C 3A"),
        ({"function": 5, "address": 0xFF, "value": 0xFF00}, "01 05 00 FF FF 00 BC 0A"),
    ],
)
def test_relay_boards_get_the_frames_of_their_manual(make_profile: Any, make_device: Any, carry_out: Any, write: dict[str, int], frame: str) -> None:
    items = [{"quantity": "relay_1", "unit": "state", "function": 1, "address": 0, "type": "bit"}]
    command = {"name": "relay_1_on", "write": write, "confirm": {"quantity": "relay_1", "value": 1}}
    profile = make_profile("modbus_rtu", items, commands=[command], groups={"energy": 60})
    state = [0]

    def board(request: bytes) -> bytes:
        if request[1] != 1:
            state[0] = 1
            return request
        return _with_crc(bytes([1, 1, 1, *state]))

    result, played = carry_out(switch(profile, make_device("1"), "relay_1_on", Access(), lambda: AT), board)

    assert result.outcome == "done"
    assert played.sent[1] == bytes.fromhex(frame)


def test_run_of_coils_is_written_at_once(make_profile: Any, make_device: Any, carry_out: Any) -> None:
    items = [{"quantity": "relay_1", "unit": "state", "function": 1, "address": 0, "type": "bit"}]
    write = {"function": 15, "address": 0, "value": 1, "count": 16}
    command = {"name": "all_on", "write": write, "confirm": {"quantity": "relay_1", "value": 1}}
    profile = make_profile("modbus_rtu", items, commands=[command], groups={"energy": 60})
    state = [0]

    def board(request: bytes) -> bytes:
        if request[1] == 15:
            state[0] = 1
            return _with_crc(request[:6])
        return _with_crc(bytes([request[0], 1, 1, *state]))

    _, played = carry_out(switch(profile, make_device("254"), "all_on", Access(), lambda: AT), board)

    assert played.sent[1] == bytes.fromhex("FE 0F 00 00 00 10 02 FF FF A6 64")


def _with_crc(body: bytes) -> bytes:
    crc = 0xFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return body + crc.to_bytes(2, "little")


def test_crc_of_this_file_is_right() -> None:
    assert _with_crc(bytes.fromhex("01 05 00 00 FF 00")) == modbus.write_coil_request(1, 0, True)

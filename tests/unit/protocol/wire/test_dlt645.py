from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import (
    AuthenticationFailed,
    ChecksumError,
    CustomerMismatch,
    DeviceRefused,
    DuplicateRecharge,
    EncodeError,
    FrameError,
    HoardingLimitExceeded,
    NoSuchData,
    RechargeCountWrong,
    RechargeRefused,
    SpeedRefused,
    UnexpectedReply,
    ValueRefused,
    WrongPassword,
)
from protocol.wire import dlt645
from protocol.wire.dlt645 import Decoder, Frame, Version, matches, read_request, reply_data

V07, V97 = Version.V2007, Version.V1997
METER = "000102030425"
ENERGY_REPLY = bytes.fromhex("68 25 04 03 02 01 00 68 91 08 33 33 34 33 75 39 45 33 8B 16")
VOLTAGE_REPLY = bytes.fromhex("FE FE FE FE 68 43 10 00 11 34 00 68 91 06 33 34 34 35 CA 55 EE 16")
READ = read_request(V07, METER, "00010000")
DI = READ.data


def reply(control: int = 0x91, data: bytes = DI, address: str = METER) -> Frame:
    return Frame(address, control, data)


@given(st.text("0123456789A", min_size=12, max_size=12), st.integers(0, 255), st.binary(max_size=255), st.integers(0, 9))
def test_frame_round_trip(address: str, control: int, data: bytes, preamble: int):
    frame = Frame(address, control, data)

    assert Frame.from_bytes(frame.to_bytes(preamble)) == frame


# --- negative vectors ---


def test_flipped_checksum_is_a_checksum_error():
    hit = ENERGY_REPLY[:-2] + b"\x8c\x16"

    with pytest.raises(ChecksumError) as error:
        Frame.from_bytes(hit)

    assert (error.value.details["expected"], error.value.details["got"]) == ("8B", "8C")


@pytest.mark.parametrize("length", range(len(ENERGY_REPLY)))
def test_truncated_frame_is_a_frame_error(length: int):
    with pytest.raises(FrameError):
        Frame.from_bytes(ENERGY_REPLY[:length])


@pytest.mark.parametrize(
    "raw",
    [
        ENERGY_REPLY + b"\x00",
        b"\x00" + ENERGY_REPLY,
        ENERGY_REPLY[:-1] + b"\x17",
        ENERGY_REPLY[:7] + b"\x67" + ENERGY_REPLY[8:],
        ENERGY_REPLY[:1] + b"\xbb" + ENERGY_REPLY[2:],
    ],
    ids=["byte behind", "byte before", "no end", "no second 68", "address no BCD"],
)
def test_wrong_structure_is_a_frame_error(raw: bytes):
    with pytest.raises(FrameError):
        Frame.from_bytes(raw)


def test_start_byte_as_noise_before_a_frame_is_skipped():
    decoder = Decoder()

    frames = decoder.feed(b"\x68" + VOLTAGE_REPLY)

    assert [frame.control for frame in frames] == [0x91]
    assert (decoder.noise_bytes, decoder.checksum_errors) == (1, 0)


def test_two_replies_back_to_back_are_two_frames():
    assert Decoder().feed(ENERGY_REPLY + VOLTAGE_REPLY) == [Frame.from_bytes(ENERGY_REPLY), Frame.from_bytes(VOLTAGE_REPLY)]


def test_six_preamble_bytes_are_no_noise():
    decoder = Decoder()

    assert decoder.feed(b"\xfe" * 6 + ENERGY_REPLY) == [Frame.from_bytes(ENERGY_REPLY)]
    assert decoder.noise_bytes == 0


def test_hit_frame_is_counted_and_the_next_one_delivered():
    decoder = Decoder()

    frames = decoder.feed(ENERGY_REPLY[:-2] + b"\x8c\x16" + VOLTAGE_REPLY)

    assert [frame.address for frame in frames] == ["003411001043"]
    assert (decoder.checksum_errors, decoder.noise_bytes) == (1, len(ENERGY_REPLY))


def test_end_and_start_bytes_inside_data_do_not_split_a_frame():
    frame = reply(data=DI + bytes([0x16 - 0x33 & 0xFF, 0x68 - 0x33] * 12))

    assert Decoder().feed(frame.to_bytes()) == [frame]


def test_decoder_tells_what_is_missing_once_the_length_is_known():
    decoder = Decoder()

    decoder.feed(ENERGY_REPLY[:9])
    assert decoder.missing == 3  # a frame without data would need this much
    decoder.feed(ENERGY_REPLY[9:10])
    assert 0 < decoder.missing <= 10  # the second 68 might begin a shorter one


# --- what replies say ---


def test_reply_data_comes_without_identifier():
    answer = reply_data(V07, READ, Frame.from_bytes(ENERGY_REPLY))

    assert (answer.data, answer.more) == (bytes.fromhex("42 06 12 00"), False)


def test_block_reply_comes_whole():
    block = bytes(range(20))

    assert reply_data(V07, read_request(V07, METER, "0001FF00"), reply(data=bytes.fromhex("00 FF 01 00") + block)).data == block


def test_following_frames_lose_identifier_and_sequence_number():
    first = reply_data(V07, READ, reply(0xB1, DI + b"ab"))
    second = reply_data(V07, dlt645.followup_request(V07, METER, "00010000", 1), reply(0xB2, DI + b"cd" + b"\x01"))
    last = reply_data(V07, dlt645.followup_request(V07, METER, "00010000", 2), reply(0x92, DI + b"ef" + b"\x02"))

    assert [(part.data, part.more) for part in (first, second, last)] == [(b"ab", True), (b"cd", True), (b"ef", False)]


def test_following_frame_of_1997_has_no_sequence_number():
    request = dlt645.followup_request(V97, METER, "901F", 1)

    assert request == Frame(METER, 0x02, bytes.fromhex("1F 90"))
    assert reply_data(V97, request, reply(0x82, bytes.fromhex("1F 90 12 34"))).data == bytes.fromhex("12 34")


def test_address_reply_is_its_data():
    answer = reply_data(V07, dlt645.read_address_request(), reply(0x93, bytes.fromhex("25 04 03 02 01 00")))

    assert answer.data == bytes.fromhex("25 04 03 02 01 00")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(READ, id="echo"),
        pytest.param(reply(address="000102030426"), id="other meter"),
        pytest.param(reply(control=0x94), id="other function"),
        pytest.param(reply(data=bytes.fromhex("00 00 02 00 11 22 33 44")), id="other identifier"),
        pytest.param(reply(data=DI[:3]), id="no identifier"),
        pytest.param(reply(control=0xD1, data=b"\x02", address="000102030426"), id="other meter refuses"),
    ],
)
def test_frame_that_answers_another_question_is_unexpected(other: Frame):
    assert not matches(V07, READ, other)
    with pytest.raises(UnexpectedReply):
        reply_data(V07, READ, other)


@pytest.mark.parametrize("data", [DI + b"xx\x02", DI])
def test_wrong_or_absent_sequence_number_is_unexpected(data: bytes):
    request = dlt645.followup_request(V07, METER, "00010000", 1)

    with pytest.raises(UnexpectedReply):
        reply_data(V07, request, reply(0x92, data))


@pytest.mark.parametrize(
    ("asked", "answered", "fits"),
    [
        (dlt645.ANY_ADDRESS, METER, True),
        (dlt645.ANY_ADDRESS, dlt645.ANY_ADDRESS, True),
        ("A" * 10 + "25", METER, True),
        ("A" * 10 + "24", METER, False),
        (dlt645.BROADCAST, METER, True),
        (METER, dlt645.ANY_ADDRESS, False),
    ],
)
def test_wildcards_in_the_request_accept_any_digit(asked: str, answered: str, fits: bool):
    assert matches(V07, read_request(V07, asked, "00010000"), reply(address=answered)) is fits


@pytest.mark.parametrize(
    ("version", "request_control", "control", "err", "kind", "reason"),
    [
        (V07, 0x11, 0xD1, "01", DeviceRefused, "other error"),
        (V07, 0x11, 0xD1, "02", NoSuchData, "no such data"),
        (V07, 0x1C, 0xDC, "04", WrongPassword, "wrong password or not authorised"),
        (V07, 0x17, 0xD7, "08", SpeedRefused, "baud rate cannot be changed"),
        (V07, 0x14, 0xD4, "10", ValueRefused, "too many year zones"),
        (V07, 0x14, 0xD4, "20", ValueRefused, "too many day slots"),
        (V07, 0x14, 0xD4, "40", ValueRefused, "too many tariffs"),
        (V07, 0x11, 0xD1, "80", DeviceRefused, "reserved bit 7"),
        (V07, 0x11, 0xD1, "", DeviceRefused, "no reason given"),
        (V07, 0x11, 0xD1, "00", DeviceRefused, "no reason given"),
        (V07, 0x03, 0xC3, "02 00", DuplicateRecharge, "duplicate recharge"),
        (V07, 0x03, 0xC3, "04 00", AuthenticationFailed, "ESAM check failed"),
        (V07, 0x03, 0xC3, "08 00", AuthenticationFailed, "identity authentication failed or expired"),
        (V07, 0x03, 0xC3, "10 00", CustomerMismatch, "customer number does not match"),
        (V07, 0x03, 0xC3, "20 01", RechargeCountWrong, "recharge count error, reserved bit 8"),
        (V07, 0x03, 0xC3, "40 00", HoardingLimitExceeded, "purchase above the hoarding limit"),
        (V07, 0x03, 0xC3, "01", DeviceRefused, "other error"),
        (V07, 0x03, 0xC3, "02", NoSuchData, "no such data"),
        (V07, 0x03, 0xC3, "80", RechargeCountWrong, "recharge count error"),
        (V07, 0x03, 0xC3, "81", CustomerMismatch, "customer number does not match"),
        (V07, 0x03, 0xC3, "82", DeviceRefused, "maker's error 82"),
        (V07, 0x03, 0xC3, "83", ValueRefused, "price out of range"),
        (V07, 0x03, 0xC3, "84", ValueRefused, "wrong length"),
        (V97, 0x01, 0xC1, "01", ValueRefused, "invalid data"),
        (V97, 0x01, 0xC1, "02", NoSuchData, "no such identifier"),
        (V97, 0x04, 0xC4, "04", WrongPassword, "wrong password"),
        (V97, 0x0C, 0xCC, "08", SpeedRefused, "baud rate cannot be changed"),
        (V97, 0x03, 0xC3, "80", DeviceRefused, "reserved bit 7"),
    ],
)
def test_refusal_has_its_class_and_names_its_reason(
    version: Version, request_control: int, control: int, err: str, kind: type[DeviceRefused], reason: str
):
    request = Frame(METER, request_control, DI)

    with pytest.raises(DeviceRefused) as refused:
        reply_data(version, request, reply(control, bytes.fromhex(err)))

    assert type(refused.value) is kind
    assert (refused.value.details["reason"], refused.value.details["err"]) == (reason, err.replace(" ", ""))
    assert not refused.value.retryable


@pytest.mark.parametrize(
    ("control", "err", "kind", "reason"),
    [
        (0x11, "05", WrongPassword, "other error, wrong password or not authorised"),
        (0x11, "06", WrongPassword, "no such data, wrong password or not authorised"),
        (0x11, "12", NoSuchData, "no such data, too many year zones"),
        (0x03, "12 00", CustomerMismatch, "duplicate recharge, customer number does not match"),
        (0x03, "22 00", RechargeCountWrong, "duplicate recharge, recharge count error"),
        (0x03, "42 00", HoardingLimitExceeded, "duplicate recharge, purchase above the hoarding limit"),
        (0x03, "0A 00", AuthenticationFailed, "duplicate recharge, identity authentication failed or expired"),
        (0x03, "03 00", DuplicateRecharge, "other error, duplicate recharge"),
    ],
)
def test_of_several_words_the_most_specific_decides_and_all_are_told(control: int, err: str, kind: type[DeviceRefused], reason: str):
    with pytest.raises(DeviceRefused) as refused:
        reply_data(V07, Frame(METER, control, DI), reply(control | 0xC0, bytes.fromhex(err)))

    assert (type(refused.value), refused.value.details["reason"]) == (kind, reason)


def test_whoever_sends_money_catches_one_class():
    with pytest.raises(RechargeRefused):
        reply_data(V07, dlt645.security_request(METER, "070102FF", "00000000"), reply(0xC3, b"\x02\x00"))


@pytest.mark.parametrize(
    ("request_frame", "answer", "data"),
    [
        (dlt645.write_address_request("42"), Frame("000000000042", 0x95), ""),
        (dlt645.write_address_request("42", V97), Frame("000000000042", 0x8A), ""),
        (dlt645.freeze_request(METER), reply(0x96, b""), ""),
        (dlt645.change_baud_request(METER, 9600), reply(0x97, b"\x20"), "20"),
        (dlt645.change_password_request(V07, METER, "111111", "222222"), reply(0x98, bytes.fromhex("02 22 22 22")), "02 22 22 22"),
        (dlt645.clear_demand_request(V07, METER, "111111"), reply(0x99, b""), ""),
        (dlt645.clear_events_request(METER, "111111"), reply(0x9B, b""), ""),
        (dlt645.terminal_request(METER, 1), reply(0x9D, b"\x01"), "01"),
        (dlt645.security_request(METER, "070102FF", "00000000"), reply(0x83, bytes.fromhex("FF 02 01 07 AA")), "AA"),
        (dlt645.load_record_request(METER, "06000002", 1), reply(0x91, bytes.fromhex("02 00 00 06 A0")), "A0"),
    ],
    ids=lambda value: f"{value.control:02X}" if isinstance(value, Frame) else value,
)
def test_what_accepted_requests_are_answered(request_frame: Frame, answer: Frame, data: str):
    version = V97 if request_frame.control == 0x0A else V07

    assert reply_data(version, request_frame, answer).data == bytes.fromhex(data)


# --- requests ---


@pytest.mark.parametrize(
    ("frame", "control", "data"),
    [
        (read_request(V07, METER, "0001ff00"), 0x11, "00 FF 01 00"),
        (read_request(V07, METER, "05060101", b"\x05"), 0x11, "01 01 06 05 05"),
        (read_request(V97, METER, "9010"), 0x01, "10 90"),
        (dlt645.followup_request(V07, METER, "00010000", 3), 0x12, "00 00 01 00 03"),
        (dlt645.write_request(V07, METER, "04000F01", b"\x01\x02", "123456", "00000007", "04"), 0x14, "01 0F 00 04 04 56 34 12 07 00 00 00 01 02"),
        (dlt645.write_request(V97, METER, "C010", b"\x01", "123456", level="00"), 0x04, "10 C0 00 56 34 12 01"),
        (dlt645.write_address_request("000000000042"), 0x15, "42 00 00 00 00 00"),
        (dlt645.freeze_request(METER), 0x16, "99 99 99 99"),
        (dlt645.freeze_request(METER, "99010203"), 0x16, "03 02 01 99"),
        (dlt645.write_address_request("000000000042", V97), 0x0A, "42 00 00 00 00 00"),
        (dlt645.change_baud_request(METER, 9600), 0x17, "20"),
        (dlt645.change_baud_request(METER, 2400, V97), 0x0C, "10"),
        (dlt645.change_password_request(V07, METER, "123456", "654321", "02", "04"), 0x18, "05 0C 00 04 02 56 34 12 04 21 43 65"),
        (dlt645.change_password_request(V07, METER, "123456", "654321", "00", "09"), 0x18, "0A 0C 00 04 00 56 34 12 09 21 43 65"),
        (dlt645.change_password_request(V97, METER, "123456", "654321", "02", "04"), 0x0F, "02 56 34 12 04 21 43 65"),
        (dlt645.clear_demand_request(V07, METER, "123456", "00000007", "04"), 0x19, "04 56 34 12 07 00 00 00"),
        (dlt645.clear_demand_request(V97, METER, "123456", level="04"), 0x10, "04 56 34 12"),
        (dlt645.clear_events_request(METER, "123456", operator="00000007"), 0x1B, "02 56 34 12 07 00 00 00 FF FF FF FF"),
        (dlt645.clear_events_request(METER, "123456", "033000ff"), 0x1B, "02 56 34 12 00 00 00 00 FF 00 30 03"),
        (dlt645.terminal_request(METER, dlt645.Terminal.DEMAND_PERIOD), 0x1D, "01"),
        (dlt645.load_record_request(METER, "06000002", 3), 0x11, "02 00 00 06 03"),
        (dlt645.load_record_request(METER, "06000001", 16, datetime(2026, 11, 22, 13, 5)), 0x11, "01 00 00 06 10 05 13 22 11 26"),
        (dlt645.broadcast_time_request(datetime(2026, 11, 22, 13, 5, 9)), 0x08, "09 05 13 22 11 26"),
        (dlt645.security_request(METER, "070000FF", "00000001", b"\xaa"), 0x03, "FF 00 00 07 01 00 00 00 AA"),
    ],
)
def test_request_layout(frame: Frame, control: int, data: str):
    assert (frame.control, frame.data) == (control, bytes.fromhex(data))


def test_address_is_written_by_wildcard_in_2007_and_to_everybody_in_1997():
    assert (dlt645.write_address_request("42").address, dlt645.write_address_request("42", V97).address) == ("A" * 12, "9" * 12)


@pytest.mark.parametrize(("version", "bauds"), [(V07, (600, 1200, 2400, 4800, 9600, 19200)), (V97, (300, 600, 1200, 2400, 4800, 9600))])
def test_every_baud_has_its_one_bit(version: Version, bauds: tuple[int, ...]):
    assert [dlt645.change_baud_request(METER, baud, version).data.hex() for baud in bauds] == ["02", "04", "08", "10", "20", "40"]


def test_codes_of_remote_control_and_terminal_are_those_of_the_supplement():
    assert [f"{code:02X}" for code in dlt645.RemoteControl] == ["1A", "1B", "1C", "1D", "1E", "2A", "2B", "3A", "3B"]
    assert [f"{code:02X}" for code in dlt645.Terminal] == ["00", "01", "02"]


def test_four_bytes_wake_the_meter_unless_told_otherwise():
    assert READ.to_bytes()[:5] == b"\xfe\xfe\xfe\xfe\x68"


def test_longest_frame_is_what_one_length_byte_can_say():
    assert len(reply(data=bytes(255)).to_bytes(0)) == dlt645.MAX_FRAME_BYTES


def test_no_request_clears_the_meter():
    assert not [name for name in dlt645.__all__ if "clear" in name and name not in ("clear_demand_request", "clear_events_request")]


def test_short_address_is_filled_with_zeros():
    assert read_request(V07, "42", "00010000").address == "000000000042"


@pytest.mark.parametrize(
    "build",
    [
        lambda: read_request(V07, METER, "9010"),
        lambda: read_request(V97, METER, "00010000"),
        lambda: read_request(V07, METER, "0001000G"),
        lambda: read_request(V07, METER, "00 01 00 0"),
        lambda: read_request(V07, "1234567890123", "00010000"),
        lambda: dlt645.followup_request(V07, METER, "00010000", 256),
        lambda: dlt645.change_baud_request(METER, 115200),
        lambda: dlt645.change_baud_request(METER, 19200, V97),
        lambda: dlt645.change_baud_request(METER, 300),
        lambda: dlt645.change_password_request(V07, METER, "111111", "222222", new_level="98"),
        lambda: dlt645.change_password_request(V07, METER, "111111", "222222", new_level="10"),
        lambda: dlt645.clear_events_request(METER, "111111", "03300000"),
        lambda: dlt645.terminal_request(METER, 256),
        lambda: dlt645.load_record_request(METER, "06000002", 256),
        lambda: dlt645.freeze_request(METER, "9999"),
        lambda: dlt645.remote_control_request(METER, 0x100, None, "000000"),
        lambda: Frame("25", 0x11),
        lambda: Frame(METER, 0x100),
        lambda: Frame(METER, -1),
        lambda: Frame(METER, 0x11, bytes(256)),
    ],
)
def test_what_cannot_be_sent_is_refused_before_sending(build):
    with pytest.raises(EncodeError):
        build()


def test_password_never_stands_in_an_error():
    with pytest.raises(EncodeError) as error:
        dlt645.remote_control_request(METER, dlt645.RemoteControl.TRIP, None, "48151623")

    assert "48151623" not in str(error.value)

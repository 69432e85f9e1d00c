from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ChecksumError, DeviceRefused, EncodeError, FrameError, PayloadError, UnexpectedReply
from protocol.quantities import UNIT_FACTORS
from protocol.wire import cjt188
from protocol.wire.cjt188 import ANY_ADDRESS, ANY_TYPE, Decoder, Frame, matches, read_request, reply_data

METER = "00000805000001"
READ = read_request(0x10, METER, "901F")
REPLY = bytes.fromhex("68 10 44 33 22 11 00 33 78 81 16 1F 90 00 00 77 66 55 2C 00 77 66 55 2C 31 01 22 11 05 15 20 21 84 13 16")


def reply(control: int = 0x81, data: str = "1F 90 00 11 22", address: str = METER, meter_type: int = 0x10) -> Frame:
    return Frame(meter_type, address, control, bytes.fromhex(data))


@given(
    st.sampled_from([0x10, 0x19, 0x20, 0x49, ANY_TYPE]),
    st.text("0123456789A", min_size=14, max_size=14),
    st.integers(0, 255),
    st.binary(max_size=255),
    st.integers(0, 9),
)
def test_frame_round_trip(meter_type: int, address: str, control: int, data: bytes, preamble: int):
    frame = Frame(meter_type, address, control, data)

    assert Frame.from_bytes(frame.to_bytes(preamble)) == frame


def test_printed_checksum_08_is_wrong():
    with pytest.raises(ChecksumError):
        Frame.from_bytes(REPLY[:-2] + b"\x08\x16")


@pytest.mark.parametrize("length", range(len(REPLY)))
def test_truncated_frame_is_a_frame_error(length: int):
    with pytest.raises(FrameError):
        Frame.from_bytes(REPLY[:length])


@pytest.mark.parametrize("preamble", range(8))
def test_any_run_of_fe_is_preamble(preamble: int):
    decoder = Decoder()

    assert decoder.feed(b"\xfe" * preamble + REPLY) == [Frame.from_bytes(REPLY)]
    assert decoder.noise_bytes == 0


@pytest.mark.parametrize("data", ["1F 90 00 11 22", "90 1F 00 11 22", "90 1F 07 11 22"])
def test_reply_may_use_the_other_identifier_order_and_any_serial(data: str):
    assert reply_data(READ, reply(data=data)) == bytes.fromhex("11 22")


def test_wildcard_request_accepts_any_address_and_type():
    request = read_request(ANY_TYPE, ANY_ADDRESS, "901F")

    assert matches(request, reply(meter_type=0x20))


def test_reply_of_type_aa_answers_a_request_for_cold_water():
    assert matches(READ, reply(meter_type=ANY_TYPE))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(READ, id="echo"),
        pytest.param(reply(address="00000805000002"), id="other meter"),
        pytest.param(reply(meter_type=0x20), id="other type"),
        pytest.param(reply(control=0x84), id="other function"),
        pytest.param(reply(data="1F 91 00 11 22"), id="other identifier"),
        pytest.param(reply(data=""), id="no identifier"),
    ],
)
def test_frame_that_answers_another_question_is_unexpected(other: Frame):
    assert not matches(READ, other)
    with pytest.raises(UnexpectedReply):
        reply_data(READ, other)


@pytest.mark.parametrize(("data", "err"), [("00 02 00", "000200"), ("", "")])
def test_error_reply_is_a_refusal(data: str, err: str):
    with pytest.raises(DeviceRefused) as refused:
        reply_data(READ, reply(control=0xC1, data=data))

    assert refused.value.details["err"] == err


def test_address_request_is_answered_by_the_address_field():
    request = cjt188.read_address_request()

    assert (request.meter_type, request.data) == (ANY_TYPE, bytes.fromhex("0A 81 00"))
    assert reply_data(request, reply(0x83, "81 0A 00")) == b""


@pytest.mark.parametrize(
    "build",
    [
        lambda: read_request(0x10, METER, "00010000"),
        lambda: read_request(0x10, METER, "90XF"),
        lambda: read_request(0x10, METER, "901F", 256),
        lambda: read_request(0x10, "1" * 15, "901F"),
        lambda: read_request(0x100, METER, "901F"),
        lambda: read_request(0xFF, METER, "901F"),
        lambda: cjt188.valve_request(0x10, METER, 256),
        lambda: Frame(0x10, "1", 0x01),
        lambda: Frame(0x10, METER, 0x04, bytes(256)),
    ],
)
def test_what_cannot_be_sent_is_refused_before_sending(build):
    with pytest.raises(EncodeError):
        build()


@pytest.mark.parametrize("code", [0x02, 0x05, 0x08, 0x14, 0x17, 0x29, 0x2C, 0x32, 0x35])
def test_unit_codes_use_the_vocabulary(code: int):
    assert cjt188.UNIT_CODES[code] in {unit for unit, _ in UNIT_FACTORS}


def test_valve_of_the_maker_that_answers_aa():
    request = cjt188.valve_request(0x10, METER, cjt188.VALVE_CLOSE, di_order="high_first", control=cjt188.VALVE_WRITE)
    answer = Frame.from_bytes(bytes.fromhex("FE FE FE 68 10 01 00 00 05 08 00 00 AA 05 A0 17 00 01 FF EC 16"))

    assert request.to_bytes(0).hex(" ").upper() == "68 10 01 00 00 05 08 00 00 2A 04 A0 17 00 99 04 16"
    assert reply_data(request, answer) == bytes.fromhex("01 FF")
    assert not matches(cjt188.valve_request(0x10, METER, cjt188.VALVE_CLOSE), answer)


@pytest.mark.parametrize(("back", "di"), [(1, "D120"), (2, "D121"), (12, "D12B")])
def test_month_identifiers_count_back(back: int, di: str):
    assert cjt188.month_di(back) == di


def test_clock_is_set_from_the_second_up():
    request = cjt188.time_request(0x10, METER, datetime(2026, 9, 21, 22, 13, 20), di_order="high_first")

    assert (request.control, request.data) == (0x04, bytes.fromhex("A0 15 00 20 13 22 21 09 26 20"))


def test_initial_reading_has_its_own_control_code():
    request = cjt188.initial_reading_request(0x10, METER, 55_667_700)

    assert (request.control, request.data) == (0x16, bytes.fromhex("16 A0 00 00 77 66 55 2C"))


@pytest.mark.parametrize(
    "build", [lambda: cjt188.month_di(0), lambda: cjt188.month_di(13), lambda: cjt188.initial_reading_request(0x10, METER, 1, 0x2D)]
)
def test_months_and_units_that_do_not_exist_are_refused(build):
    with pytest.raises(EncodeError):
        build()


def test_settlement_day_is_a_day():
    assert cjt188.day_of_month(bytes.fromhex("25")) == 25
    for wrong in ("00", "32", "1A", ""):
        with pytest.raises(PayloadError):
            cjt188.day_of_month(bytes.fromhex(wrong))

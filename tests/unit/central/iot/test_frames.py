"""CJ/T 188 pushes as reports: the captures of the fact sheet, and what is refused."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from central.iot.frames import acknowledgement, command_frame, frame_report, valve_answer
from central.iot.model import Order
from protocol.errors import MessageError
from protocol.wire.cjt188 import Frame

ZONE = "Asia/Shanghai"
# public captures of replies to a 901F read: identifier in either order
CAPTURED = "68 10 44 33 22 11 00 33 78 81 16 1F 90 00 00 77 66 55 2C 00 77 66 55 2C 31 01 22 11 05 15 20 21 84 13 16"
EMPTY = "68 10 88 05 27 10 15 20 00 81 16 90 1F 01 00 00 00 00 2C 00 00 00 00 2C 06 20 17 09 01 17 20 00 00 8E 16"


def test_a_captured_reply_is_a_report():
    report = frame_report(Frame.from_bytes(bytes.fromhex(CAPTURED)), None, ZONE)

    assert (report.number, report.values["water_volume"], report.values["water_volume_settlement"]) == ("78330011223344", 556_677_000, 556_677_000)
    assert (report.values["valve_state"], report.values["battery_low"]) == (1, 0)
    assert report.meter_time_ms == datetime(2015, 5, 11, 22, 1, 31, tzinfo=ZoneInfo(ZONE)).timestamp() * 1000


def test_the_other_order_of_the_identifier_is_the_same():
    report = frame_report(Frame.from_bytes(bytes.fromhex(EMPTY)), "868000000000011", ZONE)

    assert (report.imei, report.number, report.values["water_volume"]) == ("868000000000011", "20151027058" + "8", 0)


def test_a_short_reply_has_no_clock():
    report = frame_report(_frame("1F9000" + "34120000" + "0600"), None, ZONE)

    assert (report.values["water_volume"], report.values["valve_state"], report.values["battery_low"], report.meter_time_ms) == (12_340, 2, 1, None)


def test_a_clock_that_was_never_set_is_no_time():
    assert frame_report(_frame("1F9000" + "341200002C341200002C" + "FF" * 7 + "0000"), None, ZONE).meter_time_ms is None


@pytest.mark.parametrize(
    ("data", "control"),
    [
        ("1F9000" + "341200002C341200002C" + "00" * 9, 0xC1),
        ("1F9000" + "341200002C341200002C" + "00" * 9, 0x01),
        ("0A8100" + "341200002C341200002C" + "00" * 9, 0x81),
        ("1F9000" + "3412", 0x81),
        ("1F9000" + "3A1200002C341200002C" + "00" * 9, 0x81),
        ("1F9000" + "3412000005341200002C" + "00" * 9, 0x81),
        ("1F", 0x81),
    ],
)
def test_other_frames_are_no_reports(data, control):
    with pytest.raises(MessageError):
        frame_report(_frame(data, control), None, ZONE)


def test_what_goes_back_has_the_pushs_own_marks():
    frame = Frame.from_bytes(bytes.fromhex(EMPTY))

    assert acknowledgement(frame).hex(" ").upper() == "FE FE 68 10 88 05 27 10 15 20 00 00 03 90 1F 01 24 16"
    assert command_frame(frame, Order(0x105, "valve_close", {}, 0)).hex(" ").upper() == "FE FE 68 10 88 05 27 10 15 20 00 04 04 A0 17 05 99 CE 16"
    assert command_frame(_frame("1F9000"), Order(1, "valve_open", {}, 0))[13:17].hex() == "17a00155"
    assert command_frame(frame, Order(1, "read_history", {}, 0)) is None


@pytest.mark.parametrize(("control", "data", "ok"), [(0x84, "A017050100", True), (0x84, "17A0050100", True), (0xC4, "0500", False)])
def test_answers_to_valve_commands_are_results(control, data, ok):
    result = valve_answer(_frame(data, control), 7)

    assert (result.command, result.ok) == (7, ok)
    assert valve_answer(_frame("1F9000"), 7) is None


def _frame(data: str, control: int = 0x81) -> Frame:
    return Frame(0x10, "00000000001001", control, bytes.fromhex(data))

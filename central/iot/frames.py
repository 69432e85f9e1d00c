"""CJ/T 188 frames that a meter pushes by itself, as reports, and what is sent back to it as frames. Pure.

A pushed frame is the reply to a 901F read that nobody asked (C = 81). The standard knows no acknowledgement of such a push; ours is a frame with
the push's own type, address, identifier and SER, and C = 00, which is no function of the standard, so no meter can take it for a request.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from central.iot.model import CommandResult, Order, Report
from protocol.errors import MessageError, PayloadError
from protocol.wire.bcd import decode_bcd
from protocol.wire.cjt188 import UNIT_CODES, Frame

PUSHED, VALVE_DONE, VALVE_REFUSED = 0x81, 0x84, 0xC4
_ACKNOWLEDGE, _WRITE = 0x00, 0x04
_READING, _VALVE = b"\x90\x1f", b"\xa0\x17"
_VALVE_ACTIONS = {"valve_open": 0x55, "valve_close": 0x99}  # CJ/T 188, A017
_FULL, _SHORT = 19, 6  # bytes behind identifier and SER: with unit, settlement, clock and status; total and status only


def frame_report(frame: Frame, imei: str | None, zone: str) -> Report:
    """The report in a pushed frame. `zone`: of the meter's clock. Raises MessageError for a frame that is no such push."""
    if frame.control != PUSHED or frame.data[:2] not in (_READING, _READING[::-1]):
        got = f"C={frame.control:02X} DI={frame.data[:2].hex().upper()}"
        raise MessageError(f"not a pushed reading: expected C=81 and identifier 901F, got {got}", frame=_hex(frame))
    data = frame.data[3:]
    if len(data) not in (_FULL, _SHORT):
        raise MessageError(f"901F data of {len(data)} bytes is no layout we know; expected {_FULL} or {_SHORT}", frame=_hex(frame))
    try:
        values = {"water_volume": _litres(data[:4], UNIT_CODES.get(data[4]) if len(data) == _FULL else "m3")}
    except PayloadError as error:
        raise MessageError(f"the register is not BCD: {error.message}", frame=_hex(frame)) from error
    if len(data) == _FULL and data[9] == data[4] and data[5:9].hex().isdecimal():
        values["water_volume_settlement"] = _litres(data[5:9], UNIT_CODES.get(data[9]))
    values |= {"valve_state": data[-2] & 0x03, "battery_low": data[-2] >> 2 & 1}  # ST0
    number = str(int(frame.address)) if frame.address.isdecimal() else None
    return Report(imei, number, None, _clock(data[10:17], zone) if len(data) == _FULL else None, values)


def valve_answer(frame: Frame, command: int) -> CommandResult | None:
    """What a meter answers to a valve command (A017); None for any other frame."""
    if frame.control == VALVE_DONE and frame.data[:2] in (_VALVE, _VALVE[::-1]):
        return CommandResult(command, True, f"the meter took the command, status {frame.data[3:].hex(' ').upper() or '(none)'}")
    if frame.control == VALVE_REFUSED:
        return CommandResult(command, False, f"the meter refused, {frame.data.hex(' ').upper() or 'no reason given'}")
    return None


def acknowledgement(frame: Frame) -> bytes:
    """What tells the meter that its report is stored."""
    return Frame(frame.meter_type, frame.address, _ACKNOWLEDGE, frame.data[:3]).to_bytes()


def command_frame(frame: Frame, order: Order) -> bytes | None:
    """A command for the meter that sent `frame`, in its own order of identifier bytes; None for one that no frame of ours carries.

    SER is the command's number, so that the answer tells which command it answers.
    """
    action = _VALVE_ACTIONS.get(order.kind)
    if action is None:
        return None
    identifier = _VALVE if frame.data[:2] == _READING else _VALVE[::-1]
    return Frame(frame.meter_type, frame.address, _WRITE, identifier + bytes([order.id % 256, action])).to_bytes()


def _litres(register: bytes, unit: str | None) -> int:
    """A register XXXXXX.XX in its unit as litres, exactly; a fraction of a litre is left off."""
    hundredths = decode_bcd(register)
    if unit == "m3":
        return hundredths * 10
    if unit == "L":
        return hundredths // 100
    raise MessageError(f"the register's unit is {unit or 'unknown'}; expected 2C (m3) or 29 (L)")


def _clock(data: bytes, zone: str) -> int | None:
    """ss mm hh DD MM YY CC as an instant; None where it is no time (a clock that was never set)."""
    digits = data[::-1].hex()
    try:
        return round(datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _hex(frame: Frame) -> str:
    return frame.to_bytes(0).hex(" ").upper()

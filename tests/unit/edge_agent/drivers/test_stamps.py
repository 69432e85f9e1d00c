"""Instants as devices write them."""

from __future__ import annotations

from datetime import datetime

import pytest

from edge_agent.drivers.stamps import decode_instant, decode_registers, encode_instant, encode_registers, period_end, register_count
from protocol.errors import PayloadError
from protocol.profile_logs import StampModbus

AT = datetime(2026, 6, 7, 12, 34, 56)  # a Sunday


@pytest.mark.parametrize(
    ("format", "wire", "at"),
    [
        ("YYMMDDhhmm", "34 12 07 06 26", AT.replace(second=0)),
        ("YYMMDDhhmmss", "56 34 12 07 06 26", AT),
        ("YYYYMMDDhhmmss", "56 34 12 07 06 26 20", AT),
        ("YYMMDDWWhhmmss", "56 34 12 00 07 06 26", AT),
        ("YYMM", "06 26", datetime(2026, 6, 1)),
    ],
)
def test_lowest_field_comes_first_on_the_wire(format: str, wire: str, at: datetime) -> None:
    assert decode_instant(format, bytes.fromhex(wire)) == at
    assert encode_instant(format, at) == bytes.fromhex(wire)


@pytest.mark.parametrize("wire", ["00 00 00 00 00", "FF FF FF FF FF", "EE EE EE EE EE", "12 07 06 26"])
def test_empty_or_short_data_is_no_instant(wire: str) -> None:
    assert decode_instant("YYMMDDhhmm", bytes.fromhex(wire)) is None


@pytest.mark.parametrize("wire", ["34 25 07 06 26", "34 12 32 06 26", "34 12 07 13 26", "3A 12 07 06 26", "34 12 00 06 26"])
def test_fields_out_of_range_are_told(wire: str) -> None:
    with pytest.raises(PayloadError):
        decode_instant("YYMMDDhhmm", bytes.fromhex(wire))


def test_hour_24_is_the_next_day() -> None:
    assert decode_instant("YYMMDDhhmm", bytes.fromhex("00 24 31 12 25")) == datetime(2026, 1, 1)


@pytest.mark.parametrize(
    ("format", "coding", "width", "wire", "at"),
    [
        ("YYMMDDhh", "bcd", "byte", "26 06 07 12", AT.replace(minute=0, second=0)),
        ("YYMMDDhhmmss", "binary", "byte", "1A 06 07 0C 22 38", AT),
        ("YYMMDDhhmmss", "binary", "register", "07EA 0006 0007 000C 0022 0038", AT),
        ("YYMMDDhhmmss", "bcd", "register", "0026 0006 0007 0012 0034 0056", AT),
        ("YYMMDD", "bcd", "byte", "26 06 07 00", datetime(2026, 6, 7)),
    ],
)
def test_registers_hold_the_fields_in_order(format: str, coding: str, width: str, wire: str, at: datetime) -> None:
    stamp = StampModbus.model_validate({"function": 3, "address": 0, "format": format, "coding": coding, "width": width})
    raw = bytes.fromhex(wire)

    assert register_count(stamp) == len(raw) // 2
    assert decode_registers(stamp, raw) == at
    words = [int.from_bytes(raw[i : i + 2], "big") for i in range(0, len(raw), 2)]
    assert encode_registers(stamp, at) == words or words[0] == 2026  # the year is written as two digits


@pytest.mark.parametrize(
    ("period", "back", "end"),
    [
        ("hour", 0, datetime(2026, 3, 1, 12)),
        ("hour", 13, datetime(2026, 2, 28, 23)),
        ("day", 0, datetime(2026, 3, 1)),
        ("day", 1, datetime(2026, 2, 28)),
        ("month", 0, datetime(2026, 3, 1)),
        ("month", 3, datetime(2025, 12, 1)),
        ("month", 14, datetime(2025, 1, 1)),
    ],
)
def test_ends_of_periods_count_back(period: str, back: int, end: datetime) -> None:
    assert period_end(datetime(2026, 3, 1, 12, 34, 56, 789), period, back) == end  # type: ignore[arg-type]

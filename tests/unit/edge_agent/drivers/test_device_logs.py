"""What else a device tells: event logs, load records, its clock, its identity, and at which baud rate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from edge_agent.drivers.access import Access
from edge_agent.drivers.baud import change_baud
from edge_agent.drivers.clock import read_clock, set_by_broadcast, set_clock
from edge_agent.drivers.events import LoggedEvent, read_events
from edge_agent.drivers.identity import read_identity
from edge_agent.drivers.load_records import read_load_records
from protocol.errors import DeviceRefused, NoReply, PayloadError, Refused
from protocol.wire import load_record
from protocol.wire.load_record import LoadRecord

ENERGY = {"quantity": "energy_active_forward", "unit": "kWh", "di": "00010000", "format": "XXXXXX.XX"}
NOW = datetime(2026, 6, 7, 12, 34, 56)
COVER = {"event": "meter_cover_open", "count": "03300E00", "record": "03300E01", "end_at": 6, "operator_at": 12}
RECORDS = {
    "03300E00": "120000",
    "03300E01": "010203040626 020203040626 78563412",
    "03300E02": "000000020626 000000000000 00000000",
    "03300E03": "FFFFFFFFFFFF FFFFFFFFFFFF FFFFFFFF",
}


@pytest.fixture
def logging_profile(make_profile: Any) -> Any:
    return make_profile("dlt645_2007", [ENERGY], events=[COVER], load_records={"interval_s": 900}, clock={"set_by": ["broadcast", "write"]})


def test_new_events_come_oldest_first_with_the_count_they_had(logging_profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    (count, found), _ = carry_out(read_events(logging_profile, make_device(), logging_profile.events[0], 10), meter(RECORDS))

    assert count == 12
    assert found == [
        LoggedEvent(11, datetime(2026, 6, 2), None, "00000000"),
        LoggedEvent(12, datetime(2026, 6, 4, 3, 2, 1), datetime(2026, 6, 4, 3, 2, 2), "12345678"),
    ]


@pytest.mark.parametrize(("last", "asked"), [(None, 1), (12, 1), (13, 1), (11, 2)])
def test_only_what_is_new_is_read(logging_profile: Any, make_device: Any, carry_out: Any, meter: Any, last: int | None, asked: int) -> None:
    (count, found), played = carry_out(read_events(logging_profile, make_device(), logging_profile.events[0], last), meter(RECORDS))

    assert (count, len(found), len(played.sent)) == (12, asked - 1, asked)


def test_event_whose_record_is_empty_or_refused_is_told_all_the_same(logging_profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    (_, found), _ = carry_out(read_events(logging_profile, make_device(), logging_profile.events[0], 8), meter(RECORDS))

    assert [(one.number, one.begin) for one in found[:2]] == [(9, None), (10, None)]


def test_no_more_records_are_read_than_the_log_holds(make_profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    profile = make_profile("dlt645_2007", [ENERGY], events=[{**COVER, "depth": 2}])
    (_, found), _ = carry_out(read_events(profile, make_device(), profile.events[0], 0), meter(RECORDS))

    assert [one.number for one in found] == [11, 12]


@pytest.mark.parametrize("count", ["12", "FFFFFF"])
def test_count_that_is_no_number_is_told(logging_profile: Any, make_device: Any, carry_out: Any, meter: Any, count: str) -> None:
    with pytest.raises(PayloadError):
        carry_out(read_events(logging_profile, make_device(), logging_profile.events[0], 1), meter({"03300E00": count}))


def record(minute: int) -> LoadRecord:
    return LoadRecord(datetime(2026, 6, 1, 10, minute), {"energy_active_forward": 10 * minute})


def test_load_records_are_asked_for_from_where_the_last_answer_ended(logging_profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    kept = {0: (record(0), record(15)), 30: (record(30),)}
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        data = bytes((byte - 0x33) & 0xFF for byte in request[10:-2])
        asked.append(data)
        found = b"".join(load_record.encode(one) for one in kept.get(int(f"{data[5]:02x}"), ()))
        return framed(request[1:7], 0x91, data[:4] + found)

    found, _ = carry_out(read_load_records(logging_profile, make_device(), datetime(2026, 6, 1, 10), 5), answer)

    assert [one.at.minute for one in found] == [0, 15, 30]
    assert asked[0] == bytes.fromhex("01 00 00 06 05 00 10 01 06 26")
    assert asked[1] == bytes.fromhex("01 00 00 06 03 30 10 01 06 26")
    assert len(asked) == 3


def test_load_records_in_several_frames_are_put_together(logging_profile: Any, make_device: Any, carry_out: Any) -> None:
    whole = load_record.encode(record(0)) + load_record.encode(record(15))

    def answer(request: bytes) -> bytes:
        data = bytes((byte - 0x33) & 0xFF for byte in request[10:-2])
        if request[8] == 0x11:
            return framed(request[1:7], 0xB1, data[:4] + whole[:20])
        return framed(request[1:7], 0x92, data[:4] + whole[20:] + data[4:5])

    found, played = carry_out(read_load_records(logging_profile, make_device(), datetime(2026, 6, 1, 10), 2), answer)

    assert [one.at.minute for one in found] == [0, 15]
    assert [request[8] for request in played.sent] == [0x11, 0x12]


# --- clock -------------------------------------------------------------------------------------------------------------


def clock_table(date: str, time: str) -> dict[str, str]:
    return {"04000101": date, "04000102": time}


@pytest.mark.parametrize(("time", "offset_ms"), [("563412", 0), ("063512", 10_000), ("463412", -10_000), ("563413", 3_600_000)])
def test_offset_is_device_minus_site(logging_profile: Any, make_device: Any, carry_out: Any, meter: Any, time: str, offset_ms: int) -> None:
    found, _ = carry_out(read_clock(logging_profile, make_device(), lambda: NOW), meter(clock_table("00070626", time)))

    assert found == offset_ms


def test_date_is_asked_again_when_midnight_may_have_come_between(logging_profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    dates: Iterator[str] = iter(("06060626", "00070626"))
    one = meter(clock_table("", "010000"))

    def turning(request: bytes) -> bytes | None:
        if request[10] == 0x34:  # DI0 = 01: the date
            one.registers["04000101"] = next(dates)
        return one(request)  # type: ignore[no-any-return]

    found, played = carry_out(read_clock(logging_profile, make_device(), lambda: datetime(2026, 6, 7)), turning)

    assert (found, len(played.sent)) == (1_000, 3)


def test_midnight_is_a_time_and_zero_is_no_date(logging_profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    found, _ = carry_out(read_clock(logging_profile, make_device(), lambda: datetime(2026, 6, 7)), meter(clock_table("00070626", "000000")))
    assert found == 0

    with pytest.raises(PayloadError, match="no time"):
        carry_out(read_clock(logging_profile, make_device(), lambda: NOW), meter(clock_table("00000000", "000000")))


def test_clock_of_a_water_meter_stands_in_its_reading(make_profile: Any, make_device: Any, carry_out: Any) -> None:
    items = [{"quantity": "water_volume", "unit": "m3", "format": "XXXXXX.XX"}]
    clock = {"read": {"di": "901F", "offset": 10, "format": "YYYYMMDDhhmmss"}}
    profile = make_profile("cjt188", items, meter_type="10", clock=clock)
    captured = bytes.fromhex("68 10 44 33 22 11 00 33 78 81 16 1F 90 00 00 77 66 55 2C 00 77 66 55 2C 31 01 22 11 05 15 20 21 84 13 16")
    at = datetime(2015, 5, 11, 22, 1, 31)  # fieldbus.md 2.2 no. 1, as its source reads it

    found, _ = carry_out(read_clock(profile, make_device("78330011223344"), lambda: at - timedelta(seconds=2)), lambda request: captured)

    assert found == 2_000
    assert not set_by_broadcast(profile)


def test_clock_is_written_date_first_and_read_back(logging_profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    written: list[bytes] = []
    one = meter(clock_table("00070626", "003412"))

    def write(control: int, data: bytes) -> tuple[int, bytes]:
        written.append(data)
        one.registers[data[3::-1].hex().upper()] = data[12:].hex()
        return 0x94, b""

    one.on_write = write
    left, _ = carry_out(set_clock(logging_profile, make_device(), Access("020637", level="04"), lambda: NOW), one)

    assert left == 0
    assert written == [
        bytes.fromhex("01 01 00 04  04 37 06 02  00 00 00 00  00 07 06 26"),
        bytes.fromhex("02 01 00 04  04 37 06 02  00 00 00 00  56 34 12"),
    ]


def test_refusal_to_be_set_counts_only_if_the_clock_is_still_wrong(logging_profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    right = meter(clock_table("00070626", "563412"), lambda control, data: (0xD4, b"\x04"))
    wrong = meter(clock_table("00070626", "003412"), lambda control, data: (0xD4, b"\x04"))

    assert carry_out(set_clock(logging_profile, make_device(), Access(), lambda: NOW), right)[0] == 0
    with pytest.raises(DeviceRefused):
        carry_out(set_clock(logging_profile, make_device(), Access(), lambda: NOW), wrong)


def test_clock_the_profile_lets_nobody_write_is_left_alone(make_profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    profile = make_profile("dlt645_2007", [ENERGY], clock={})
    assert set_by_broadcast(profile)
    with pytest.raises(Refused):
        carry_out(set_clock(profile, make_device(), Access(), lambda: NOW), meter({}))


# --- identity ----------------------------------------------------------------------------------------------------------


def test_identity_is_text_and_what_the_meter_lacks_is_left_out(make_profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    facts = [
        {"name": "communication_address", "di": "04000401", "coding": "digits", "size": 6},
        {"name": "model", "di": "0400040B", "coding": "ascii", "size": 10},
        {"name": "asset_number", "di": "04000403", "coding": "ascii", "size": 32},
        {"name": "rated_voltage", "di": "04000404", "coding": "ascii", "size": 6},
        {"name": "firmware", "di": "0400040D", "coding": "ascii", "size": 4},
    ]
    table = {
        "04000401": "250403020100",
        "0400040B": b"DTSY1"[::-1].hex() + "0000000000",
        "04000404": "FFFFFFFFFFFF",
        "0400040D": "80818283",
    }
    found, _ = carry_out(read_identity(make_profile("dlt645_2007", [ENERGY], facts=facts), make_device()), meter(table))

    assert found == {"communication_address": "000102030425", "model": "DTSY1"}


# --- baud --------------------------------------------------------------------------------------------------------------


class Bauded:
    """A meter that hears only its own rate. `reply`: to 17H; `changes`: whether it does as told."""

    def __init__(self, meter: Any, reply: tuple[int, bytes] | None, changes: bool, deaf: bool = False) -> None:
        self.baud = self.line = 2400
        self._changes, self._reply, self._deaf = changes, reply, deaf
        self._next = 2400
        self.meter = meter({"00010000": "00000000"}, self._told)

    def _told(self, control: int, data: bytes) -> tuple[int, bytes] | None:
        assert (control, data) == (0x17, b"\x20")
        self.baud = 9600 if self._changes else 2400
        if self._deaf:
            self.baud = 1
        return self._reply


@pytest.mark.parametrize(
    ("reply", "changes", "baud", "refused"),
    [
        ((0x97, b"\x20"), True, 9600, False),
        (None, True, 9600, False),
        (None, False, 2400, False),
        ((0x97, b"\x20"), False, 2400, False),  # says yes and stays
        ((0xD7, b"\x08"), False, 2400, True),
        ((0xD7, b"\x08"), True, 9600, True),
    ],
)
def test_result_says_which_rate_the_meter_answers_at(
    make_profile: Any, make_device: Any, meter: Any, reply: Any, changes: bool, baud: int, refused: bool
) -> None:
    one = Bauded(meter, reply, changes)
    result, speeds = on_line(change_baud(make_profile("dlt645_2007", [ENERGY]), make_device(), 2400, 9600), one)

    assert (result.baud, result.refusal is not None) == (baud, refused)
    assert speeds[0] == 2400


def test_meter_that_answers_at_neither_rate_is_told(make_profile: Any, make_device: Any, meter: Any) -> None:
    with pytest.raises(NoReply, match="neither at 9600 nor at 2400"):
        on_line(change_baud(make_profile("dlt645_2007", [ENERGY]), make_device(), 2400, 9600), Bauded(meter, None, True, deaf=True))


def on_line(procedure: Any, one: Bauded) -> tuple[Any, list[int]]:
    """Carry a procedure out where speed matters."""
    speeds: list[int] = []
    step = next(procedure)
    try:
        while True:
            if hasattr(step, "baud"):
                one.line = step.baud
                speeds.append(step.baud)
                step = procedure.send(None)
            elif hasattr(step, "seconds"):
                step = procedure.send(None)
            else:
                raw = one.meter(step.transaction.request.lstrip(b"\xfe")) if one.line == one.baud else None
                frames = step.transaction.decoder.feed(raw or b"")
                step = procedure.send(frames[0]) if frames else procedure.throw(NoReply("no reply"))
    except StopIteration as end:
        return end.value, speeds


def framed(address: bytes, control: int, data: bytes) -> bytes:
    body = b"\x68" + address + b"\x68" + bytes([control, len(data)]) + bytes((byte + 0x33) & 0xFF for byte in data)
    return body + bytes([sum(body) & 0xFF, 0x16])

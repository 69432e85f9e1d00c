"""Frozen registers walked back, on meters made by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from edge_agent.drivers.freezes import first_place, read_freezes
from edge_agent.drivers.plan import Memory
from protocol.errors import DeviceRefused, PayloadError

NOW = datetime(2026, 6, 4, 0, 12)
ENERGY = {"quantity": "energy_active_forward", "unit": "kWh", "di": "00010000", "format": "XXXXXX.XX"}
DAILY = {
    "period": "day", "depth": 5, "time": {"di": "05060001", "format": "YYMMDDhhmm"},
    "items": [{**ENERGY, "di": "05060101"}, {"quantity": "energy_active_reverse", "unit": "kWh", "format": "XXXXXX.XX", "di": "05060201"}],
}  # fmt: skip
TABLE = {
    "05060001": "0000040626", "05060101": "00040000", "05060201": "01000000",
    "05060002": "0000030626", "05060102": "00030000", "05060202": "01000000",
    "05060003": "0000020626", "05060103": "00020000", "05060203": "01000000",
    "05060004": "0000000000", "05060104": "FFFFFFFF",
}  # fmt: skip


def frozen(day: int, wh: int) -> tuple[datetime, tuple[tuple[str, int], ...]]:
    return datetime(2026, 6, day), (("energy_active_forward", wh), ("energy_active_reverse", 10))


@pytest.fixture
def profile(make_profile: Any) -> Any:
    return make_profile("dlt645_2007", [ENERGY], freezes=[DAILY])


def walk(profile: Any, device: Any, known: datetime | None = None, most: int = 62, memory: Memory | None = None) -> Any:
    return read_freezes(profile, device, profile.freezes[0], lambda at: known is not None and at <= known, most, NOW, memory, 0.0)


def test_freezes_come_newest_first_until_an_empty_one(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    found, _ = carry_out(walk(profile, make_device()), meter(TABLE))

    assert [(one.at, one.values) for one in found] == [frozen(4, 4_000), frozen(3, 3_000), frozen(2, 2_000)]
    assert not any(one.dated_by_us for one in found)


def test_known_freeze_ends_the_walk_before_its_registers_are_read(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    found, played = carry_out(walk(profile, make_device(), datetime(2026, 6, 3)), meter(TABLE))

    assert [one.at.day for one in found] == [4]
    assert len(played.sent) == 4


def test_walk_is_no_longer_than_asked_for_and_than_the_profile_says(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    endless = {f"050600{n:02X}": f"0000{9 - n:02}0526" for n in range(1, 9)} | {f"050601{n:02X}": "00010000" for n in range(1, 9)}

    assert len(carry_out(walk(profile, make_device(), most=2), meter(endless))[0]) == 2
    assert len(carry_out(walk(profile, make_device()), meter(endless))[0]) == 5


def test_meter_that_keeps_fewer_than_the_profile_says_ends_the_walk(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    found, _ = carry_out(walk(profile, make_device()), meter({di: data for di, data in TABLE.items() if di[-1] == "1"}))

    assert [one.at.day for one in found] == [4]


def test_meter_without_this_freeze_is_told(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    with pytest.raises(DeviceRefused):
        carry_out(walk(profile, make_device()), meter({}))


def test_meter_that_answers_the_same_to_every_number_gives_one(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    same = TABLE | {"05060002": TABLE["05060001"]}

    assert len(carry_out(walk(profile, make_device()), meter(same))[0]) == 1


def test_register_the_meter_lacks_is_remembered_and_left_out_of_older_freezes(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    memory = Memory()
    lacking = {di: data for di, data in TABLE.items() if not di.startswith("050602")}
    found, played = carry_out(walk(profile, make_device(), memory=memory), meter(lacking))

    assert [dict(one.values) for one in found] == [{"energy_active_forward": wh} for wh in (4_000, 3_000, 2_000)]
    asked = [bytes((byte - 0x33) & 0xFF for byte in request[10:14])[::-1].hex() for request in played.sent]
    assert sum(di.startswith("050602") for di in asked) == 1
    assert not memory.has(("05060201",), 1.0)


def test_freeze_of_the_future_is_not_believed(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    with pytest.raises(PayloadError, match="clock is wrong"):
        carry_out(walk(profile, make_device()), meter(TABLE | {"05060001": "0000050626"}))


def test_garbled_registers_do_not_hide_older_freezes(profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    found, _ = carry_out(walk(profile, make_device()), meter(TABLE | {"05060101": "AA000000", "05060201": "AA000000"}))

    assert [one.at.day for one in found] == [4, 3, 2]
    assert found[0].values == ()


def test_freeze_without_a_time_is_dated_by_the_end_of_its_period(make_profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    monthly = {"period": "month", "depth": 12, "items": [{**ENERGY, "di": "00010001"}]}
    profile = make_profile("dlt645_2007", [ENERGY], freezes=[monthly])
    found, _ = carry_out(walk(profile, make_device(), most=2), meter({"00010001": "42061200", "00010002": "00060000"}))

    assert [(one.at, one.dated_by_us) for one in found] == [(datetime(2026, 6, 1), True), (datetime(2026, 5, 1), True)]
    assert found[0].values == (("energy_active_forward", 1_206_420),)


def test_stamp_without_a_year_is_the_last_such_day(make_profile: Any, make_device: Any, carry_out: Any, meter: Any) -> None:
    daily = {"period": "day", "depth": 2, "time": {"di": "05060001", "format": "MMDDhhmm"}, "items": [{**ENERGY, "di": "05060101"}]}
    profile = make_profile("dlt645_2007", [ENERGY], freezes=[daily])
    table = {"05060001": "00000406", "05060101": "00000000", "05060002": "00003112", "05060102": "00000000"}
    found, _ = carry_out(walk(profile, make_device()), meter(table))

    assert [one.at for one in found] == [datetime(2026, 6, 4), datetime(2025, 12, 31)]


def test_group_of_registers_is_read_in_one_request_and_stepped(make_profile: Any, make_device: Any, carry_out: Any) -> None:
    energy = {"quantity": "energy_active_forward", "unit": "kWh", "function": 3, "type": "u32", "scale": "0.01"}
    daily = {
        "period": "day", "depth": 90, "step": 0x22, "time": {"function": 3, "address": 0x6000, "format": "YYMMDDhh"},
        "items": [{**energy, "address": 0x6002}, {**energy, "quantity": "energy_active_forward_peak", "address": 0x6006}],
    }  # fmt: skip
    profile = make_profile("modbus_rtu", [{**energy, "address": 0}], freezes=[daily])
    asked: list[tuple[int, int]] = []

    def device(request: bytes) -> bytes:
        first, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
        asked.append((first, count))
        number = (first - 0x6000) // 0x22
        words = [0x2606, (4 - number) << 8] if count == 2 else [0, 1000 - number, 0, 0, 0, 7]
        data = b"".join(word.to_bytes(2, "big") for word in words[:count])
        return with_crc(bytes([1, 3, len(data)]) + data)

    found, _ = carry_out(walk(profile, make_device("1"), most=2), device)

    assert [(one.at.day, dict(one.values)["energy_active_forward"], dict(one.values)["energy_active_forward_peak"]) for one in found] == [
        (4, 10_000, 70),
        (3, 9_990, 70),
    ]
    assert asked == [(0x6000, 2), (0x6002, 6), (0x6022, 2), (0x6024, 6)]


def test_freezes_of_a_profile_are_told_apart(profile: Any, make_profile: Any) -> None:
    monthly = make_profile("dlt645_2007", [ENERGY], freezes=[{"period": "month", "depth": 1, "items": [{**ENERGY, "di": "00010001"}]}])

    assert (first_place(profile.freezes[0]), first_place(monthly.freezes[0])) == ("day.05060101", "month.00010001")


def with_crc(body: bytes) -> bytes:
    crc = 0xFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return body + crc.to_bytes(2, "little")

"""What a virtual DL/T 645-2007 meter remembers, and who may change it. Bytes by the standard's tables, low byte first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from provisioning.virtual.devices.dlt645_1997 import Meter1997
from provisioning.virtual.devices.dlt645_2007 import Meter2007
from provisioning.virtual.instrument import Instrument

NOW_S = 1_790_000_000.0  # 2026-09-21 22:13:20 at the meter
LOGS: dict[str, Any] = {
    "freezes": [
        {
            "period": "day",
            "depth": 3,
            "time": {"di": "05060001", "format": "YYMMDDhhmm"},
            "items": [
                {"di": "05060101", "quantity": "energy_active_forward_daily", "unit": "kWh", "format": "XXXXXX.XX"},
                {"di": "05060101", "offset": 4, "quantity": "energy_active_forward_sharp_daily", "unit": "kWh", "format": "XXXXXX.XX"},
            ],
        },
        {
            "period": "month",
            "depth": 12,
            "items": [{"di": "00010001", "quantity": "energy_active_forward_monthly", "unit": "kWh", "format": "XXXXXX.XX"}],
        },
    ],
    "events": [
        {"event": "relay_opened", "count": "1D000001", "record": "1D00FF01", "operator_at": 6},
        {"event": "programming", "count": "03300000", "record": "03300001", "operator_at": 6},
        {"event": "time_set", "count": "03300400", "record": "03300401", "operator_at": 0, "begin_at": 4, "end_at": 10},
    ],
    "load_records": {"classes": [1, 4], "interval_s": 900},
    "clock": {"set_by": ["write"]},
    "settings": [{"name": "set_limit", "quantity": "overload_limit", "least": 100_000, "most": 9_000_000, "level": "04"}],
    "facts": [{"name": "model", "di": "0400040B", "coding": "ascii", "size": 10}],
}
LIMIT = {"di": "04090B01", "quantity": "overload_limit", "unit": "kW", "format": "XX.XXXX"}
Ask = Callable[[int, str], tuple[int, bytes]]


@pytest.fixture
def asks(profile: Any) -> Callable[..., Ask]:
    """A function (instrument, at) -> (control, data hex) -> (control, data) of the reply, with 33h taken off."""

    def build(instrument: Instrument, at_s: float = NOW_S, **changes: Any) -> Ask:
        usual = profile("dlt645_2007")
        whole = profile("dlt645_2007", items=[*(item.model_dump() for item in usual.items), LIMIT], **LOGS)
        device = Meter2007(whole, instrument, "000000000001", preamble=0, **changes)

        def ask(control: int, data: str) -> tuple[int, bytes]:
            shifted = bytes((byte + 0x33) & 0xFF for byte in bytes.fromhex(data))
            body = bytes.fromhex("68 01 00 00 00 00 00 68") + bytes((control, len(shifted))) + shifted
            reply = device.respond(body + bytes((sum(body) & 0xFF, 0x16)), at_s)
            assert reply is not None
            return reply[8], bytes((byte - 0x33) & 0xFF for byte in reply[10:-2])

        return ask

    return build


def at(shown: str) -> float:
    """The Unix time at which the meter showed this."""
    return NOW_S - (datetime(2026, 9, 21, 22, 13, 20) - datetime.fromisoformat(shown)).total_seconds()


def kwh(data: bytes) -> int:
    """Four bytes XXXXXX.XX in Wh."""
    return int(data[::-1].hex()) * 10


def test_daily_freeze_is_the_counter_at_midnight(asks: Any, instrument: Instrument) -> None:
    ask = asks(instrument)
    yesterday_s = at("2026-09-20")

    _, dated = ask(0x11, "02 00 06 05")
    _, frozen = ask(0x11, "02 01 06 05")

    assert dated[4:].hex() == "0000200926"
    assert 0 <= instrument.value("energy_active_forward", yesterday_s) - kwh(frozen[4:8]) < 10
    assert 0 <= instrument.value("energy_active_forward_sharp", yesterday_s) - kwh(frozen[8:12]) < 10


def test_freezes_end_where_the_profile_says(asks: Any, instrument: Instrument) -> None:
    ask = asks(instrument)

    assert ask(0x11, "03 01 06 05")[0] == 0x91
    assert ask(0x11, "04 01 06 05") == (0xD1, b"\x02")


def test_settlement_is_the_counter_on_the_first_of_the_month(asks: Any, instrument: Instrument) -> None:
    _, frozen = asks(instrument)(0x11, "02 00 01 00")  # the last settlement but one

    assert 0 <= instrument.value("energy_active_forward", at("2026-08-01")) - kwh(frozen[4:]) < 10


def test_what_was_frozen_stands_when_the_load_is_cut_off_later(asks: Any, instrument: Instrument) -> None:
    before = asks(instrument)(0x11, "01 01 06 05")
    instrument.set_state("meter_relay_open", 1, NOW_S - 3_600)
    instrument.set_state("meter_relay_open", 0, NOW_S)

    assert asks(instrument, NOW_S + 60)(0x11, "01 01 06 05") == before


def test_freeze_order_freezes_now(asks: Any, instrument: Instrument) -> None:
    ordered = asks(instrument)(0x16, "99 99 99 99")

    later = asks(instrument, NOW_S + 7_200)
    assert ordered == (0x96, b"")
    assert later(0x11, "01 00 01 05")[1][4:].hex() == "1322210926"
    assert 0 <= instrument.value("energy_active_forward", NOW_S) - kwh(later(0x11, "01 01 01 05")[1][4:8]) < 10


def test_a_trip_is_counted_and_recorded_with_who_ordered_it(asks: Any, instrument: Instrument) -> None:
    ask = asks(instrument)

    ask(0x1C, "02 000000 78563412 1A 00 000000000000")

    assert ask(0x11, "01 00 00 1D")[1][4:].hex() == "010000"
    assert ask(0x11, "01 FF 00 1D")[1][4:].hex() == "201322210926" + "78563412"
    assert ask(0x11, "02 FF 00 1D")[1][4:] == bytes(10)


def test_load_record_is_laid_out_as_in_the_standard(asks: Any, instrument: Instrument) -> None:
    _, data = asks(instrument)(0x11, "01 00 00 06 01 00 12 20 09 26")

    record = data[4:]
    assert record[:8].hex() == "a0a0" + f"{5 + 17 + 1 + 1 + 1 + 16 + 3:02x}" + "0012200926"
    assert (len(record), record[-1], record[-2]) == (record[2] + 5, 0xE5, sum(record[:-2]) % 256)
    at_s = at("2026-09-20T12:00")
    assert int(record[8:10][::-1].hex()) == instrument.value("voltage_a", at_s) // 100
    assert record[10:14] == b"\xff" * 4  # a single-phase meter has no phases B and C
    assert record[25:28] == b"\xaa" * 3  # behind class 1; classes 2 and 3 are empty
    assert kwh(record[28:32]) == instrument.value("energy_active_forward", at_s) // 10 * 10


def test_several_load_records_come_in_follow_up_frames(asks: Any, instrument: Instrument) -> None:
    ask = asks(instrument)
    collected, sequence, control = b"", 0, 0xB1

    while control & 0x20:
        control, data = ask(0x12 if sequence else 0x11, "01 00 00 06" + (f"{sequence:02X}" if sequence else "0A 00 12 20 09 26"))
        collected += data[4 : len(data) - (1 if sequence else 0)]
        sequence += 1

    assert sequence == 3
    times = [f"{minute}{hour}" for hour in (12, 13, 14) for minute in ("00", "15", "30", "45")]
    assert [collected[at + 3 : at + 5].hex() for at in range(0, len(collected), 49)] == times[:10]


def test_setting_is_kept_over_a_restart(asks: Any, instrument: Instrument) -> None:
    written = asks(instrument)(0x14, "01 0B 09 04 04 000000 11223344 00 50 02")
    again = Instrument(instrument.seed, instrument.device, instrument.load)
    again.remember(instrument.memory())

    assert written == (0x94, b"")
    assert again.value("overload_limit", NOW_S) == 2_500_000
    assert asks(again)(0x11, "01 00 30 03")[1][4:].hex() == "201322210926" + "11223344"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ("01 0B 09 04 04 111111 00000000 00 50 02", 0x04),  # wrong password
        ("01 0B 09 04 05 000000 00000000 00 50 02", 0x04),  # a level that may not
        ("01 0B 09 04 04 000000 00000000 00 50 99", 0x01),  # above the most
        ("01 0B 09 04 04 000000 00000000 50 02", 0x01),  # too short
        ("01 0B 09 04 04 000000 00000000 0A 50 02", 0x01),  # no digits
        ("00 00 01 00 04 000000 00000000 00 00 00 00", 0x04),  # a counter
        ("00 00 77 00 04 000000 00000000 00", 0x02),  # nothing there
    ],
)
def test_setting_that_must_not_pass(asks: Any, instrument: Instrument, data: str, error: int) -> None:
    assert asks(instrument)(0x14, data) == (0xD4, bytes((error,)))
    assert instrument.state.get("overload_limit") is None


def test_clock_is_written_and_the_log_tells_from_when_to_when(asks: Any, instrument: Instrument) -> None:
    ask = asks(instrument)

    ask(0x14, "02 01 00 04 04 000000 01000000 05 10 22")

    assert ask(0x11, "02 01 00 04")[1][4:].hex() == "051022"
    assert ask(0x11, "01 04 30 03")[1][4:].hex() == "01000000" + "201322210926" + "051022210926"


def test_a_profile_whose_clock_is_only_written_hears_no_broadcast(asks: Any, instrument: Instrument) -> None:
    assert asks(instrument)(0x08, "20 14 22 21 09 26") == (0xC8, b"\x01")


def test_password_is_changed_by_who_knows_the_old_one(asks: Any, instrument: Instrument) -> None:
    ask = asks(instrument)

    refused = ask(0x18, "05 0C 00 04 04 999999 04 563412")
    changed = ask(0x18, "05 0C 00 04 04 000000 04 563412")

    assert refused == (0xD8, b"\x04")
    assert changed == (0x98, bytes.fromhex("04 563412"))
    assert ask(0x14, "01 0B 09 04 04 000000 00000000 00 50 02")[0] == 0xD4
    assert ask(0x14, "01 0B 09 04 04 563412 00000000 00 50 02")[0] == 0x94


def test_address_is_written_and_answered_from(profile: Any, instrument: Instrument) -> None:
    device = Meter2007(profile("dlt645_2007"), instrument, "000000000001", preamble=0)
    body = bytes.fromhex("68 AA AA AA AA AA AA 68 15 06") + bytes((byte + 0x33) & 0xFF for byte in bytes.fromhex("090000000000"))

    reply = device.respond(body + bytes((sum(body) & 0xFF, 0x16)), NOW_S)

    assert reply is not None
    assert reply[:10].hex() == "68" + "090000000000" + "68" + "9500"
    assert device.key.hex() == "090000000000"


def test_events_are_cleared_by_identifier(asks: Any, instrument: Instrument) -> None:
    ask = asks(instrument)
    ask(0x1C, "02 000000 00000000 1A 00 000000000000")

    cleared = ask(0x1B, "02 000000 00000000 FF 00 00 1D")

    assert cleared == (0x9B, b"")
    assert ask(0x11, "01 00 00 1D")[1][4:] == bytes(3)
    assert ask(0x1B, "02 000000 00000000 FF 00 00 77") == (0xDB, b"\x02")


def test_fact_is_told_low_byte_first(asks: Any, instrument: Instrument) -> None:
    assert asks(instrument)(0x11, "0B 04 00 04")[1][4:][::-1].rstrip(b"\x00") == b"test"


def test_an_order_that_came_too_late_by_the_meters_own_clock_is_refused(asks: Any, instrument: Instrument) -> None:
    ask = asks(instrument)
    until = "00 15 22 21 09 26"  # 100 s from now

    instrument.clock_offset_s = 300
    late = ask(0x1C, f"02 000000 00000000 1A 00 {until}")
    instrument.clock_offset_s = 0
    in_time = ask(0x1C, f"02 000000 00000000 1A 00 {until}")

    assert (late, in_time) == ((0xDC, b"\x01"), (0x9C, b""))


def test_a_trip_with_a_warning_closes_by_itself(asks: Any, instrument: Instrument) -> None:
    asks(instrument)(0x1C, "02 000000 00000000 1D 02 000000000000")

    word = asks(instrument, NOW_S + 60)(0x11, "03 05 00 04")[1][4:]
    assert word.hex() == "d000"  # relay, its command, and the warning
    assert asks(instrument, NOW_S + 121)(0x11, "03 05 00 04")[1][4:].hex() == "0000"


def test_a_meter_that_closes_on_1c_needs_its_button_after_1b(profile: Any, instrument: Instrument, ask: Any) -> None:
    commands = [
        {"name": "meter_disconnect", "write": {"n1": "1A"}, "confirm": {"quantity": "meter_relay_open", "value": 1}},
        {"name": "meter_reconnect", "write": {"n1": "1C"}, "confirm": {"quantity": "meter_relay_open", "value": 0}},
    ]
    device = Meter2007(profile("dlt645_2007", commands=commands), instrument, "111111111111", preamble=0)
    instrument.set_state("meter_relay_open", 1, NOW_S - 60)

    reply = ask(device, "68 11 11 11 11 11 11 68 1C 10 35 33 33 33 33 33 33 33 4E 33 33 33 33 33 33 33 07 16")

    assert reply.startswith("68 11 11 11 11 11 11 68 9C")
    assert not instrument.on
    assert instrument.value("status_word_3", NOW_S) == 0x10  # open, and told to close


def test_1997_month_is_frozen_and_older_than_kept_is_refused(profile: Any, instrument: Instrument) -> None:
    freeze = {"period": "month", "depth": 2, "step": 1024}
    freeze |= {"items": [{"di": "9410", "quantity": "energy_active_forward_monthly", "unit": "kWh", "format": "XXXXXX.XX"}]}
    device = Meter1997(profile("dlt645_1997", freezes=[freeze]), instrument, "000000000003", preamble=0)

    def ask(di: str) -> bytes:
        body = bytes.fromhex("68 03 00 00 00 00 00 68 01 02") + bytes((byte + 0x33) & 0xFF for byte in bytes.fromhex(di))
        reply = device.respond(body + bytes((sum(body) & 0xFF, 0x16)), NOW_S)
        assert reply is not None
        return bytes((byte - 0x33) & 0xFF for byte in reply[10:-2])

    assert 0 <= instrument.value("energy_active_forward", at("2026-08-01")) - kwh(ask("10 98")[2:]) < 10
    assert ask("10 9C") == b"\x02"


def test_1997_clock_is_written_with_the_password(profile: Any, instrument: Instrument, ask: Any) -> None:
    device = Meter1997(profile("dlt645_1997"), instrument, "000000000003", preamble=0, password="00112233")

    body = bytes.fromhex("68 03 00 00 00 00 00 68 04 09") + bytes((byte + 0x33) & 0xFF for byte in bytes.fromhex("11C0 33221100 051022"))
    reply = ask(device, (body + bytes((sum(body) & 0xFF, 0x16))).hex())

    assert reply.startswith("68 03 00 00 00 00 00 68 84 00")
    assert instrument.local_time(NOW_S) == datetime(2026, 9, 21, 22, 10, 5)

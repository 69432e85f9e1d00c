"""Rows to cells: exact registers, local times, words, codes beside names."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from central.exports.cells import Head, Reading, about, cells, heads
from central.web.tables import Asked, Column, Fetched, Filter, TableSpec
from central.web.translations import Language

READING = Reading(Language.CHINESE, ZoneInfo("Asia/Shanghai"), lambda text: {"Energy": "电量", "online": "在线"}.get(text, text), lambda *_: "")
STATES = {"online": ("ok", "online")}


def test_a_register_keeps_every_digit_and_its_unit_stands_in_the_head() -> None:
    column = Column("value", "Energy", "quantity", quantity="energy_active_forward")
    assert heads([column], READING) == [Head("电量 (kWh)", "number", 3)]
    assert cells([column], {"value": 1_234_567_890_123}, READING) == [Decimal("1234567890.123")]


def test_a_quantity_that_differs_by_row_brings_its_unit_and_name() -> None:
    column = Column("value", "Energy", "quantity", quantity=".what")
    assert len(heads([column], READING)) == 3
    assert cells([column], {"value": 1500, "what": "water_volume"}, READING)[:2] == [Decimal("1.500"), "m³"]
    assert cells([column], {"value": None, "what": None}, READING) == [None, None, None]


def test_times_are_local_and_their_zone_is_named() -> None:
    column = Column("at", "At", "age")
    assert heads([column], READING) == [Head("At (Asia/Shanghai)", "stamp")]
    at = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)
    for value in (at, int(at.timestamp() * 1000)):
        assert cells([column], {"at": value}, READING) == [datetime(2026, 11, 23, 0, 30)]


def test_a_place_is_its_name_and_its_code() -> None:
    column = Column("place", "Place", "place")
    assert cells([column], {"place": "b1", "place_zh": "一号楼", "place_en": "Building 1"}, READING) == ["一号楼", "b1"]


def test_states_are_words_and_days_are_days() -> None:
    columns = [
        Column("state", "State", "state", words=STATES),
        Column("day", "Day", "day"),
        Column("known", "Known", "percent"),
        Column("on", "On", "flag"),
    ]
    row = {"state": "online", "day": date(2026, 11, 22), "known": 98.5, "on": True}
    assert cells(columns, row, READING) == ["在线", date(2026, 11, 22), Decimal("98.5"), "yes"]


def test_the_lines_above_say_what_was_filtered_and_who_asked() -> None:
    spec = TableSpec(
        "t", "Devices", "metering.read", (), lambda *_: Fetched([], 0), (Filter("state", "State", (("online", "online"),)), Filter("q", "Name"))
    )
    asked = Asked(filters={"state": "online", "q": "a"}, context={"language": "zh_CN", "month": "2026-11"})
    lines = about(spec, asked, READING, "北校区", "一号楼", datetime(2026, 11, 22, 16, 30, tzinfo=UTC), "wang")
    assert lines == [
        "Devices",
        "Site：北校区",
        "Place：一号楼",
        "Filters：State=在线; Name=a",
        "Range：2026-11",
        "Times in zone：Asia/Shanghai",
        "Made：2026-11-23 00:30:00, wang",
    ]

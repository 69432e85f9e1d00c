"""Reports into the database: once, in any order, into their own day, and set aside where nobody is known behind them."""

from __future__ import annotations

from datetime import date

import pytest

from central.consumption.report import Step, point_consumption
from central.consumption.work import work_off
from central.iot.adopt import adopt
from central.iot.rounds import mind
from central.iot.take import MAX_SET_ASIDE
from central.metering.export_plan import export_site_plan
from protocol.errors import StorageError

NOW_MS = 1_800_000_000_000  # 2027-01-15 16:00 in Shanghai
HOUR_MS = 3_600_000
READINGS = (
    "select s.quantity, (extract(epoch from r.measured_at) * 1000)::bigint, r.value, r.quality from reading r join series s on s.id = r.series_id"
)


def test_a_report_is_readings_and_the_meters_state(say, sql):
    taken = say(
        "i1", volume_l=12_345, battery_mv=3600, valve="open", alarms=["leak"], firmware="1.2", freezes=[{"at": NOW_MS - HOUR_MS, "volume_l": 12_300}]
    )

    assert (taken.outcome, taken.device) == ("stored", "i1")
    volumes = [(at, value) for quantity, at, value, _ in sql(READINGS) if quantity == "water_volume"]
    assert sorted(volumes) == [(NOW_MS - HOUR_MS, 12_300), (NOW_MS, 12_345)]
    others = {quantity: value for quantity, at, value, _ in sql(READINGS) if at == NOW_MS}
    assert {"battery_voltage": 3600, "valve_state": 0, "leak": 1, "burst": 0}.items() <= others.items()
    assert sql("select firmware, state ->> 'leak' from iot_state") == [("1.2", "1")]


def test_a_repeated_report_is_counted_and_not_stored(say, sql):
    say("i1", volume_l=10, rsrp_dbm=-90, retries=0)
    again = say("i1", volume_l=10, rsrp_dbm=-97, retries=2, now_ms=NOW_MS + 30_000)

    assert (again.outcome, again.device) == ("repeated", "i1")
    assert sql("select count(*) from iot_report") == [(1,)]
    assert sql("select reports, repeats from iot_state") == [(1, 1)]


def test_an_older_report_files_its_readings_and_leaves_the_state(say, sql):
    say("i1", volume_l=200, valve="closed", battery_mv=3500)
    say("i1", volume_l=100, valve="open", battery_mv=3600, meter_time=NOW_MS - 24 * HOUR_MS)

    assert sql("select state ->> 'water_volume', state ->> 'valve_state', state ->> 'battery_voltage' from iot_state") == [("200", "1", "3500")]
    assert sorted(value for quantity, _, value, _ in sql(READINGS) if quantity == "water_volume") == [100, 200]


def test_a_late_freeze_array_corrects_an_earlier_days_consumption(iot_site, say):
    """Two daily reports tell the amount; the hourly freezes that come a day late tell on which day it was used."""
    midnight_ms = 1_799_942_400_000  # 15 January 2027, 00:00 in Shanghai
    say("i1", volume_l=0, meter_time=midnight_ms - 24 * HOUR_MS, now_ms=midnight_ms)
    say("i1", volume_l=2400, meter_time=midnight_ms + 24 * HOUR_MS, now_ms=midnight_ms + 25 * HOUR_MS)
    before = _days(iot_site)
    freezes = [{"at": midnight_ms + hour * HOUR_MS, "volume_l": 100 if hour <= 0 else 2400} for hour in range(-3, 3)]
    say("i1", meter_time=midnight_ms + 24 * HOUR_MS, freezes=freezes, now_ms=midnight_ms + 49 * HOUR_MS)
    after = _days(iot_site)

    assert before == [1200, 1200]
    assert after == [100, 2300]


def test_a_report_of_an_unknown_meter_waits_and_is_adopted_once_it_is_on_the_plan(iot_site, say, sql, import_plan, iot_plan):
    new = '  - {id: i9, profile: acme/water, address: "00000000009009", place: b2, imei: "868000000000099", via: webhook/acme}\n'
    taken = say("i1", imei="868000000000099", volume_l=77)
    assert (taken.outcome, taken.reason) == ("set_aside", "iot.unknown_meter")
    assert adopt(iot_site) == 0

    import_plan(iot_site, iot_plan + new)
    iot_site.commit()
    mind(iot_site, NOW_MS, 400)

    assert sql("select device, state ->> 'water_volume' from iot_state") == [("i9", "77")]
    assert sql("select reason, replayed_at is not null from quarantine") == [("iot.unknown_meter", True)]
    assert adopt(iot_site) == 0


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"via": "udp"}, "iot.wrong_way"),
        ({"meter": "1002"}, "iot.two_meters"),
        ({"meter": "5555"}, "iot.two_meters"),
    ],
)
def test_what_cannot_be_one_meters_report_is_set_aside(say, sql, fields, reason):
    assert say("i1", volume_l=1, **fields).reason == reason

    assert sql("select count(*) from iot_report") == [(0,)]
    assert sql("select reason, times from quarantine") == [(reason, 1)]


def test_a_meter_is_known_by_its_number_too(say, report):
    assert say("i1", imei=None, meter="1001", volume_l=1).device == "i1"


def test_a_clock_that_cannot_be_right_costs_no_reading(say, sql):
    taken = say("i1", volume_l=10, meter_time=946_684_800_000, freezes=[{"at": 946_684_800_000, "volume_l": 9}])

    assert taken.outcome == "stored"
    assert [(at, value, quality) for quantity, at, value, quality in sql(READINGS) if quantity == "water_volume"] == [(NOW_MS, 10, 1)]
    assert sql("select code from event where device = 'i1'") == [("iot.clock_wrong",)]


def test_strangers_cannot_fill_the_disk(say, sql):
    sql(
        "insert into quarantine (digest, reason, message, topic, properties, payload, payload_bytes)"
        " select sha256(n::text::bytea), 'iot.unknown_meter', '', 'iot/udp', '{}', '', 0 from generate_series(1, %s) as n",
        MAX_SET_ASIDE,
    )

    with pytest.raises(StorageError, match="set aside"):
        say("i4", imei="868000000000098", volume_l=1)


def test_reports_are_append_only_and_go_by_age_alone(iot_site, say, sql):
    say("i1", volume_l=1)
    with pytest.raises(Exception, match="append-only"):
        iot_site.execute("update iot_report set raw = ''")
    iot_site.rollback()

    mind(iot_site, NOW_MS + 399 * 24 * HOUR_MS, 400)
    assert sql("select count(*) from iot_report") == [(1,)]
    mind(iot_site, NOW_MS + 401 * 24 * HOUR_MS, 400)
    assert sql("select count(*) from iot_report") == [(0,)]


def test_the_exported_plan_imports_without_a_change(iot_site, import_plan):
    text = export_site_plan(iot_site)

    diff = import_plan(iot_site, text, preview=True)

    assert "reporting_devices:" in text
    assert (diff.created, diff.updated, diff.removed) == (0, 0, 0)


def test_cards_may_change_places_between_meters_in_one_import(iot_site, import_plan, iot_plan, sql):
    swapped = iot_plan.replace("868000000000011", "x").replace("868000000000022", "868000000000011").replace("x", "868000000000022", 1)

    diff = import_plan(iot_site, swapped)
    iot_site.commit()

    assert sorted((row.kind, row.code) for row in diff.rows) == [("reporter", "i1"), ("reporter", "i2")]
    assert sql("select imei from iot_meter where device in ('i1', 'i2') order by device") == [("868000000000022",), ("868000000000011",)]


def _days(conn) -> list[int | None]:
    """What the point used on 14 and on 15 January, computed now."""
    work_off(conn)
    conn.commit()
    return [item.value for item in point_consumption(conn, "Asia/Shanghai", "i1", date(2027, 1, 14), date(2027, 1, 15), Step.DAY)]

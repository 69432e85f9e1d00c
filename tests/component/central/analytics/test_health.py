"""How the water meters are, from what they reported and what gateways read; battery days and forecasts from readings."""

from __future__ import annotations

from datetime import timedelta

from central.analytics.health import NOT_REPORTING, HealthAsked, meter_health, water_fleet, water_health

DAY_S = 86_400


def reported(campus, device: str, at_s: float, state: str) -> None:
    """An IoT meter's newest report."""
    campus.sql("update iot_meter set registered_at = to_timestamp(%s) where device = %s", at_s - 400 * DAY_S, device)
    campus.sql(
        "insert into iot_state (device, last_report_at, measured_at, state) values (%s, to_timestamp(%s), to_timestamp(%s), %s)",
        *(device, at_s, at_s, state),
    )


def read(campus, device: str, quantity: str, at_s: float, value: int) -> None:
    """A reading as ingest leaves it."""
    campus.sql("insert into series (device, quantity) values (%s, %s) on conflict do nothing", device, quantity)
    campus.sql(
        "insert into reading select id, to_timestamp(%s), %s, 0 from series where device = %s and quantity = %s",
        *(at_s, value, device, quantity),
    )
    campus.sql(
        "insert into device_status values (%s, to_timestamp(%s)) on conflict (device) do update set last_measured_at = excluded.last_measured_at",
        *(device, at_s),
    )


def rows(campus, now_s: float, **asked: str) -> dict:
    """Device -> its row."""
    return {row.device: row for row in water_health(campus.conn, None, HealthAsked(**asked), now_s).items}


def test_meters_by_themselves_and_on_a_line_stand_in_one_list(campus, today, at):
    """i1 said a day ago (every 24 h, 2 h allowed); i2 never; w1 was read a minute ago, w2 two days ago."""
    now_s = at(today, 12)
    reported(campus, "i1", now_s - 25 * 3600, '{"valve_state": 0, "battery_voltage": 3610, "signal_rsrp": -101}')
    read(campus, "w1", "valve_state", now_s - 60, 3)
    read(campus, "w2", "status_word_188", now_s - 2 * DAY_S, 0x0005)

    found = rows(campus, now_s)

    assert {device: row.state for device, row in found.items()} == {"i1": "reporting", "i2": "never", "w1": "reporting", "w2": "silent"}
    assert list(found) == ["w2", "i2", "w1", "i1"]
    assert found["i1"].due_at_ms == int((now_s - 3600) * 1000)
    assert (found["i1"].battery_mv, found["i1"].rsrp_dbm, found["i1"].valve, found["i1"].own_reports) == (3610, -101, 0, True)
    assert (found["w1"].flags, found["w1"].valve, found["w1"].due_at_ms) == (["valve_fault"], 3, None)
    assert found["w2"].silent_since_ms == int((now_s - 2 * DAY_S) * 1000)
    fleet = water_fleet(campus.conn, None, None, now_s)
    assert (fleet.meters, fleet.reporting, fleet.silent, fleet.never, fleet.valve_faults, fleet.low_battery) == (4, 2, 1, 1, 1, 0)


def test_a_report_that_stays_out_is_late_then_silent(campus, today, at):
    now_s = at(today, 12)
    reported(campus, "i1", now_s - 26 * 3600, "{}")

    assert rows(campus, now_s)["i1"].state == "late"
    assert rows(campus, now_s - 1)["i1"].state == "reporting"
    assert rows(campus, now_s + 24 * 3600)["i1"].state == "silent"
    assert rows(campus, now_s + 24 * 3600 - 1)["i1"].state == "late"


def test_lists_are_filtered_sorted_paged_and_kept_to_the_scope(campus, today, at):
    now_s = at(today, 12)
    reported(campus, "i1", now_s - 60, '{"battery_low": 1, "leak": 1}')
    read(campus, "w1", "valve_state", now_s - 60, 0)

    assert set(rows(campus, now_s, state=NOT_REPORTING)) == {"i2", "w2"}
    assert set(rows(campus, now_s, node="b1")) == {"w1", "w2"}
    assert set(rows(campus, now_s, maker="langhua")) == {"w2"}
    assert set(rows(campus, now_s, flag="leak")) == {"i1"}
    assert set(rows(campus, now_s, text="868000000000022")) == {"i2"}
    assert rows(campus, now_s)["i1"].flags == ["low_battery", "leak"]
    page = water_health(campus.conn, ["b2"], HealthAsked(sort="number", descending=True), now_s, 0, 1)
    assert ([row.device for row in page.items], page.total) == (["i2"], 2)
    assert water_fleet(campus.conn, ["b1"], None, now_s).meters == 2


def test_the_battery_s_days_are_taken_and_foretold(campus, today, at):
    """1 mV a day from 3450 over 100 days, twice a day; the warmer value does not count: 149 days left."""
    series = campus.sql("insert into series (device, quantity) values ('i1', 'battery_voltage') returning id")[0][0]
    for number in range(100):
        start_s = at(today - timedelta(days=99 - number))
        for hour, more in ((1, 0), (14, 30)):
            campus.sql("insert into reading values (%s, to_timestamp(%s), %s, 0)", series, start_s + hour * 3600, 3450 - number + more)
    campus.morning()

    found = meter_health(campus.conn, "i1", at(today, 20))

    assert found is not None
    assert len(found.voltages) == 100
    assert found.voltages[-1] == (today, 3351)
    assert (found.battery.state, found.battery.day, found.battery.knee) == ("falling", today + timedelta(days=151), False)
    assert (found.meter.battery_state, found.meter.battery_day) == ("falling", found.battery.day)
    assert rows(campus, at(today + timedelta(days=60), 20))["i1"].flags == []
    assert rows(campus, at(today + timedelta(days=61), 20))["i1"].flags == ["low_battery"]


def test_one_meter_is_told_with_its_signal_and_the_words_of_its_status(campus, today, at):
    now_s = at(today, 12)
    reported(campus, "i1", now_s - 60, '{"status_word_188": 4, "signal_csq": 4}')

    found = meter_health(campus.conn, "i1", now_s)

    assert found is not None
    assert [flag.code for flag in found.status] == ["battery_low"]
    assert (found.signal, found.battery.state) == ("very_weak", "none")
    assert meter_health(campus.conn, "e1", now_s) is None

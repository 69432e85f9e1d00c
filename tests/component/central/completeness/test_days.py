"""The day's completeness: exact figures, devices of every kind, days in part, what comes late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from central.completeness.days import By, completeness
from central.completeness.model import Completeness
from central.consumption.days import bounds
from central.db.pool import Connection
from protocol.reading import Quality

DAY = date(2026, 3, 10)
FROM_MS, TO_MS = bounds(DAY, "Asia/Shanghai")
Q = 900_000
HOUR = 3_600_000
LATER_MS = TO_MS + HOUR
Run = Callable[..., None]


def of(conn: Connection, device: str, day: date = DAY) -> Completeness:
    return next(row for row in completeness(conn, day, By.DEVICE, LATER_MS) if row.code == device)


def figures(conn: Connection, device: str = "m1", day: date = DAY) -> tuple[int, int, int, int]:
    row = of(conn, device, day)
    return row.due, row.measured, row.made_up, row.missing


def test_ninety_of_ninety_six_and_four_made_up(standing: Connection, read: Run, count: Run):
    read("m1", [FROM_MS + n * Q + 77 for n in range(96) if n not in {3, 4, 50, 51, 52, 90}])
    read("m1", [FROM_MS + n * Q + 78 for n in (3, 50)], Quality.MAKEUP)
    read("m1", [FROM_MS + n * Q + 78 for n in (51, 90, 91)], Quality.SUBSTITUTED)
    count()

    row = of(standing, "m1")
    assert (row.due, row.measured, row.made_up, row.missing) == (96, 90, 4, 2)
    assert (row.measured_bp, row.with_made_up_bp) == (9375, 9792)


def test_a_device_read_hourly_has_twenty_four(standing: Connection, read: Run, count: Run):
    read("w1", [FROM_MS + n * HOUR + 5 for n in range(23)])
    count()

    assert figures(standing, "w1") == (24, 23, 0, 1)


def test_own_period_goes_before_the_profile_s(standing: Connection, read: Run, count: Run):
    standing.execute("update device set poll_s = '{\"energy\": 1800}' where code = 'm1'")
    read("m1", [FROM_MS + n * 2 * Q for n in range(48)])
    count()

    assert figures(standing) == (48, 48, 0, 0)


def test_a_device_that_never_sent_anything_misses_everything(standing: Connection, count: Run):
    standing.execute("delete from series where device = 'm2'")
    count()

    assert figures(standing, "m2") == (96, 0, 0, 96)


def test_a_device_of_an_unknown_profile_counts_by_what_it_sends(standing: Connection, read: Run, count: Run):
    standing.execute("update device set profile = 'maker/unheard_of' where code = 'w1'")
    standing.execute("update installation set register = null where device = 'w1'")
    read("w1", [FROM_MS + n * Q for n in range(96)])
    count()

    assert figures(standing, "w1") == (96, 96, 0, 0)


def test_only_while_it_stands(standing: Connection, read: Run, count: Run):
    begin_ms, end_ms = FROM_MS + 10 * Q - 1, FROM_MS + 20 * Q + 1
    query = "update installation set installed_at = to_timestamp(%s / 1000.0), removed_at = to_timestamp(%s / 1000.0) where device = 'm1'"
    standing.execute(query, (begin_ms, end_ms))
    read("m1", [FROM_MS + n * Q + 5 for n in range(96)])
    count()

    assert figures(standing) == (10, 10, 0, 0)


def test_two_stays_of_a_day_count_together_and_two_points_at_a_time_once(standing: Connection, read: Run, count: Run):
    standing.execute("update installation set removed_at = to_timestamp(%s) where device = 'm1'", ((FROM_MS + 4 * Q) // 1000,))
    again = "insert into installation (point, device, installed_at, register) values (%s, 'm1', to_timestamp(%s), %s)"
    standing.execute("insert into metering_point (code, name_zh, name_en, position) values ('p9', '点', 'Point', 9)")
    standing.execute(again, ("p1", (FROM_MS + 8 * Q) // 1000, "energy_active_forward"))
    standing.execute(again, ("p9", (FROM_MS + 8 * Q) // 1000, "energy_active_reverse"))
    read("m1", [FROM_MS + n * Q + 5 for n in range(96)])
    count()

    assert figures(standing) == (92, 92, 0, 0)


def test_today_is_counted_up_to_now(standing: Connection, read: Run, count: Run):
    read("m1", [FROM_MS + n * Q + 5 for n in range(40)])
    count(FROM_MS + 40 * Q + 120_000)

    assert figures(standing) == (40, 40, 0, 0)
    assert completeness(standing, None, By.SITE, FROM_MS + 40 * Q)[0].due == 40 + 40 + 10


def test_the_last_period_waits_for_its_reading(standing: Connection, read: Run, count: Run):
    read("m1", [FROM_MS + n * Q + 5 for n in range(39)])
    count(FROM_MS + 40 * Q + 119_999)

    assert figures(standing) == (39, 39, 0, 0)


def test_what_comes_late_is_counted_and_a_complete_day_is_left_alone(standing: Connection, read: Run, count: Run):
    count()
    assert figures(standing) == (96, 0, 0, 96)
    read("m1", [FROM_MS + n * Q + 5 for n in range(96)])

    count(TO_MS + 3 * HOUR)

    assert figures(standing) == (96, 96, 0, 0)
    assert standing.execute("select settled from completeness_day where device = 'm1' and day = %s", (DAY,)).fetchone() == (True,)
    assert standing.execute("select settled from completeness_day where device = 'm2' and day = %s", (DAY,)).fetchone() == (False,)


def test_the_older_a_day_the_later_its_turn(standing: Connection, count: Run):
    count(FROM_MS + 40 * HOUR)
    waits = "select extract(epoch from look_at - looked_at)::integer / 60 from completeness_day where device = 'm1' order by day"

    assert [row[0] for row in standing.execute(waits)] == [25, 10, 5]


def test_after_half_a_year_nothing_is_waited_for(standing: Connection, count: Run):
    count()
    count(TO_MS + 181 * 24 * HOUR)

    assert standing.execute("select bool_and(settled) from completeness_day where day <= %s", (DAY,)).fetchone() == (True,)


def test_on_a_day_the_period_changes_the_longer_one_counts(standing: Connection, read: Run, count: Run):
    count(FROM_MS + 48 * Q)
    standing.execute("update device set poll_s = '{\"energy\": 3600}' where code = 'm1'")
    count(FROM_MS + 49 * Q)
    standing.execute("update device set poll_s = '{}' where code = 'm1'")
    read("m1", [FROM_MS + n * HOUR + 5 for n in range(24)])
    count()

    assert figures(standing) == (24, 24, 0, 0)


@pytest.mark.parametrize(("zone", "day", "due"), [("Europe/Berlin", date(2026, 3, 29), 92), ("Europe/Berlin", date(2026, 10, 25), 100)])
def test_days_on_which_the_clock_changes(standing: Connection, count: Run, zone: str, day: date, due: int):
    standing.execute("update site_plan set summary = jsonb_set(summary, '{site,timezone}', to_jsonb(%s::text))", (zone,))
    count(bounds(day, zone)[1] + HOUR)

    assert figures(standing, "m1", day)[0] == due


def test_sums_by_gateway_place_and_site(standing: Connection, read: Run, count: Run):
    read("m1", [FROM_MS + n * Q + 5 for n in range(90)])
    read("m2", [FROM_MS + n * Q + 5 for n in range(96)])
    read("w1", [FROM_MS + n * HOUR + 5 for n in range(24)])
    count()

    def sums(by: By, within: str | None = None) -> list[tuple[str, int, int, int]]:
        return [(row.code, row.devices, row.due, row.measured) for row in completeness(standing, DAY, by, LATER_MS, within)]

    assert sums(By.SITE) == [("site", 3, 216, 210)]
    assert sums(By.GATEWAY) == [("gw-1", 2, 192, 186), ("gw-2", 1, 24, 24)]
    assert sums(By.GATEWAY, "gw-1") == [("gw-1", 2, 192, 186)]
    assert sums(By.PLACE) == [("campus", 3, 216, 210)]
    assert sums(By.PLACE, "campus") == [("b1", 2, 192, 186), ("b2", 1, 24, 24)]
    assert sums(By.DEVICE, "b1") == [("m1", 1, 96, 90), ("m2", 1, 96, 96)]
    assert [row.name_zh for row in completeness(standing, DAY, By.SITE, LATER_MS)] == ["大学"]


def test_nothing_is_due_before_a_meter_that_hung_there_came_to_a_plan(standing: Connection, read: Run, count: Run):
    standing.execute("update installation set asked_from = to_timestamp(%s / 1000.0) where device = 'm1'", (FROM_MS + 23 * HOUR,))
    standing.execute("update installation set asked_from = to_timestamp(%s / 1000.0) where device = 'm2'", (TO_MS + HOUR,))
    read("m1", range(FROM_MS + 22 * HOUR, TO_MS, Q))

    count()

    assert figures(standing) == (4, 4, 0, 0)
    assert not [row for row in completeness(standing, DAY, By.DEVICE, LATER_MS) if row.code == "m2"]

"""Meters that hang there since a day the plan says: `installed`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from central.db.pool import Connection
from central.metering.export_plan import export_site_plan
from central.metering.model import Change, PlanDiff
from protocol.errors import ConfigError

Import = Callable[..., PlanDiff]


def since(plan: str, day: str, point: str = "p1") -> str:
    return plan.replace(f"point: {point},", f"point: {point}, installed: {day},")


def began(conn: Connection, device: str = "m1") -> list[str]:
    sql = (
        "select to_char(installed_at at time zone 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI:SS') from installation where device = %s order by installed_at"
    )
    return [row[0] for row in conn.execute(sql, [device])]


def test_a_new_meter_stands_there_since_local_midnight_of_its_day(conn: Connection, import_plan: Import, plan: str):
    preview = import_plan(conn, since(plan, "2024-09-01"), preview=True)
    diff = import_plan(conn, since(plan, "2024-09-01"))

    assert began(conn) == ["2024-09-01 00:00:00"]
    asked = "select device, installed_at > now() - interval '1 hour', asked_from > now() - interval '1 hour' from installation order by 1 limit 2"
    assert conn.execute(asked).fetchall() == [("m1", False, True), ("m2", True, None)]
    told = [(row.code, row.fields) for row in diff.rows if row.kind == "installation" and row.fields]
    assert told == [("p1", {"installed": (None, "2024-09-01")})]
    assert preview.rows == diff.rows


def test_the_export_says_the_day_and_imports_without_a_change(conn: Connection, import_plan: Import, plan: str):
    import_plan(conn, since(plan, "2024-09-01"))

    text = export_site_plan(conn)

    assert [line.split("installed: ")[1].strip('"')[:10] for line in text.splitlines() if "installed" in line] == ["2024-09-01"]
    assert import_plan(conn, text).rows == ()


def test_gateways_are_not_told_of_it(conn: Connection, import_plan: Import, plan: str):
    import_plan(conn, since(plan, "2024-09-01"))

    assert conn.execute("select count(*), count(*) filter (where body::text like '%installed%') from desired_document").fetchone() == (2, 0)


def test_a_stay_that_has_begun_is_not_moved(site: Connection, import_plan: Import, plan: str):
    before = began(site)

    with pytest.raises(ConfigError, match=r"'m1' stands since \d{4}-\d\d-\d\d, not 2024-09-01, and a plan does not move that"):
        import_plan(site, since(plan, "2024-09-01"))
    assert began(site) == before
    assert import_plan(site, since(plan, before[0][:10])).rows == ()


def test_a_day_to_come_is_refused(conn: Connection, import_plan: Import, plan: str):
    with pytest.raises(ConfigError, match="2199-01-01 is still to come"):
        import_plan(conn, since(plan, "2199-01-01"))


def test_a_new_meter_cannot_have_stood_where_another_did(site: Connection, import_plan: Import, plan: str):
    with pytest.raises(ConfigError, match="another meter stood at point 'p1' until"):
        import_plan(site, since(plan, "2024-09-01").replace("{id: m1,", "{id: m9,"))


def test_a_new_ratio_begins_now_though_the_plan_says_the_day(conn: Connection, import_plan: Import, plan: str):
    dated = since(plan, "2024-09-01")
    import_plan(conn, dated)
    conn.commit()

    diff = import_plan(conn, dated.replace("ct: 40", "ct: 20"))

    assert [row.change for row in diff.rows] == [Change.UPDATED]
    assert (len(began(conn)), began(conn)[0]) == (2, "2024-09-01 00:00:00")


def test_a_day_in_an_unknown_zone_is_a_mistake_of_the_zone_alone(conn: Connection, import_plan: Import, plan: str):
    with pytest.raises(ConfigError, match="'Asia/Nowhere' is no time zone") as told:
        import_plan(conn, since(plan, "2024-09-01").replace("University}}\nplaces", "University}, timezone: Asia/Nowhere}\nplaces"))
    assert "installed" not in str(told.value)

"""Importing site plans: what changes, what stays, what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from central.db.pool import Connection
from central.metering.import_plan import import_site_plan
from central.metering.meters import Model
from central.metering.model import Change, PlanDiff, PlanRow
from protocol.errors import ConfigError
from protocol.messages import LinesDocument, decode_record
from protocol.profile import DeviceKind

MODELS = {
    "acme/one": Model(DeviceKind.ELECTRICITY_METER, "energy_active_forward", 1_000_000_000),
    "acme/water": Model(DeviceKind.WATER_METER, "water_volume", 1_000_000_000),
}
Import = Callable[..., PlanDiff]


def counts(diff: PlanDiff) -> tuple[int, int, int, int]:
    return diff.created, diff.updated, diff.unchanged, diff.removed


def test_first_import_creates_everything_and_the_second_changes_nothing(conn: Connection, import_plan: Import):
    first, second = import_plan(conn), import_plan(conn)

    assert counts(first) == (4 + 2 + 2 + 3 + 3, 0, 0, 0)
    assert counts(second) == (0, 0, 14, 0)
    assert (first.version, second.version) == (1, None)
    assert second.rows == ()


def test_preview_tells_the_same_and_writes_nothing(conn: Connection, import_plan: Import):
    preview = import_plan(conn, preview=True)

    assert conn.execute(
        "select (select count(*) from place), (select count(*) from site_plan), (select count(*) from desired_document)"
    ).fetchone() == (0, 0, 0)
    real = import_plan(conn)
    assert (preview.rows, counts(preview), preview.preview) == (real.rows, counts(real), True)


def test_changed_field_is_told_with_both_values(site: Connection, import_plan: Import, plan: str):
    diff = import_plan(site, plan.replace("en: Building 1", "en: Main building"))

    assert counts(diff) == (0, 1, 13, 0)
    assert diff.rows == (PlanRow("place", "b1", Change.UPDATED, {"name_en": ("Building 1", "Main building")}),)


def test_device_missing_from_a_newer_plan_is_marked_removed_and_its_history_stays(site: Connection, import_plan: Import, plan: str):
    site.execute("insert into series (device, quantity) values ('m2', 'voltage_a')")
    without = "\n".join(line for line in plan.splitlines() if "id: m2" not in line)

    diff = import_plan(site, without)

    assert [(row.kind, row.code) for row in diff.rows if row.change is Change.REMOVED] == [("device", "m2"), ("installation", "m2")]
    assert site.execute("select removed_at is not null from device where code = 'm2'").fetchone() == (True,)
    assert site.execute("select count(*) from series").fetchone() == (1,)


def test_device_that_comes_back_is_restored_with_a_second_installation(site: Connection, import_plan: Import, plan: str):
    import_plan(site, "\n".join(line for line in plan.splitlines() if "id: m2" not in line))
    site.commit()

    diff = import_plan(site, plan)

    assert [(row.kind, row.change) for row in diff.rows] == [("device", Change.UPDATED), ("installation", Change.CREATED)]
    assert site.execute("select count(*), count(removed_at) from installation where device = 'm2'").fetchone() == (2, 1)


def test_meter_replaced_at_its_point_is_a_new_installation(site: Connection, import_plan: Import, plan: str):
    diff = import_plan(site, plan.replace("id: m1,", "id: m1b,").replace('"000000000001"', '"000000000009"'))

    assert PlanRow("installation", "p1", Change.UPDATED, {"device": ("m1", "m1b")}) in diff.rows
    stays = site.execute("select device, ct, removed_at is null from installation where point = 'p1' order by installed_at").fetchall()
    assert stays == [("m1", 40, False), ("m1b", 40, True)]


def test_changed_ratio_ends_one_installation_and_begins_another(site: Connection, import_plan: Import, plan: str):
    import_plan(site, plan.replace("ct: 40", "ct: 60"))

    stays = site.execute("select ct, removed_at is null from installation where point = 'p1' order by installed_at").fetchall()
    assert stays == [(40, False), (60, True)]


def test_two_meters_that_change_places_swap_installations(site: Connection, import_plan: Import, plan: str):
    swapped = plan.replace("point: p1, ct: 40, ", "").replace('"000000000002", place: b1-101', '"000000000002", place: b1-101, point: p1')

    import_plan(site, swapped)

    now = site.execute("select point, device from installation where removed_at is null and device like 'm%' order by 1").fetchall()
    assert now == [("m1", "m1"), ("p1", "m2")]


def test_documents_rise_in_version_only_for_gateways_that_changed(site: Connection, import_plan: Import, plan: str):
    import_plan(site, plan.replace("baud: 2400", "baud: 4800"))

    rows = site.execute("select gateway, version, body::text from desired_document order by 1").fetchall()
    assert [(gateway, version) for gateway, version, _ in rows] == [("gw-1", 2), ("gw-2", 1)]
    document = decode_record(LinesDocument, rows[0][2].encode())
    assert (document.version, document.lines[0].baud, [device.id for device in document.lines[0].devices]) == (2, 4800, ["m1", "m2"])
    assert (document.lines[0].devices[0].point, document.lines[0].devices[0].ct) == ("p1", 40)


def test_gateways_are_told_the_sites_time_zone_where_it_is_not_the_usual_one(site: Connection, import_plan: Import, plan: str):
    query = "select body ->> 'timezone' from desired_document order by gateway"
    assert site.execute(query).fetchall() == [(None,), (None,)]

    import_plan(site, re.sub(r"^site: {(.*)}$", r"site: {\1, timezone: Asia/Urumqi}", plan, count=1, flags=re.MULTILINE))

    assert site.execute(query).fetchall() == [("Asia/Urumqi",), ("Asia/Urumqi",)]


def test_removed_gateway_is_told_to_poll_nothing(site: Connection, import_plan: Import, plan: str):
    import_plan(site, plan[: plan.index("  - id: gw-2")])

    body = site.execute("select body::text from desired_document where gateway = 'gw-2'").fetchone()
    assert decode_record(LinesDocument, body[0].encode()) == LinesDocument(gateway="gw-2", version=2, lines=())


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("schema: 1", "schema: [", r"plan.yaml:\d+: not valid YAML"),
        ("place: b2}", "place: b9}", r"plan.yaml:28: place 'b9' does not exist"),
        ("acme/water", "acme/gas", r"plan.yaml:28: there is no device profile 'acme/gas'"),
        ("place: b1-101}", "place: b1-101, point: p1}", r"plan.yaml:19: devices 'm1' and 'm2' stand at one metering point"),
        ("baud: 2400", "baud: 2401", r"plan.yaml:16: .*baud"),
        (
            "{id: campus, name: {zh: 大学, en: University}}\nplaces",
            "{id: u, name: {zh: 大, en: U}, timezone: Mars}\nplaces",
            r"plan.yaml:3: 'Mars' is no time zone",
        ),
    ],
)
def test_bad_plan_is_refused_with_its_line_and_changes_nothing(site: Connection, plan: str, before: str, after: str, told: str):
    with pytest.raises(ConfigError, match=told):
        import_site_plan(site, plan.replace(before, after), "plan.yaml", "tester", False, models=MODELS)

    assert site.execute("select count(*) from site_plan").fetchone() == (1,)


def test_summary_of_the_stored_plan_says_whose_site_it_is(site: Connection):
    (site_name,) = site.execute("select summary #>> '{site,name,en}' from site_plan").fetchone()

    assert site_name == "University"

"""What pages ask: tree, lists, search, devices, values, overview."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from central.db.pool import Connection
from central.metering.device import get_device
from central.metering.model import LatestValue, PlanDiff
from central.metering.overview import site_overview
from central.metering.search import search
from central.metering.tree import ancestors, children, devices_in
from central.metering.values import curve, latest_values
from protocol.errors import NotFound

T0 = datetime(2027, 1, 1, tzinfo=UTC)
T0_MS = int(T0.timestamp() * 1000)


def fill(conn: Connection, device: str, quantity: str, values: list[int], start: datetime = T0, step_s: int = 60) -> None:
    row = conn.execute("insert into series (device, quantity) values (%s, %s) returning id", [device, quantity]).fetchone()
    with conn.cursor() as cursor:
        rows = [(row[0], start + timedelta(seconds=step_s * n), value) for n, value in enumerate(values)]
        cursor.executemany("insert into reading values (%s, %s, %s, 0)", rows)


def test_tree_counts_children_and_all_devices_below(site: Connection):
    (root,) = children(site, None)
    below = children(site, root.code)

    assert (root.code, root.child_count, root.device_count) == ("campus", 2, 3)
    assert [(node.code, node.name_zh, node.child_count, node.device_count) for node in below] == [("b1", "一号楼", 1, 2), ("b2", "二号楼", 0, 1)]


def test_ancestors_lead_from_the_root_to_the_place(site: Connection):
    assert [node.code for node in ancestors(site, "b1-101")] == ["campus", "b1", "b1-101"]
    assert ancestors(site, "nowhere") == []


@pytest.mark.parametrize(
    ("place", "recursive", "q", "codes"),
    [
        (None, True, None, ["m1", "m2", "w1"]),
        ("b1", True, None, ["m1", "m2"]),
        ("b1", False, None, ["m1"]),
        ("nowhere", True, None, []),
        (None, True, "000002", ["m2"]),
        (None, True, "总", ["m1"]),
        (None, True, "MAIN", ["m1"]),
        (None, True, "100%", []),
        (None, True, "_", []),
    ],
)
def test_devices_of_a_place_by_filter(site: Connection, place: str | None, recursive: bool, q: str | None, codes: list[str]):
    page = devices_in(site, place, recursive, 0, 50, q)

    assert [row.code for row in page.items] == codes
    assert page.total == len(codes)


def test_page_of_devices_knows_the_whole_number(site: Connection):
    page = devices_in(site, None, True, 1, 1)

    assert ([row.code for row in page.items], page.total) == (["m2"], 3)


@pytest.mark.parametrize(("age_s", "state"), [(60, "online"), (2 * 3600, "stale"), (30 * 3600, "silent")])
def test_state_follows_the_age_of_the_newest_value(site: Connection, age_s: int, state: str):
    fill(site, "m1", "voltage_a", [1], datetime.now(UTC) - timedelta(seconds=age_s))

    assert get_device(site, "m1").state == state
    assert [row.state for row in devices_in(site, None, True, 0, 50).items] == [state, "silent", "silent"]


def test_device_shows_quantities_and_every_installation(site: Connection, import_plan: Callable[..., PlanDiff], plan: str):
    fill(site, "m1", "voltage_a", [230_000])
    import_plan(site, plan.replace("ct: 40", "ct: 60"))

    view = get_device(site, "m1")

    assert (view.quantities, view.gateway, view.line, view.kind) == (("voltage_a",), "gw-1", "l1", "electricity_meter")
    assert [(stay.point, stay.ct, stay.removed_at_ms is None) for stay in view.installations] == [("p1", 60, True), ("p1", 40, False)]


def test_unknown_device_is_not_found(site: Connection):
    with pytest.raises(NotFound, match="there is no device 'm7'"):
        get_device(site, "m7")


def test_latest_values_are_the_newest_of_each_series(site: Connection):
    fill(site, "m1", "voltage_a", [1, 2, 3])
    fill(site, "m1", "energy_active_forward", [7])

    assert latest_values(site, "m1") == [LatestValue("voltage_a", 3, T0_MS + 120_000, 0), LatestValue("energy_active_forward", 7, T0_MS, 0)]
    assert latest_values(site, "m2") == []


def test_curve_holds_every_reading_of_a_half_open_interval(site: Connection):
    fill(site, "m1", "voltage_a", [1, 2, 3])

    points = curve(site, "m1", "voltage_a", T0_MS, T0_MS + 120_000)

    assert [(point.at_ms - T0_MS, point.value) for point in points] == [(0, 1), (60_000, 2)]


def test_thinned_curve_keeps_the_single_peak(site: Connection):
    values = [5] * 1000
    values[617] = 99
    fill(site, "m1", "power_active_total", values)

    points = curve(site, "m1", "power_active_total", T0_MS, T0_MS + 60_000_000, max_points=20)

    assert len(points) <= 20
    assert (T0_MS + 617 * 60_000, 99) in [(point.at_ms, point.value) for point in points]
    assert [point.at_ms for point in points] == sorted(point.at_ms for point in points)


def test_thinned_register_keeps_last_values_and_stays_rising(site: Connection):
    fill(site, "m1", "energy_active_forward", list(range(1000)))

    points = curve(site, "m1", "energy_active_forward", T0_MS, T0_MS + 60_000_000, max_points=10)

    assert [point.value for point in points] == list(range(99, 1000, 100))


def test_curve_of_a_quantity_never_sent_is_not_found(site: Connection):
    with pytest.raises(NotFound, match="no readings of 'voltage_a'"):
        curve(site, "m1", "voltage_a", 0, T0_MS)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("2", ("device", "m2")),
        ("000000000003", ("device", "w1")),
        ("二号楼", ("place", "b2")),
        ("gateway 2", ("gateway", "gw-2")),
        ("m1", ("device", "m1")),
    ],
)
def test_search_finds_by_number_name_and_code(site: Connection, text: str, first: tuple[str, str]):
    hits = search(site, text)

    assert (hits[0].kind, hits[0].code) == first


@pytest.mark.parametrize("text", ["", "   ", "no such thing", "%", "'; drop table place"])
def test_search_for_nothing_finds_nothing(site: Connection, text: str):
    assert search(site, text) == []


def test_overview_counts_the_site(site: Connection):
    site.execute("insert into device_status values ('m1', now()), ('m2', now() - interval '2 hours')")
    site.execute("insert into gateway_status (gateway, state) values ('gw-1', 'online')")
    site.execute("insert into batch values ('gw-1', 1, 1, 1, now(), 'stored', 30, 0), ('gw-1', 1, 1, 2, now() - interval '2 hours', 'stored', 5, 0)")

    found = site_overview(site)

    assert (found.places, found.devices, found.devices_online, found.devices_stale, found.devices_silent) == (4, 3, 1, 1, 1)
    assert (found.gateways, found.gateways_online, found.readings_last_hour, found.batches_last_hour) == (2, 1, 30, 1)

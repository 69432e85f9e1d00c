"""Pages and API of water meters' health, leaks and rises, served; for the whole site and for who may see a part of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from central.analytics.leak_watch import follow_nights
from central.consumption.days import day_of
from central.db.pool import connect
from central.identity.accounts import add_account
from central.identity.permissions import Role
from central.metering.import_plan import import_site_plan

ZONE = "Asia/Shanghai"
PLAN = """
schema: 1
site: {id: north, name: {zh: 北校区, en: North campus}, timezone: Asia/Shanghai}
places:
  - {id: campus, kind: campus, name: {zh: 北校区, en: North campus}}
  - {id: b1, kind: building, parent: campus, name: {zh: 一号楼, en: Building 1}}
  - {id: r101, kind: room, parent: b1, name: {zh: 101 室, en: Room 101}}
  - {id: b2, kind: building, parent: campus, name: {zh: 二号楼, en: Building 2}}
gateways:
  - id: gw1
    name: {zh: 一号楼网关, en: Gateway of building 1}
    place: b1
    lines:
      - id: l1
        port: {kind: serial, path: /dev/ttyS1}
        baud: 2400
        devices:
          - {id: w1, profile: langhua/cold_water_valve, address: "20260000000001", place: r101, name: {zh: 101 室水表, en: Water of room 101}}
reporting_devices:
  - {id: i1, profile: maituo/nb_cold_water, address: "1001", place: b2, imei: "868000000000011", via: mqtt, name: {zh: 表, en: Water of two}}
"""
Browser = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def water(web, database: str) -> int:
    """The site with water meters: i1 said its state, w1 leaks; the leak's number."""
    now = web.clock.now
    today = day_of(int(now * 1000), ZONE)
    with connect(database) as conn:
        import_site_plan(conn, PLAN, "plan.yaml", "test", preview=False)
        state = json.dumps({"valve_state": 3, "battery_voltage": 3580, "signal_rsrp": -99, "status_word_188": 3})
        conn.execute("insert into iot_state (device, last_report_at, measured_at, state) values ('i1', to_timestamp(%s), now(), %s)", [now, state])
        for number in range(12):
            night = [today - timedelta(days=11 - number), 480 if number >= 10 else 0]
            conn.execute("insert into night_flow values ('point', 'w1', %s, 'quarter', %s, true, 1)", night)
            conn.execute("insert into battery_day values ('i1', %s, %s)", [night[0], 3590 - number])
        follow_nights(conn, ZONE, "point", {"w1": True}, today)
        add_account(conn, "of-b2", "seven green kettles", Role.OPERATOR, now, ["b2"])
        row = conn.execute("select id from leak").fetchone()
    assert row
    return int(row[0])


@pytest.mark.parametrize(
    "path", ["/water/health", "/water/health?node=b2", "/water/leaks", "/water/leaks?node=r101", "/waste", "/water/health/i1", "/water/health/w1"]
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_answers_in_both_languages(water: int, browser: Browser, path: str, language: str) -> None:
    page = browser("viewer", language=language).get(path)

    assert page.status_code == 200
    assert 'data-place="' in page.text


def test_the_health_page_counts_and_lists_the_node_s_meters(water: int, browser: Browser) -> None:
    page = browser("viewer").get("/water/health?node=b2").text

    assert "Water of two" in page
    assert "Water of room 101" not in page
    assert "valve fault" in page
    assert "3.58" in page


def test_the_silent_list_is_the_health_list_filtered(water: int, browser: Browser) -> None:
    answer = browser("viewer").get("/water/silent?node=campus", follow_redirects=True)

    assert answer.url.params["f.state"] == "late,silent,never"
    assert "Water of room 101" in answer.text
    assert "Water of two" not in answer.text


def test_a_leak_shows_its_loss_and_its_nights(water: int, browser: Browser) -> None:
    page = browser("viewer").get(f"/water/leaks/{water}").text

    assert "20.0" in page  # L/h
    assert "0.480" in page  # m3 a day
    assert "night-chart" in page
    assert "known-use" not in page  # a viewer accepts nothing


def test_one_meter_s_page_says_its_status_in_words(water: int, browser: Browser) -> None:
    page = browser("viewer").get("/water/health/i1").text

    assert "Valve abnormal" in page
    assert "not enough data: 12 days" in page
    assert "battery-chart" in page


def test_known_use_needs_a_reason_and_closes_the_leak(water: int, web, browser: Browser, csrf_of) -> None:
    client = browser("operator")
    form = {"csrf": csrf_of(client.get(f"/water/leaks/{water}"))}

    assert client.post(f"/water/leaks/{water}/known-use", data=form | {"reason": " a "}).status_code == 422
    done = client.post(f"/water/leaks/{water}/known-use", data=form | {"reason": "fish tanks"})

    assert (done.status_code, done.headers["location"]) == (303, f"/water/leaks/{water}")
    page = client.get(f"/water/leaks/{water}").text
    assert "accepted by the-operator: fish tanks" in page
    assert client.post(f"/water/leaks/{water}/known-use", data=form | {"reason": "again"}).status_code == 409
    with web.pool.connection() as conn:
        assert conn.execute("select actor from audit where action = 'leak.known_use'").fetchall() == [("the-operator",)]


def test_who_may_see_one_building_sees_nothing_of_another(water: int, web, sign_in) -> None:
    with httpx.Client(base_url=web.url, headers={"accept": "text/html", "accept-language": "en"}) as client:
        assert sign_in(client, "of-b2").status_code == 303

        assert "Water of two" in client.get("/water/health").text
        assert client.get("/water/health?node=b1").status_code == 404
        assert client.get("/water/health/w1").status_code == 404
        assert client.get(f"/water/leaks/{water}").status_code == 404
        assert client.get("/api/v1/water/leaks", params={"state": "all"}).json()["items"] == []
        assert [row["device"] for row in client.get("/api/v1/water/health").json()["items"]] == ["i1"]
        for path in ("water/leaks", "water/leak-sums", "water/health", "water/fleet", "analytics/rises", "analytics/stopped", "analytics/habits"):
            assert client.get(f"/api/v1/{path}", params={"node": "b1"}).status_code == 404, path


def test_the_api_says_what_the_pages_say(water: int, browser: Browser) -> None:
    client = browser("viewer")

    evidence = client.get(f"/api/v1/water/leaks/{water}").json()
    assert (evidence["leak"]["lost_l_day"], len(evidence["nights"])) == (480, 12)
    assert [one["verdict"] for one in client.get("/api/v1/points/w1/nights").json()][-2:] == ["above", "above"]
    meter = client.get("/api/v1/water/health/i1").json()
    assert (meter["battery"]["state"], meter["signal"], meter["meter"]["flags"]) == ("too_little", "fair", ["valve_fault"])
    assert client.get("/api/v1/water/fleet").json()["valve_faults"] == 1
    assert client.get("/api/v1/water/health/nobody").status_code == 404
    for path in ("rises", "stopped", "habits", "data-faults"):
        assert client.get(f"/api/v1/analytics/{path}").json() == []

"""The "Read now" panel and the JSON API, as a person and a program meet them."""

from __future__ import annotations

import uuid

import pytest

from central.control import issue
from central.control.listing import get_command
from central.control.results import settle_results
from central.db.pool import connect
from central.identity.accounts import add_account
from central.identity.permissions import Role
from central.metering.import_plan import import_site_plan
from protocol.command import CommandResult

PASSWORD = "seven green kettles"
PLAN = """
schema: 1
site: {id: campus, name: {zh: 大学, en: University}}
places:
  - {id: campus, kind: campus, name: {zh: 大学, en: University}}
  - {id: b1, kind: building, parent: campus, name: {zh: 一号楼, en: Building 1}}
  - {id: b2, kind: building, parent: campus, name: {zh: 二号楼, en: Building 2}}
gateways:
  - id: gw-1
    name: {zh: 一号网关, en: Gateway 1}
    place: b1
    lines: [{id: l1, port: {kind: serial, path: /dev/ttyS0}, baud: 9600, devices: [
      {id: relay, profile: generic/lighting_relay_4ch, address: "5", place: b1},
      {id: meter, profile: generic/dlt645_2007_single_phase, address: "000000000001", place: b1}]}]
"""
HX = {"hx-request": "true", "hx-target": "read-now"}


@pytest.fixture(scope="module")
def web(database, serve):
    with serve(database) as web:
        with connect(database) as conn:
            import_site_plan(conn, PLAN, "plan.yaml", "tester", preview=False)
            conn.execute("insert into gateway_status (gateway, state) values ('gw-1', 'online')")
            for role in Role:
                add_account(conn, f"the-{role}", PASSWORD, role, web.clock.now)
        yield web


@pytest.fixture(autouse=True)
def _clean(web):
    yield
    with web.pool.connection() as conn:
        conn.execute("delete from command")


def settle(web, command: str, **facts: object) -> None:
    result = CommandResult.model_validate({"id": command, "at_ms": int(web.clock.now * 1000), **facts})
    with web.pool.connection() as conn:
        assert settle_results(conn, "gw-1", [result]) == []


def pressed(client, csrf_of, path: str = "/devices/meter/read-now"):
    """Press the button as htmx does."""
    csrf = csrf_of(client.get("/devices/meter/read-now", headers=HX))
    return client.post(path, data={"csrf": csrf}, headers=HX)


def open_command(web) -> str:
    with web.pool.connection() as conn:
        return conn.execute("select id from command order by requested_at desc limit 1").fetchone()[0]


def test_panel_follows_a_command_until_it_is_read(web, browser, csrf_of):
    client = browser("operator")
    waiting = pressed(client, csrf_of)
    assert 'hx-trigger="every 1s"' in waiting.text

    readings = [{"quantity": "voltage_a", "value": 230_100, "at_ms": int(web.clock.now * 1000)}]
    settle(web, open_command(web), state="done", readings=readings, took_ms=180)
    done = client.get("/devices/meter/read-now", headers=HX)

    assert "230.1" in done.text
    assert "every 1s" not in done.text


def test_panel_says_why_not(web, browser, csrf_of):
    client = browser("operator")
    pressed(client, csrf_of)
    frames = [{"at_ms": 1, "direction": ">", "hex": "68 01", "verdict": "sent"}, {"at_ms": 2, "direction": "<", "hex": "", "verdict": "silence"}]
    settle(web, open_command(web), state="failed", code="device.no_reply", frames=frames)

    page = client.get("/devices/meter/read-now", headers=HX).text

    assert "Check its power, wiring and address" in page
    assert "68 01" in page
    assert "no answer" in page


def test_offline_gateway_is_told_and_the_button_is_off(web, browser):
    with web.pool.connection() as conn:
        conn.execute("update gateway_status set state = 'offline' where gateway = 'gw-1'")
    try:
        page = browser("operator").get("/devices/meter/read-now", headers=HX).text
    finally:
        with web.pool.connection() as conn:
            conn.execute("update gateway_status set state = 'online' where gateway = 'gw-1'")

    assert "not online" in page
    assert " disabled" in page


def test_viewer_sees_the_panel_without_its_button(browser):
    page = browser("viewer").get("/devices/meter/read-now", headers=HX).text

    assert "<button" not in page


def test_fetched_frames_are_shown(web, browser, csrf_of):
    client = browser("operator")
    pressed(client, csrf_of, "/devices/meter/last-exchange")
    frames = [{"at_ms": 1, "direction": "<", "hex": "fe fe 68", "verdict": "ok", "device": "meter"}]
    settle(web, open_command(web), state="done", frames=frames)

    assert "fe fe 68" in client.get("/devices/meter/read-now", headers=HX).text
    assert client.get("/api/v1/devices/meter/frames").json()["frames"][0]["hex"] == "fe fe 68"


def api(client, csrf_of, method: str, path: str, body: dict | None = None, **headers: str):
    csrf = csrf_of(client.get("/"))
    return client.request(method, path, json=body, headers={"x-csrf-token": csrf, "accept": "application/json", **headers})


def test_switch_by_the_api_needs_reason_and_key_and_can_be_previewed(browser, csrf_of):
    client, path = browser("operator"), "/api/v1/devices/relay/switch"
    body = {"command": "relay_1_on", "reason": "lamp test"}
    key = str(uuid.uuid4())

    assert api(client, csrf_of, "POST", f"{path}?preview=true", body).json()["would"] == "change"
    assert api(client, csrf_of, "POST", path, body).status_code == 403
    assert api(client, csrf_of, "POST", path, {**body, "reason": ""}, **{"idempotency-key": key}).status_code == 422
    first = api(client, csrf_of, "POST", path, body, **{"idempotency-key": key}).json()
    again = api(client, csrf_of, "POST", path, body, **{"idempotency-key": key}).json()
    assert (first["id"], first["state"]) == (again["id"], "queued")
    assert client.get(f"/api/v1/commands/{first['id']}").json()["arguments"]["value"] == 1


def test_viewer_may_neither_read_now_nor_switch(browser, csrf_of):
    client = browser("viewer")

    assert api(client, csrf_of, "POST", "/api/v1/devices/meter/read", {}).status_code == 403
    assert api(client, csrf_of, "POST", "/api/v1/devices/relay/switch", {"command": "relay_1_on", "reason": "abc"}).status_code == 403


def test_command_outside_the_scope_does_not_exist(web, browser):
    with web.pool.connection() as conn:
        conn.execute("update account set places = '{b2}' where name = 'the-viewer'")
        command = issue.ask_read(conn, "meter", issue.ReadRequest(), "anna", int(web.clock.now * 1000))
    try:
        client = browser("viewer")
        answers = [
            client.get(path).status_code for path in (f"/api/v1/commands/{command.id}", "/api/v1/devices/meter/commands", "/devices/meter/read-now")
        ]
        assert answers == [404, 404, 404]
    finally:
        with web.pool.connection() as conn:
            conn.execute("update account set places = null where name = 'the-viewer'")


def test_history_lists_commands_without_frames(web, browser):
    client = browser("operator")
    with web.pool.connection() as conn:
        command = issue.ask_read(conn, "meter", issue.ReadRequest(), "anna", int(web.clock.now * 1000))
    settle(web, command.id, state="done", frames=[{"at_ms": 1, "direction": ">", "hex": "68", "verdict": "sent"}])

    listed = client.get("/api/v1/devices/meter/commands").json()

    assert [(one["id"], one["state"], one["evidence"]["frames"]) for one in listed] == [(command.id, "done", [])]
    with web.pool.connection() as conn:
        assert len(get_command(conn, command.id).evidence.frames) == 1

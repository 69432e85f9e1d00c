"""Lists, silence and commands through the whole application; the leader's rounds; the command line."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from central.__main__ import main
from central.context import Central
from central.iot.meters import get_meter, list_meters
from central.iot.rounds import tell_silence
from central.iot.windows import HOUR_MS, meter_state
from central.settings import Settings
from central.web.app import create_app

NOW_MS = 1_800_000_000_000


@pytest.fixture
def ask(iot_site, pool, fresh_database, tmp_path, token) -> Callable[..., httpx.Response]:
    """`ask(method, path, permissions=[...])` below /api/v1/iot, at NOW_MS."""
    app = create_app(Central(Settings(data_dir=tmp_path), pool, lambda: NOW_MS / 1000, fresh_database))
    return token(app)


def test_meters_tell_their_state_and_what_needs_attention(ask, say):
    say("i1", volume_l=5, battery_mv=3100, rsrp_dbm=-120, valve="fault", alarms=["leak", "cover"])
    say("i2", volume_l=6, meter_time=NOW_MS - 9 * HOUR_MS, now_ms=NOW_MS - 9 * HOUR_MS)
    say("i3", volume_l=6, meter_time=NOW_MS - 50 * HOUR_MS, now_ms=NOW_MS - 50 * HOUR_MS)

    page = ask("GET", "/meters").json()

    assert [(one["device"], one["state"]) for one in page["items"]] == [("i1", "reporting"), ("i2", "late"), ("i3", "silent"), ("i4", "never")]
    assert page["items"][0]["attention"] == ["low_battery", "weak_signal", "valve_fault", "leak", "cover_open"]
    assert (page["items"][0]["values"]["water_volume"], page["items"][0]["imei"]) == (5, "868000000000011")
    assert [one["device"] for one in ask("GET", "/meters?state=late").json()["items"]] == ["i2"]
    assert [one["device"] for one in ask("GET", "/meters?attention=leak").json()["items"]] == ["i1"]
    assert (ask("GET", "/meters?limit=2&offset=2").json()["total"], ask("GET", "/meters?offset=9").json()["total"]) == (4, 4)


def test_the_silent_list_begins_with_who_is_longest_overdue(ask, say):
    say("i1", volume_l=5)
    say("i3", volume_l=6, meter_time=NOW_MS - 50 * HOUR_MS, now_ms=NOW_MS - 50 * HOUR_MS)
    say("i4", volume_l=6, meter_time=NOW_MS - 26 * HOUR_MS, now_ms=NOW_MS - 26 * HOUR_MS)

    assert [one["device"] for one in ask("GET", "/silent").json()["items"]] == ["i2", "i3", "i4"]


def test_one_meter_shows_its_reports_as_they_came(ask, say):
    say("i1", volume_l=5)

    view = ask("GET", "/meters/i1").json()

    assert (view["meter"]["device"], view["reports"][0]["raw"], view["commands"]) == ("i1", "{'volume_l': 5}", [])
    assert ask("GET", "/meters/m1").status_code == 404


def test_a_command_through_the_api(ask):
    body = {"key": "close-the-door", "kind": "valve_close", "reason": "leak"}

    assert ask("POST", "/meters/i1/commands", permissions=["metering.read"], json=body).status_code == 403
    made = ask("POST", "/meters/i1/commands", json=body).json()
    assert (made["state"], made["requested_by"][:6], made["expires_at_ms"]) == ("queued", "token:", NOW_MS + 48 * HOUR_MS)
    assert [one["id"] for one in ask("GET", "/commands?device=i1&state=queued").json()] == [made["id"]]
    assert ask("POST", f"/commands/{made['id']}/cancel").json()["state"] == "cancelled"
    assert ask("POST", f"/commands/{made['id']}/cancel").status_code == 409
    assert ask("POST", "/meters/i1/commands", json=body | {"kind": "explode", "key": "another-key"}).status_code == 422


def test_silence_is_told_once_and_so_is_its_end(iot_site, say, sql):
    say("i1", volume_l=5)
    soon, later = NOW_MS + 50 * HOUR_MS - 1, NOW_MS + 50 * HOUR_MS
    sql("delete from iot_meter where device <> 'i1'")

    assert (tell_silence(iot_site, soon), tell_silence(iot_site, later), tell_silence(iot_site, later)) == (0, 1, 0)
    say("i1", volume_l=6, meter_time=later, now_ms=later)
    assert (tell_silence(iot_site, later), tell_silence(iot_site, later)) == (1, 0)

    assert sql("select code from event where device = 'i1' order by id") == [("iot.silent",), ("iot.reporting",)]


def test_a_report_from_the_past_does_not_end_silence(iot_site, say, sql):
    say("i1", volume_l=5)
    later = NOW_MS + 100 * HOUR_MS
    tell_silence(iot_site, later)

    say("i1", volume_l=4, meter_time=NOW_MS - 1, reported_at=NOW_MS - 1, now_ms=later)

    assert get_meter(iot_site, "i1", later).meter.state == "silent"


@pytest.mark.parametrize("ago_h", [0, 5, 7, 8, 13, 14, 25, 26, 49, 50, 51])
def test_the_rule_in_sql_is_the_rule_in_python(iot_site, say, ago_h):
    for device in ("i1", "i2"):
        say(device, volume_l=1, meter_time=NOW_MS - ago_h * HOUR_MS, now_ms=NOW_MS - ago_h * HOUR_MS)

    for one in list_meters(iot_site, NOW_MS).items:
        assert one.state == meter_state(one.last_report_at_ms, one.every_h, one.window_h, NOW_MS)


def test_status_on_the_command_line(iot_site, say, fresh_database, monkeypatch, capsys):
    say("i1", volume_l=1)
    say("i1", imei="868000000000099", volume_l=1)
    monkeypatch.setenv("CE_CENTRAL_DATABASE_DSN", fresh_database)

    assert main(["iot", "status", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["meters"], told["never"], told["set_aside"], told["open_commands"]) == (4, 3, 1, 0)

"""The pages of alarms: a list to act on, one alarm with its runbook, rules to try, planned work; and the same over the API."""

from __future__ import annotations

import re

import pytest

from central.alarms.collect import WATCHES
from central.alarms.rounds import run_round
from central.db.pool import connect

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def alarm(web, database) -> int:
    """A standing alarm: gateway gw1 has been silent for ten minutes; its rule was evaluated just now."""
    now_ms = int(web.clock.now * 1000)
    with connect(database) as conn:
        conn.execute("insert into gateway_status (gateway, state, last_seen_at) values ('gw1', 'online', to_timestamp(%s))", [web.clock.now - 600])
        for at_ms in (now_ms - 120_000, now_ms):
            run_round(conn, at_ms, tuple(WATCHES), lambda: 50)
        row = conn.execute("select id from alarm where rule = 'gateway_offline'").fetchone()
    assert row
    return int(row[0])


def test_the_list_shows_the_alarm_and_its_partial_is_the_list_alone(browser, alarm):
    client = browser("operator")

    page = client.get("/alarms")
    part = client.get("/alarms", headers={"hx-target": "alarm-list"})

    assert page.status_code == part.status_code == 200
    for text in ("Gateway offline", "Gateway of building 1", "not acknowledged", f"/alarms/{alarm}"):
        assert text in page.text
        assert text in part.text
    assert "<main" in page.text
    assert "<main" not in part.text
    assert not CHINESE.search(part.text)


def test_the_list_speaks_chinese(browser, alarm):
    page = browser("viewer", language="zh-CN").get("/alarms").text

    assert "网关离线" in page
    assert "未确认" in page
    assert "alarm-batch" not in page.split("<main")[1].split("hx-get")[0]


def test_one_alarm_shows_what_was_seen_what_to_do_and_its_history(browser, alarm):
    page = browser("operator").get(f"/alarms/{alarm}").text

    for text in ("Heard last", "Ping the box", "Last good state", "raised", "10 minutes"):
        assert text in page


@pytest.mark.parametrize("tab", ["snoozed", "planned", "table", "history"])
def test_every_tab_answers(browser, alarm, tab):
    assert browser("operator").get(f"/alarms?tab={tab}").status_code == 200


@pytest.mark.parametrize("path", ["rules", "rules/gateway_offline", "rules/certificate_expiry", "windows", "badge"])
def test_the_other_pages_answer(browser, alarm, path):
    assert browser("viewer").get(f"/alarms/{path}").status_code == 200


def test_several_are_acknowledged_and_what_was_not_done_is_told(browser, alarm, csrf_of):
    client = browser("operator")
    form = {"csrf": csrf_of(client.get("/alarms")), "action": "close", "cause": "repaired", "ids": [alarm]}

    refused = client.post("/alarms/actions", data=form)
    nothing = client.post("/alarms/actions", data={"csrf": form["csrf"], "action": "acknowledge"})
    done = client.post("/alarms/actions", data={"csrf": form["csrf"], "only": alarm})

    assert "still holds" in refused.text
    assert "No alarm was chosen" in nothing.text
    assert "1 alarm done" in done.text
    assert client.get("/api/v1/alarms/counts").json()["unacknowledged"] == 0


def test_a_comment_from_the_page_stands_in_the_history(browser, alarm, csrf_of):
    client = browser("operator")
    csrf = csrf_of(client.get(f"/alarms/{alarm}"))

    page = client.post(f"/alarms/{alarm}/actions", data={"csrf": csrf, "action": "comment", "note": "the switch is dark"})
    empty = client.post(f"/alarms/{alarm}/actions", data={"csrf": csrf, "action": "comment"})

    assert "the switch is dark" in page.text
    assert empty.status_code == 422


def test_a_viewer_sees_and_does_not_act(browser, alarm, csrf_of):
    client = browser("viewer")

    assert client.post("/alarms/actions", data={"csrf": csrf_of(client.get("/alarms")), "only": alarm}).status_code == 403


def test_a_rule_is_tried_and_changed(browser, alarm, csrf_of):
    client = browser("operator")
    csrf = csrf_of(client.get("/alarms/rules/gateway_offline"))
    form = {"csrf": csrf, "severity": "important", "raise_at": "60", "clear_at": "30", "raise_after_s": "60", "clear_after_s": "60", "enabled": "1"}

    tried = client.post("/alarms/rules/gateway_offline/trial", data=form)
    unsaid = client.post("/alarms/rules/gateway_offline", data=form)
    wrong = client.post("/alarms/rules/gateway_offline", data=form | {"clear_at": "90", "reason": "try"})
    saved = client.post("/alarms/rules/gateway_offline", data=form | {"reason": "sooner"})

    assert "Would raise 1 alarm now" in tried.text
    assert (unsaid.status_code, wrong.status_code, saved.status_code) == (422, 422, 200)
    assert "clear_at must lie below" in wrong.text
    assert "sooner" in saved.text
    assert "version 1" in saved.text


def test_planned_work_is_entered_and_ended(browser, alarm, csrf_of):
    client = browser("operator")
    form = {"csrf": csrf_of(client.get("/alarms/windows?gateway=gw1")), "gateway": "gw1", "begins": "2026-01-01T08:00", "reason": "new cables"}

    unsaid = client.post("/alarms/windows", data=form)
    entered = client.post("/alarms/windows", data=form | {"ends": "2199-01-01T09:00"})
    near = client.post(
        "/alarms/windows", data=form | {"begins": "2100-01-01T08:00", "ends": "2100-01-01T12:00", "weekday": ["0"], "start": "08:30", "hours": "2.5"}
    )

    assert (unsaid.status_code, entered.status_code, near.status_code) == (422, 422, 200)
    assert "at most 366 days" in entered.text
    assert "08:30" in near.text
    (window,) = client.get("/api/v1/alarms/windows").json()
    ended = client.post(f"/alarms/windows/{window['id']}/end", data={"csrf": form["csrf"]})
    assert "ended by the-operator" in ended.text


def test_the_api_tells_the_same_and_does_a_thing_once(browser, alarm, csrf_of):
    client = browser("operator")
    headers = {"x-csrf-token": csrf_of(client.get("/alarms"))}
    asked = {"action": "comment", "note": "from a program", "key": "program-1"}

    first, again = (client.post(f"/api/v1/alarms/{alarm}/actions", json=asked, headers=headers) for _ in range(2))
    view = client.get(f"/api/v1/alarms/{alarm}").json()

    assert first.status_code == again.status_code == 200
    assert [change["note"] for change in view["changes"]].count("from a program") == 1
    assert client.get("/api/v1/alarms?severity=important").json()["items"][0]["id"] == alarm
    assert client.get("/api/v1/alarms?severity=grave").status_code == 422
    assert client.get("/api/v1/alarms/999999").status_code == 404
    assert client.post("/api/v1/alarms/seen", json={"ids": [alarm]}, headers=headers).status_code == 200
    assert client.get("/api/v1/alarms/evaluation").json()["failed"] == {}

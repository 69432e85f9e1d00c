"""The pages of notifications: a channel made, tried and removed; an inbox that wants something; secrets that never come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

Browser = Callable[..., httpx.Client]


def post(client: httpx.Client, csrf_of: Callable[..., str], path: str, page: str, **form: Any) -> httpx.Response:
    return client.post(path, data={"csrf": csrf_of(client.get(page)), **form})


def test_a_channel_is_made_shown_without_its_secret_and_removed(browser: Browser, csrf_of: Callable[..., str]) -> None:
    client = browser("admin")
    made = post(
        client,
        csrf_of,
        "/notifications/channels",
        "/notifications",
        name="Ops",
        kind="wecom",
        language="en",
        url="https://robot.example/send?key=SECRETKEY",
    )
    assert made.status_code == 200
    assert "Ops" in made.text
    assert "robot.example" in made.text
    assert "SECRETKEY" not in made.text

    rule = {"channel": "1", "name": "Night", "severities": ["urgent"], "kinds": ["raised"], "quiet_from": "23:00", "quiet_to": "07:00", "place": "b1"}
    assert "quiet 23:00–07:00" in post(client, csrf_of, "/notifications/rules", "/notifications", **rule).text
    gone = post(client, csrf_of, "/notifications/channels/1/remove", "/notifications")
    assert "robot.example" not in gone.text
    assert "Night" not in gone.text


def test_a_form_that_cannot_work_says_why_and_changes_nothing(browser: Browser, csrf_of: Callable[..., str]) -> None:
    client = browser("admin")
    answer = post(client, csrf_of, "/notifications/channels", "/notifications", name="Bad", kind="email", language="en", to="nobody")
    assert answer.status_code == 422
    assert "no mail address" in answer.text
    assert "Bad" not in client.get("/notifications").text


def test_everybody_has_an_inbox_and_only_administrators_manage(browser: Browser, csrf_of: Callable[..., str]) -> None:
    viewer = browser("viewer")
    assert viewer.get("/notifications").status_code == 403
    wanted = post(viewer, csrf_of, "/inbox/rules", "/inbox", name="Mine", severities=["urgent"], kinds=["raised"], after_min="5")
    assert "after 5 min without acknowledgement" in wanted.text
    assert "Mine" not in browser("operator").get("/inbox").text

"""Alarms: from the list to the end of each, by mouse and by keys; planned work; somebody is told."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from playwright.sync_api import Page, expect


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[dict[str, object]]]]:
    """A program that takes webhooks: its address, and what it got."""
    got: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"thanks")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", got
        server.shutdown()
        thread.join(5)


def _open(page: Page, name: str) -> None:
    page.locator(".alarm", has_text=name).first.locator(".alarm-title").click()
    expect(page.locator("#acts")).to_be_visible()


def test_an_alarm_is_acknowledged_assigned_put_aside_and_closed_with_its_cause(browse):
    page = browse("/alarms")
    _open(page, "Water entry 1")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".alarm-now .state.warn", has_text="acknowledged")).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)

    page.locator('select[name="assignee"]').select_option("chief")
    page.get_by_role("button", name="Assign").click()
    expect(page.locator("#content .facts-list").first).to_contain_text("chief")

    page.locator('form:has(button[value="snooze"]) input[name="note"]').fill("plumber booked")
    page.get_by_role("button", name="Put aside").click()
    expect(page.locator(".alarm-now")).to_contain_text("put aside until")
    page.locator('.way a[href^="/alarms"]').first.click()
    page.locator(".alarm-tabs a", has_text="Put aside").click()
    expect(page.locator(".alarm")).to_have_count(1)
    _open(page, "Water entry 1")
    page.get_by_role("button", name="Bring back now").click()

    cause = page.locator('select[name="cause"]')
    label = cause.locator("option").first.inner_text()
    cause.select_option(index=0)
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator(".alarm-now")).to_contain_text("closed")
    expect(page.locator(".alarm-history").first).to_contain_text(label)
    for word in ("plumber booked", "chief"):
        expect(page.locator(".alarm-history").first).to_contain_text(word)


def test_alarms_are_walked_and_acknowledged_by_keys_and_explained_ones_unfold(browse):
    page = browse("/alarms")
    rows = page.locator("#alarm-list > .alarms > .alarm")
    count = rows.count()
    page.keyboard.press("j")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(rows.nth(0)).to_be_focused()
    number = rows.nth(0).get_attribute("data-alarm")
    page.keyboard.press("a")
    expect(page.locator("[role=status]", has_text="1 alarm done")).to_be_visible()
    expect(page.locator(f'[data-alarm="{number}"]')).to_contain_text("acknowledged")
    expect(rows).to_have_count(count)

    parent = page.locator(".alarm:has(.alarm-children)").first
    parent.locator("summary").click()
    expect(parent.locator(".alarm-below .alarm").first).to_be_visible()
    assert parent.locator(".alarm-below .alarm").count() > 10


def test_planned_work_is_entered_and_ended(browse):
    page = browse("/alarms/windows")
    begins = datetime.now() + timedelta(hours=8)  # the site's wall clock, roughly; it only has to lie around now
    page.locator('input[name="gateway"]').fill("gw-01")
    page.locator('input[name="begins"]').fill((begins - timedelta(hours=20)).strftime("%Y-%m-%dT%H:%M"))
    page.locator('input[name="ends"]').fill((begins + timedelta(hours=20)).strftime("%Y-%m-%dT%H:%M"))
    page.locator('input[name="reason"]').fill("cabinet rebuilt")
    page.get_by_role("button", name="Enter", exact=True).click()
    row = page.locator("#content tbody tr", has_text="cabinet rebuilt")
    expect(row).to_contain_text("in force")
    row.get_by_role("button", name="End now").click()
    expect(page.locator("#content tbody tr", has_text="cabinet rebuilt")).to_contain_text("ended by chief")


def test_a_channel_is_made_and_its_test_message_arrives(browse, receiver):
    address, got = receiver
    page = browse("/notifications", language="zh_CN")
    form = page.locator('form[action="/notifications/channels"]')
    form.locator('input[name="name"]').fill("值班")
    form.locator('select[name="kind"]').select_option("webhook")
    form.locator('input[name="url"]').fill(address)
    form.locator('input[name="secret"]').fill("a secret of ours")
    form.locator('button[type="submit"]').click()
    row = page.locator("#content tbody tr", has_text="值班")
    expect(row).to_contain_text("127.0.0.1")
    row.locator('form[action$="/test"] button').click()

    expect(page.locator("#content .note.ok")).to_contain_text("200")
    assert len(got) == 1
    assert re.search("测试", json.dumps(got[0], ensure_ascii=False))

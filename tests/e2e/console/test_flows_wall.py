"""The wall screen: let in by its address, and honest when data is old or the server is away."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.console.conftest import PATIENCE_MS, watch

MINUTE_MS = 60_000


@pytest.fixture
def screen(chromium):
    """A screen's own browser, whose time can be moved."""
    context = chromium.new_context(locale="zh-CN", viewport={"width": 1920, "height": 1080})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    errors = watch(page)
    yield page
    context.close()
    assert [error for error in errors if "ERR_FAILED" not in error and not error.startswith("htmx:")] == []


def test_a_screen_opens_by_its_address_turns_pages_and_says_when_data_is_old_or_the_server_away(stage, browse, screen):
    page = browse("/wall/tokens")
    page.locator('form[action="/wall/tokens"] input[name="name"]').fill("entrance")
    page.get_by_role("button", name="Make the screen").click()
    address = page.locator("#kiosk-address").inner_text()

    with stage.connection() as conn:
        conn.execute("update ack_cursor set updated_at = now()")
    screen.clock.install()
    screen.goto(stage.url + address[address.index("/wall") :])
    expect(screen.locator("#wall .view").first).to_be_visible()
    expect(screen.locator('[data-sign="fresh"]')).to_be_visible()
    expect(screen.locator("body")).not_to_have_class("wall old")

    screen.mouse.move(5, 1079)
    screen.clock.fast_forward(21_000)
    expect(screen.locator('.view[data-view="1"]')).to_be_visible()

    stage.clock.ahead_s = 400
    try:
        screen.clock.fast_forward(16_000)
        expect(screen.locator('[data-sign="stale"]')).to_be_visible()
        assert "old" in str(screen.locator("body").get_attribute("class"))
    finally:
        stage.clock.ahead_s = 0

    screen.clock.fast_forward(16_000)
    expect(screen.locator('[data-sign="fresh"]')).to_be_visible()
    screen.route("**/wall/now*", lambda route: route.abort())
    screen.clock.fast_forward(MINUTE_MS)
    expect(screen.locator('[data-sign="away"]')).to_be_visible()
    screen.unroute("**/wall/now*")
    screen.clock.fast_forward(16_000)
    expect(screen.locator('[data-sign="fresh"]')).to_be_visible()

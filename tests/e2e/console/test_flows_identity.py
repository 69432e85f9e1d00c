"""People: the one-time link, the second factor, sessions, an engineer who sees one building, tokens, and what the audit keeps of it all."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from central.identity.links import create_admin_link, create_invitation
from central.identity.permissions import Role
from central.identity.principal import CONSOLE
from tests.e2e.console.conftest import PATIENCE_MS, watch
from tests.e2e.console.stage import PASSWORD, Stage


@pytest.fixture
def stranger(chromium: Browser) -> Iterator[Page]:
    """A page of a browser nobody signed in with."""
    context = chromium.new_context(locale="en", viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    errors = watch(page)
    yield page
    context.close()
    assert [error for error in errors if not error.startswith(("404", "403"))] == []


def _welcome(page: Page, stage: Stage, link: str, name: str) -> None:
    page.goto(stage.url + link[link.index("/welcome") :])
    page.fill('input[name="name"]', name)
    page.fill('input[name="password"]', PASSWORD)
    page.fill('input[name="again"]', PASSWORD)
    page.click('form[action="/welcome"] button[type="submit"]')
    expect(page.locator(".sidebar").first).to_be_visible()


def test_the_first_link_makes_an_account_with_a_second_factor_that_signs_in_again(stage, stranger):
    with stage.connection() as conn:
        link = create_admin_link(conn, stage.url, stage.clock())
    _welcome(stranger, stage, link, "hua")

    stranger.goto(stage.url + "/account/factor")
    totp = pyotp.TOTP(stranger.locator("#factor-key").inner_text().replace(" ", ""))
    stranger.fill('input[name="code"]', totp.now())
    stranger.get_by_role("button", name="Confirm").click()
    codes = stranger.locator("#recovery-codes li")
    expect(codes.first).to_be_visible()
    recovery = codes.first.inner_text().strip()
    stranger.get_by_role("link", name="Continue").click()

    stranger.locator(".menu summary[aria-label^=Account]").click()
    stranger.get_by_role("button", name="Sign out").click()
    expect(stranger).to_have_url(stage.url + "/login")

    stranger.fill('input[name="name"]', "hua")
    stranger.fill('input[name="password"]', PASSWORD)
    stranger.click('button[type="submit"]')
    stranger.fill('input[name="code"]', recovery)
    stranger.click('button[type="submit"]')
    expect(stranger.locator(".sidebar").first).to_be_visible()
    stranger.goto(stage.url + "/accounts")
    expect(stranger.locator("h1")).to_have_text("Accounts")


def test_an_invited_engineer_sees_one_building_and_nothing_of_another(stage, browse, stranger):
    page = browse("/accounts")
    page.locator("#invite summary").click()
    page.locator("#invite-role").select_option("engineer")
    page.locator('#invite input[value="places"]').check()
    page.locator("#invite-q").fill("Library")
    page.locator('#invite-found input[value="lib"]').check()
    page.get_by_role("button", name="Make the link").click()
    link = page.locator("#one-time-link").inner_text()

    _welcome(stranger, stage, link, "gong")
    stranger.goto(stage.url + "/places/lib")
    expect(stranger.locator("h1")).to_have_text("Library")
    assert stranger.locator('#tree a[data-place="lab"]').count() == 0
    expect(stranger.locator('.pages a[href="/accounts"]')).to_have_count(0)
    for path in ("/places/lab", "/devices/lab-main", "/electricity?node=lab"):
        answer = stranger.goto(stage.url + path)
        assert answer is not None
        assert answer.status == 404, path
        expect(stranger.locator("#content [role=alert]")).to_be_visible()
    stranger.goto(stage.url + "/alarms")
    expect(stranger.locator("h1")).to_have_text("Alarms")
    expect(stranger.locator(".alarm", has_text="Water entry 1")).to_have_count(0)

    row = browse("/accounts").locator("#content tbody tr", has_text="gong")
    expect(row).to_contain_text("Library")


def test_a_token_opens_the_api_until_it_is_revoked(stage, browse):
    page = browse("/accounts/tokens")
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("summary", has_text="New token").click()
    page.locator('form[action="/accounts/tokens"] input[name="name"]').fill("spreadsheet")
    page.locator('input[name="permissions"][value="metering.read"]').check()
    page.get_by_role("button", name="Make token").click()
    secret = page.locator("#new-token").inner_text()
    headers = {"authorization": f"Bearer {secret}"}
    assert httpx.get(f"{stage.url}/api/v1/places", headers=headers).status_code == 200

    page.locator("#content tbody tr", has_text="spreadsheet").get_by_role("button", name="Revoke").click()
    expect(page.locator("#content tbody tr", has_text="spreadsheet")).to_have_count(0)
    assert httpx.get(f"{stage.url}/api/v1/places", headers=headers).status_code == 401


def test_a_session_is_ended_from_the_list_and_its_browser_signs_in_anew(stage, browse, stranger):
    lost = stage.session("guest")
    page = browse("/account", account="guest")
    stranger.context.add_cookies([{"name": "ce_session", "value": lost, "url": stage.url}])
    stranger.goto(stage.url + "/gateways")
    expect(stranger.locator("h1")).to_have_text("Gateways")

    page.get_by_role("button", name="End all others").click()
    expect(page.locator("#content .note.ok")).to_contain_text("sessions have ended")
    stranger.goto(stage.url + "/gateways")
    assert "/login" in stranger.url


def test_the_audit_shows_who_did_what_and_is_searched(stage, browse):
    with stage.connection() as conn:
        create_invitation(conn, stage.url, Role.VIEWER, CONSOLE, stage.clock(), ["lab"])
    page = browse("/audit")
    page.locator('input[name="f.q"]').fill("link.created")
    expect(page.locator("#content tbody tr").first).to_contain_text("one-time link made")
    page.locator('select[name="f.action"]').select_option("link.created")
    page.locator('input[name="f.actor"]').fill("console")
    rows = page.locator("#content tbody tr")
    expect(rows.filter(has_text="lab").first).to_contain_text("console")
    expect(rows.filter(has_not_text="console")).to_have_count(0)

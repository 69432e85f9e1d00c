"""Water meters, leaks that turn out to be wanted, findings, and one meter's own page."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e.console.campus import CURVED, DOWN


def test_a_water_meter_shows_its_battery_and_leads_back_to_its_list(browse):
    page = browse("/water/health?node=campus")
    expect(page.locator("#content .strip")).to_contain_text("Late or silent")
    page.locator('a[href*="f.flag=low_battery"]').first.click()
    expect(page.locator(".table-count")).to_contain_text("of 1")
    page.locator('#content tbody a[href^="/water/health/"], #content tbody a[href^="/devices/"]').first.click()
    expect(page.locator("#battery-chart .plot canvas").first).to_be_visible()
    expect(page.locator("#content")).to_contain_text("lasts until")


def test_a_leak_that_is_wanted_is_accepted_with_its_reason(browse):
    page = browse("/water/leaks?node=campus")
    rows = page.locator("#content tbody tr")
    before = rows.count()
    page.locator("#content tbody a", has_text="Cold water 2").first.click()
    expect(page.locator("#night-chart .plot canvas").first).to_be_visible()
    page.locator("#known-reason").fill("ice machine")
    page.get_by_role("button", name="Accept as known use").click()
    expect(page.locator("#content .strip")).to_contain_text("ice machine")

    page.goto(page.url.rsplit("/", 1)[0] + "?node=campus")
    expect(page.locator(".table-count, #content .empty").first).to_be_visible()
    expect(page.locator("#content tbody tr").filter(has=page.locator(".state.bad"))).not_to_have_count(before)


def test_findings_are_filtered_by_what_they_are(browse):
    page = browse("/findings")
    page.locator('select[name="f.code"]').select_option("register.jump")
    expect(page.locator(".table-count")).to_contain_text("of 1")
    expect(page.locator("#content tbody tr")).to_contain_text("register jumped")


def test_a_meter_shows_values_its_curve_and_the_same_as_a_table(browse):
    page = browse(f"/devices/{CURVED}")
    expect(page.locator("h1")).to_contain_text("Main meter")
    expect(page.locator(f'tr[data-live="{CURVED}"][data-quantity="voltage_a"]')).to_be_visible()
    expect(page.locator("#curve .chart canvas").first).to_be_visible()
    page.locator("#curve .segments a").nth(1).click()
    expect(page.locator("#curve .curve-table tbody tr").first).to_be_visible()


def test_reading_now_says_politely_that_the_gateway_is_away(browse):
    page = browse("/devices/dorm-1-m101")
    panel = page.locator("#read-now")
    expect(panel).to_contain_text("not online")
    expect(panel.get_by_role("button", name="Read now")).to_be_disabled()
    panel.locator(f'a[href="/gateways/{DOWN}"]').click()
    expect(page.locator("#content .head")).to_contain_text(re.compile("offline", re.I))

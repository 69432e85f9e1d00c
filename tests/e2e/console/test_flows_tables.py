"""Tables: filter, sort, columns, saved filters; an export is exactly what was filtered; a batch is looked at before it starts."""

from __future__ import annotations

import re

from openpyxl import load_workbook
from playwright.sync_api import Page, expect

CODES = '#content .table tbody a[href^="/devices/"]'


def _shown(page: Page) -> list[str]:
    """Codes of the devices in the table, in its order."""
    return [str(link.get_attribute("href")).removeprefix("/devices/") for link in page.locator(CODES).all()]


def test_devices_are_filtered_sorted_shown_with_other_columns_and_kept_as_a_view(browse):
    page = browse("/places/campus")
    page.locator('select[name="f.kind"]').select_option("water_meter")
    expect(page.locator(".table-count")).to_contain_text("of 10")
    page.locator('input[name="f.q"]').fill("w-lab")
    expect(page.locator(".table-count")).to_contain_text("of 2")
    assert "f.kind=water_meter" in page.url
    page.locator('input[name="f.q"]').fill("")
    expect(page.locator(".table-count")).to_contain_text("of 10")

    rising = page.locator('#content th[aria-sort] a, #content th a[href*="sort="]').first
    rising.click()
    expect(page.locator("#content th[aria-sort]")).to_have_count(1)
    first = _shown(page)
    page.locator("#content th[aria-sort] a").click()
    expect(page.locator('#content th[aria-sort="descending"], #content th[aria-sort="ascending"]')).to_have_count(1)
    expect(page.locator(CODES).first).not_to_have_attribute("href", f"/devices/{first[0]}")
    assert sorted(_shown(page)) == sorted(first)

    page.locator("summary", has_text="Columns").click()
    box = page.locator('.column-list input[value="profile"]')
    shown = box.is_checked()
    box.click()
    page.get_by_role("button", name="Show these").click()
    expect(page.locator("#content thead", has_text=re.compile("Profile|Model", re.I))).to_have_count(0 if shown else 1)

    page.locator("summary", has_text="Saved filters").click()
    page.get_by_placeholder("Name for these filters").fill("Water only")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto(page.url.split("?")[0])
    page.locator("summary", has_text="Saved filters").click()
    page.get_by_role("link", name="Water only").click()
    expect(page.locator(".table-count")).to_contain_text("of 10")


def test_an_export_is_exactly_the_filtered_rows(browse, tmp_path):
    page = browse("/places/campus?f.kind=water_meter")
    expected = _shown(page)
    assert len(expected) == 10
    page.locator("summary", has_text="Export").click()
    page.get_by_role("button", name="Excel workbook").click()
    expect(page.locator("h1")).to_have_text("Exports")
    row = page.locator("#export-list tbody tr").first
    expect(row.locator("a[download]")).to_be_visible()
    with page.expect_download() as download:
        row.locator("a[download]").click()
    file = tmp_path / "devices.xlsx"
    download.value.save_as(file)

    sheet = load_workbook(file).active
    cells = [str(cell) for line in sheet.iter_rows(values_only=True) for cell in line if cell is not None]
    assert [cell for cell in cells if cell in expected] == expected
    assert not [cell for cell in cells if cell.startswith(("lab-m", "lib-m", "dorm-1-m"))]


def test_a_batch_is_previewed_confirmed_and_told_row_by_row(browse):
    page = browse("/findings?f.state=open")
    rows = page.locator("#content tbody tr")
    expect(rows).to_have_count(4)
    boxes = page.locator("[data-pick]")
    boxes.nth(0).check()
    boxes.nth(1).check()
    expect(page.locator("[data-pick-count]")).to_have_text("(2)")
    page.get_by_role("button", name="Look at it first").click()
    expect(page.locator("#preview-title")).to_be_visible()
    expect(page.locator(".batch-facts").first).to_contain_text("2")
    page.locator('input[name^="p."]').fill("checked twice")
    typed = page.locator("#typed")
    if typed.count():
        typed.fill("2")
    page.get_by_role("button", name="Start").click()

    progress = page.locator("#batch-progress")
    expect(progress.locator("tbody .state.ok")).to_have_count(2)
    expect(progress.locator(".panel-head")).to_contain_text("2 / 2")
    page.get_by_role("link", name="Audit entries").click()
    expect(page.locator("#content tbody tr").filter(has_text="row of a batch")).to_have_count(2)

"""Going about: a place chosen once stays chosen, the range in the address, search by keys, live values."""

from __future__ import annotations

import time

from playwright.sync_api import expect

from tests.e2e.console.campus import CURVED

PLOT_BAR = """(plot, at) => {
  const chart = echarts.getInstanceByDom(plot), option = chart.getOption();
  const number = option.series.findIndex((one) => one.type === "bar" && one.data.some((item) => item && (item.value ?? item) !== "-"));
  const found = option.series[number].data[at];
  const value = Array.isArray(found?.value) ? found.value.at(-1) : found?.value ?? found;
  const [x, y] = chart.convertToPixel({ seriesIndex: number }, [at, value / 2]);
  const box = plot.getBoundingClientRect();
  return { x: box.x + x, y: box.y + y };
}"""


def test_a_place_of_the_tree_keeps_through_electricity_water_alarms_and_gateways(browse):
    page = browse("/")
    page.locator("#tree button.twist").first.wait_for()
    page.locator('#tree a[data-place="lab"]').click()
    expect(page.locator("#content")).to_have_attribute("data-place", "lab")

    for path in ("/electricity", "/water", "/alarms", "/gateways"):
        page.locator(f'.pages a[data-node-link="{path}"]').click()
        expect(page.locator(f'#content[data-node-page="{path}"]')).to_have_attribute("data-place", "lab")
        assert "node=lab" in page.url
        expect(page.locator(f'.pages a[data-node-link="{path}"]')).to_have_attribute("aria-current", "page")


def test_the_tree_leads_to_the_page_one_is_on(browse):
    page = browse("/electricity?node=campus&period=year&tab=heat")
    page.locator('#tree a[data-place="lib"]').click()

    expect(page.locator("#content")).to_have_attribute("data-place", "lib")
    assert "tab=heat" in page.url
    assert "period=year" in page.url


def test_the_tree_opens_and_closes_by_keys(browse):
    page = browse("/places/campus")
    place = page.locator('#tree a[data-place="lib"]')
    place.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator('#tree a[data-place="lib-f2"]')).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.locator('#tree a[data-place="lib-f1"]')).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator('#tree a[data-place="lib-f2"]')).to_be_hidden()


def test_a_year_is_drilled_into_by_a_click_on_a_bar_and_back_restores_it(browse):
    page = browse("/places/lab", language="zh_CN")
    page.locator('.pages a[data-node-link="/electricity"]').click()
    page.locator("#range-year").click()
    expect(page.locator("#range-year")).to_have_attribute("aria-current", "true")
    plot = page.locator("#course .plot")
    expect(plot.locator("canvas").first).to_be_visible()
    year = page.url
    month = int(time.strftime("%m", time.gmtime(time.time() + 8 * 3600))) - 1
    plot.scroll_into_view_if_needed()
    at = plot.evaluate(PLOT_BAR, month)
    page.mouse.click(at["x"], at["y"])

    expect(page.locator("#range-month")).to_have_attribute("aria-current", "true")
    assert "period=month" in page.url
    page.go_back()
    expect(page.locator("#range-year")).to_have_attribute("aria-current", "true")
    expect(page.locator("#course .plot canvas").first).to_be_visible()
    assert page.url == year


def test_every_view_of_electricity_opens_from_its_tab(browse):
    page = browse("/electricity?node=campus")
    tabs = page.locator(".tabs a")
    names = tabs.all_inner_texts()
    assert len(names) >= 9
    for number, name in enumerate(names):
        tabs.nth(number).click()
        expect(tabs.nth(number)).to_have_attribute("aria-current", "page")
        expect(page.locator("#content section").first).to_be_visible()
        expect(page.locator("#content [role=alert]")).to_have_count(0)
        assert tabs.nth(number).inner_text() == name


def test_the_range_goes_back_compares_and_takes_any_days(browse):
    page = browse("/electricity?node=lab&period=week")
    first = page.locator("#range-at").input_value()
    page.locator("#range-before").click()
    expect(page.locator("#range-at")).not_to_have_value(first)
    page.locator("#range-after").click()
    expect(page.locator("#range-at")).to_have_value(first)
    expect(page.locator("span#range-after")).to_have_attribute("aria-disabled", "true")

    page.locator("#range-before").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#range-at")).not_to_have_value(first)

    page.locator("#range-compare").select_option("previous")
    page.wait_for_url("**compare=previous**")
    expect(page.locator("#content")).to_contain_text("then")

    page.locator("#range-custom").click()
    page.locator("#range-to").wait_for()
    page.locator("#range-at").fill(first)
    page.wait_for_url(f"**at={first}**")
    assert page.locator("#range-to").input_value() >= first
    assert "compare=previous" in page.url


def test_search_by_keys_finds_a_meter_by_number_and_a_room(browse):
    page = browse("/audit")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("202100000003")
    expect(page.locator('#search-results a[href="/devices/dorm-1-m103"]')).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("Meter of room 103")

    page.keyboard.press("/")
    page.keyboard.type("room 20")
    expect(page.locator("#search-results a[role=option]").nth(2)).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    chosen = page.locator('#search-results a[aria-selected="true"]')
    expect(chosen).to_have_count(1)
    address = chosen.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{address}")
    expect(page.locator("#search-results")).to_be_hidden()

    page.keyboard.press("/")
    expect(page.locator("#search-results")).to_contain_text("Meter of room 103")
    page.keyboard.press("Escape")
    expect(page.locator("#search-results")).to_be_hidden()


def test_a_reading_that_arrives_is_patched_into_the_table_of_a_place(stage, browse):
    page = browse("/places/lab")
    row = page.locator(f'tr[data-live="{CURVED}"]')
    before = row.locator('[data-part="value"]').inner_text()
    with stage.connection() as conn:
        conn.execute(
            "insert into reading select s.id, now(), 987654321000, 0 from series as s"
            " join installation as i on i.device = s.device and i.register = s.quantity where s.device = %s",
            [CURVED],
        )
        conn.execute("select pg_notify('ce_reading', %s)", [CURVED])

    expect(row.locator('[data-part="value"]')).not_to_have_text(before)


def test_language_and_theme_are_switched_and_kept(browse):
    page = browse("/gateways", account="guest")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.locator("a[data-language]").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    assert page.url.endswith("/gateways")

    background = "getComputedStyle(document.querySelector('.topbar')).backgroundColor"
    light = page.evaluate(background)
    page.locator("#theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    dark = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == dark

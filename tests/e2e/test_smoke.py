"""The demo in a real browser, as a person meets it: the one-time link, an account, a meter whose values move, its curve, both languages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

pytestmark = [pytest.mark.needs_mosquitto, pytest.mark.needs_chromium, pytest.mark.timeout(400)]

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
DEVICE = "lab-1-main"
POINT = f'tr[data-live="{DEVICE}"][data-quantity="voltage_a"] [data-part="value"]'
POINTS_DRAWN = "Math.max(...echarts.getInstanceByDom(document.querySelector('#curve .chart')).getOption().series.map((one) => one.data.length))"
NAME, PASSWORD = "smoke", "four words make sense"
LANGUAGES = {"zh_CN": ("zh-CN", "实验楼总表"), "en": ("en", "Laboratory main")}
SIZES = {"desk": (1366, 768), "phone": (390, 844)}
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def signed_in(demo, chromium: Browser) -> Iterator[BrowserContext]:
    """A browser whose person came by the one-time link and made the first account."""
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN", timezone_id="Asia/Shanghai")
    page = context.new_page()
    page.goto(demo.ready["admin_link"])
    page.fill('input[name="name"]', NAME)
    page.fill('input[name="password"]', PASSWORD)
    page.fill('input[name="again"]', PASSWORD)
    page.click('form[action="/welcome"] button[type="submit"]')
    expect(page.locator("nav, .sidebar").first).to_be_visible(timeout=PATIENCE_MS)
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(signed_in: BrowserContext) -> Iterator[Page]:
    """A page that fails its test on a script error or a failed request."""
    page = signed_in.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("response", lambda answer: errors.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    yield page
    page.close()
    assert errors == []


def test_the_one_time_link_works_once(demo, signed_in, chromium):
    stranger = chromium.new_page()
    stranger.goto(demo.ready["admin_link"])

    expect(stranger.locator("#problem")).to_be_visible(timeout=PATIENCE_MS)

    stranger.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_meter_shows_moving_values_and_its_curve(demo, page, language):
    tag, name = LANGUAGES[language]
    page.goto(f"{demo.address}/language/{language}?next=/devices/{DEVICE}")

    expect(page.locator("html")).to_have_attribute("lang", tag)
    expect(page.locator("h1")).to_have_text(name)
    before = page.locator(POINT).inner_text(timeout=PATIENCE_MS)
    expect(page.locator(POINT)).not_to_have_text(before, timeout=PATIENCE_MS)
    page.reload()
    expect(page.locator("#curve .chart canvas")).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate(POINTS_DRAWN) >= 2


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_fit_a_desk_and_a_phone(demo, page, language, size):
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{demo.address}/language/{language}")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for title, path in (("home", "/"), ("place", "/places/lab-1"), ("device", f"/devices/{DEVICE}"), ("gateways", "/gateways")):
        page.goto(demo.address + path)
        expect(page.locator("h1").first).to_be_visible()
        page.wait_for_load_state("load")
        if title == "device":
            expect(page.locator("#curve .chart canvas")).to_be_visible(timeout=PATIENCE_MS)
        page.screenshot(path=SCREENSHOTS / f"{title}-{language}-{width}x{height}.png")

        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), f"{path} scrolls sideways at {width}"

"""A slow line and a slow machine: what a page weighs the first time, and that its figures stand there soon enough."""

from __future__ import annotations

import re
import sys
import time

import pytest
from playwright.sync_api import Browser, expect

MAX_KB = 700
PATIENCE_MS = 10_000
WEIGHED = (
    "/?node=campus",
    "/electricity?node=campus",
    "/water?node=campus",
    "/alarms?node=campus",
    "/places/campus",
    "/devices/lab-main",
    "/gateways/gw-01",
    "/wall",
)
LINE = {"offline": False, "latency": 150, "downloadThroughput": 1_600_000 / 8, "uploadThroughput": 750_000 / 8}


@pytest.fixture(scope="module")
def secret(stage) -> str:
    """One session for all: an account has ten at most."""
    return stage.session("chief")


@pytest.fixture
def newcomer(stage, chromium: Browser, secret):
    """`newcomer(slow)`: a page with an empty cache, its protocol session, and the bytes that came over it."""
    contexts = []

    def make(slow: bool):
        context = chromium.new_context(locale="en", viewport={"width": 1366, "height": 768})
        context.add_cookies([{"name": "ce_session", "value": secret, "url": stage.url}, {"name": "ce_language", "value": "en", "url": stage.url}])
        contexts.append(context)
        page = context.new_page()
        protocol = context.new_cdp_session(page)
        got = []
        protocol.on("Network.loadingFinished", lambda event: got.append(event["encodedDataLength"]))
        protocol.send("Network.enable")
        if slow:
            protocol.send("Network.emulateNetworkConditions", LINE)
            protocol.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        return page, got

    yield make
    for context in contexts:
        context.close()


@pytest.mark.parametrize("address", WEIGHED)
def test_the_first_load_of_a_page_weighs_little(stage, newcomer, address):
    page, got = newcomer(slow=False)
    page.goto(stage.url + address)
    if page.locator(".plot").count():
        expect(page.locator(".plot canvas").first).to_be_visible()

    sys.stdout.write(f"{address}: {sum(got) / 1000:.0f} kB in {len(got)} answers\n")
    assert sum(got) <= MAX_KB * 1000


@pytest.mark.parametrize("address", ["/?node=campus", "/electricity?node=campus"])
def test_figures_stand_there_soon_on_a_slow_line(stage, newcomer, address):
    page, _ = newcomer(slow=True)
    began = time.monotonic()
    page.goto(stage.url + address, wait_until="commit")
    expect(page.locator("#content .strip .figure").first).to_have_text(re.compile(r"\d"), timeout=PATIENCE_MS)

    sys.stdout.write(f"{address}: figures after {time.monotonic() - began:.1f} s\n")

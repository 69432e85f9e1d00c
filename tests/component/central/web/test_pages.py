"""Pages and fragments as a browser gets them."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

Browser = Callable[..., httpx.Client]
PAGES = [
    "/",
    "/places/campus",
    "/places/r101",
    "/devices/m1",
    "/devices/m1?view=table",
    "/devices/m3",
    "/gateways",
    "/quarantine",
    "/audit",
    "/accounts",
]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_page_is_whole_in_both_languages(browser: Browser, path: str, language: str) -> None:
    page = browser("admin", language).get(path)
    assert page.status_code == 200, page.text
    assert f'<html lang="{language}"' in page.text
    assert page.text.count("<main") == 1

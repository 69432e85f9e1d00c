"""The API as a page for people."""

from __future__ import annotations

from collections.abc import Callable

import httpx

Browser = Callable[..., httpx.Client]


def test_every_operation_stands_on_the_page_with_a_command(browser: Browser) -> None:
    client = browser("viewer")
    page = client.get("/api", timeout=60).text
    document = client.get("/api/openapi.json", timeout=60).json()
    names = [one["operationId"] for methods in document["paths"].values() for one in methods.values()]
    assert [name for name in names if f'id="{name}"' not in page] == []
    assert page.count('<pre class="api-call"') == len(names)
    assert "-H &#34;Authorization: Bearer $TOKEN&#34;" in page
    assert 'href="/api"' in client.get("/account").text


def test_strangers_sign_in_first(browser: Browser) -> None:
    assert browser().get("/api").headers["location"] == "/login?next=/api"

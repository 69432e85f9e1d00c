"""The stage and one browser for all tests of the console; every page fails its test on a script error, a failed request or a breach of the policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, expect

from tests.e2e.console.stage import CHIEF, Stage, open_stage

SIZES = {"phone": (390, 844), "desk": (1366, 768), "wide": (1920, 1080)}
PATIENCE_MS = 20_000
Browse = Callable[..., Page]
_HERE = Path(__file__).parent

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Pages are looked at first, while nothing on them was typed by a test."""
    ours = [at for at, item in enumerate(items) if item.path.parent == _HERE]
    looks_first = sorted((items[at] for at in ours), key=lambda item: item.path.name.startswith("test_flows"))
    for at, item in zip(ours, looks_first, strict=True):
        items[at] = item


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The console of the seeded campus."""
    with open_stage() as stage:
        yield stage


@pytest.fixture(scope="session")
def contexts(stage: Stage, chromium: Browser) -> Iterator[Callable[[str, str, str], BrowserContext]]:
    """`contexts(account, language, theme)`: a browser that is signed in ("" for a stranger's); kept, so that libraries are fetched once."""
    made: dict[tuple[str, str, str], BrowserContext] = {}
    secrets: dict[str, str] = {}

    def get(account: str, language: str, theme: str) -> BrowserContext:
        key = (account, language, theme)
        if key not in made:
            made[key] = chromium.new_context(timezone_id="Asia/Shanghai", locale=language.replace("_", "-"), accept_downloads=True)
            if account:
                secrets.setdefault(account, stage.session(account))
            cookies = {"ce_language": language, "ce_theme": theme, "ce_session": secrets.get(account, "")}
            made[key].add_cookies([{"name": name, "value": value, "url": stage.url} for name, value in cookies.items() if value])
        return made[key]

    yield get
    for context in made.values():
        context.close()


@pytest.fixture
def browse(stage: Stage, contexts: Callable[[str, str, str], BrowserContext]) -> Iterator[Browse]:
    """`browse(path, account=CHIEF, language="en", theme="light", size="desk")`: an open page."""
    opened: list[tuple[Page, list[str]]] = []

    def browse(path: str = "", account: str = CHIEF, language: str = "en", theme: str = "light", size: str = "desk") -> Page:
        page = contexts(account, language, theme).new_page()
        width, height = SIZES[size]
        page.set_viewport_size({"width": width, "height": height})
        page.set_default_timeout(PATIENCE_MS)
        opened.append((page, watch(page)))
        if path:
            page.goto(stage.url + path)
        return page

    yield browse
    for page, _ in opened:
        page.close()
    wrong = [error for _, errors in opened for error in errors]
    assert not wrong, "\n".join(wrong)


def watch(page: Page) -> list[str]:
    """A list that fills with what goes wrong on a page."""
    errors: list[str] = []

    def answered(answer: Response) -> None:
        if answer.status >= 400:
            errors.append(f"{answer.status} {answer.url}")

    def failed(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # left for another page
            errors.append(f"{request.failure} {request.url}")

    def said(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:  # that is the answer above once more
            errors.append(message.text)

    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("response", answered)
    page.on("requestfailed", failed)
    page.on("console", said)
    return errors

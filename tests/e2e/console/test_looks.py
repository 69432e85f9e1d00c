"""Every page in both languages, three sizes, light and dark, in turns: it fits, nothing is cut, no word is left untranslated, everything is drawn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.console.conftest import SIZES
from tests.e2e.console.pages import LOOKS, NO_PAGES, PAGES, Look, addresses, get_routes, seen_as, turns
from tests.e2e.console.stage import UNDRAWN

SCREENSHOTS = Path(__file__).resolve().parents[3] / "build" / "screenshots" / "console"
LOOK = (Path(__file__).parent / "look.js").read_text(encoding="utf-8")
LATIN = re.compile(r"(?:[A-Za-z][A-Za-z'’]+[ ,.:;]+){3,}[A-Za-z][A-Za-z'’]+")
CHINESE = re.compile(r"[\u3400-\u9fff]")
OURS = ("中文", "值班")  # the link to the other language; a channel a test makes


def test_every_page_is_looked_at(stage):
    assert get_routes(stage.app) == set(PAGES) | NO_PAGES


def test_every_page_has_its_turn_in_three_looks_and_every_look_has_pages():
    looks: dict[str, set[Look]] = {}
    for look, route, _, _ in turns():
        looks.setdefault(route, set()).add(look)

    assert all({one.size for one in found} == set(SIZES) and len({one.language for one in found}) == 2 for found in looks.values())
    assert {address for _, _, address, _ in turns()} == {address for address, _ in addresses()}
    assert min(len(seen_as(look)) for look in LOOKS) >= 5


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_pages_fit_are_whole_and_speak_one_language(stage, browse, look: Look):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    problems = []
    opened = {}
    for pattern, account in seen_as(look):
        address = pattern.format(**stage.numbers)
        if account not in opened:
            opened[account] = browse(account=account, language=look.language, theme=look.theme, size=look.size)
        page = opened[account]
        answer = page.goto(stage.url + address)
        expect(page.locator(UNDRAWN)).to_have_count(0)
        found = page.evaluate(LOOK)
        page.screenshot(path=SCREENSHOTS / f"{_name(pattern)}-{look}.png")
        said = _untranslated(look.language, found["texts"])
        if answer is None or answer.status != 200:
            found["problems"].append(f"status {answer and answer.status}")
        problems += [f"{address}: {problem}" for problem in [*found["problems"], *said]]

    assert not problems, "\n".join(problems)


def _untranslated(language: str, texts: list[str]) -> list[str]:
    if language == "en":
        return [f"not English: {text!r}" for text in texts if CHINESE.search(text) and text not in OURS]
    return [f"not Chinese: {text!r}" for text in texts if LATIN.search(text)]


def _name(address: str) -> str:
    """A file name of an address, its place and period left out."""
    parts = re.sub(r"[?&](node|period|compare)=[^&]*", "", address)
    return re.sub(r"[^\w]+", "-", parts).strip("-") or "home"

"""Every page in both languages, three sizes, light and dark, in turns: it fits, nothing is cut, no word is left untranslated, everything is drawn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.console.conftest import SIZES
from tests.e2e.console.pages import LOOKS, NO_PAGES, PAGES, Look, addresses, get_routes, seen_as

SCREENSHOTS = Path(__file__).resolve().parents[3] / "build" / "screenshots"
DRAWN = "[...document.querySelectorAll('.plot, .chart[data-source]')].every((plot) => plot.hidden || plot.offsetParent === null || plot.querySelector('canvas'))"
LOOK = (Path(__file__).parent / "look.js").read_text(encoding="utf-8")
LATIN = re.compile(r"(?:[A-Za-z][A-Za-z'’]+[ ,.:;]+){3,}[A-Za-z][A-Za-z'’]+")
CHINESE = re.compile(r"[\u3400-\u9fff]")
OURS = ("中文", "值班")  # the link to the other language; a channel a test makes


def test_every_page_is_looked_at(stage):
    assert get_routes(stage.app) == set(PAGES) | NO_PAGES


def test_every_page_has_its_turn_in_three_looks_and_every_look_has_pages():
    turns = [one for look in LOOKS for one in seen_as(look)]

    assert all(turns.count(one) == 3 for one in addresses())
    assert min(len(seen_as(look)) for look in LOOKS) >= 5


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_pages_fit_are_whole_and_speak_one_language(stage, browse, look: Look):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    problems = []
    opened = {}
    for address, account in seen_as(look):
        if account not in opened:
            opened[account] = browse(account=account, language=look.language, theme=look.theme, size=look.size)
        page = opened[account]
        answer = page.goto(stage.url + address)
        page.wait_for_function(DRAWN)
        found = page.evaluate(LOOK)
        page.screenshot(path=SCREENSHOTS / f"{_name(address)}-{look}.png")
        said = _untranslated(look.language, found["texts"])
        if answer is None or answer.status != 200:
            found["problems"].append(f"status {answer and answer.status}")
        problems += [f"{address}: {problem}" for problem in [*found["problems"], *said]]

    assert problems == []


def _untranslated(language: str, texts: list[str]) -> list[str]:
    if language == "en":
        return [f"not English: {text!r}" for text in texts if CHINESE.search(text) and text not in OURS]
    return [f"not Chinese: {text!r}" for text in texts if LATIN.search(text)]


def _name(address: str) -> str:
    """A file name of an address, its place and period left out."""
    parts = re.sub(r"[?&](node|period|compare)=[^&]*", "", address)
    return re.sub(r"[^\w]+", "-", parts).strip("-") or "home"


assert set(SIZES) == {look.size for look in LOOKS}

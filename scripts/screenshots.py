"""Take the pictures of the documentation (`make screenshots`): pages of the seeded campus of tests/e2e/console, written to docs/images."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from tests.e2e.console.stage import CHIEF, UNDRAWN, Stage, open_stage

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
_LOCALES = {"en": "en-CA", "zh_CN": "zh-CN"}  # of the browser's own date fields: Canada writes them as we do


@dataclass(frozen=True)
class Picture:
    """`name`: of the file, the language behind it. `path` may hold names of Stage.numbers."""

    name: str
    path: str
    languages: tuple[str, ...] = ("en",)
    size: tuple[int, int] = (1366, 768)
    theme: str = "light"


PICTURES = (
    Picture("home", "/?node=campus", ("en", "zh_CN"), (1366, 900)),
    Picture("electricity", "/electricity?node=campus&period=month&compare=previous", ("en", "zh_CN"), (1366, 900)),
    Picture("meter", "/devices/lab-main", size=(1366, 900)),
    Picture("alarms", "/alarms?node=campus"),
    Picture("leak", "/water/leaks/{leak}"),
    Picture("phone", "/alarms/{parent}", size=(390, 844), theme="dark"),
    Picture("wall", "/wall?node=campus", ("en", "zh_CN"), (1920, 1080), "dark"),
)


def main() -> int:
    """Write every picture; exit status 1 without a browser."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        sys.stderr.write("no chromium on this machine\n  next step: install the package 'chromium', then the same again\n")
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with open_stage() as stage, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        secret = stage.session(CHIEF)
        for picture in PICTURES:
            for language in picture.languages:
                _take(browser, stage, secret, picture, language)
        browser.close()
    return 0


def _take(browser: Browser, stage: Stage, secret: str, picture: Picture, language: str) -> None:
    width, height = picture.size
    context = browser.new_context(viewport={"width": width, "height": height}, locale=_LOCALES[language], timezone_id="Asia/Shanghai")
    cookies = {"ce_session": secret, "ce_language": language, "ce_theme": picture.theme}
    context.add_cookies([{"name": name, "value": value, "url": stage.url} for name, value in cookies.items()])
    page = context.new_page()
    page.goto(stage.url + picture.path.format(**stage.numbers), wait_until="load")
    expect(page.locator(UNDRAWN)).to_have_count(0)
    expect(page.locator("#tree:not(:has(a))")).to_have_count(0)
    file = IMAGES / f"{picture.name}-{'zh' if language == 'zh_CN' else 'en'}.png"
    page.screenshot(path=file)
    context.close()
    sys.stdout.write(f"{file.relative_to(IMAGES.parents[1])}: {file.stat().st_size // 1024} KiB\n")


if __name__ == "__main__":
    sys.exit(main())

"""What a person at a browser waits for: chromium driven by Playwright, times taken inside the page, bytes as they came over the wire."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")
_PATIENCE_MS = 60_000

# A thing is useful once it holds a digit and takes room on the page; the time is that of the next frame, when it is drawn.
_SEEN = """const seen = (selector, pattern) => [...document.querySelectorAll(selector)].some((one) =>
    (one.tagName === "CANVAS" || new RegExp(pattern).test(one.textContent)) && one.getClientRects().length > 0);"""
_WATCH = """(() => { %s
const wanted = %s, at = (window.benchSeen = {});
const look = () => {
  for (const [name, [selector, pattern]] of Object.entries(wanted))
    if (!(name in at) && document.body && seen(selector, pattern)) { at[name] = NaN; requestAnimationFrame(() => { at[name] = performance.now(); }); }
  if (Object.keys(at).length < Object.keys(wanted).length) requestAnimationFrame(look);
};
requestAnimationFrame(look); })();"""
_ACT = """([selector, pattern]) => new Promise((done, failed) => { %s
  const begun = performance.now();
  const look = () => seen(selector, pattern) ? requestAnimationFrame(() => done(performance.now() - begun)) : setTimeout(look, 4);
  %s;
  setTimeout(look, 0);
  setTimeout(() => failed(new Error("never seen: " + selector)), 60000); })"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What makes a page useful: an element whose text matches. `drawn`: the selector of its chart, empty for a page without one."""

    selector: str
    pattern: str = "[0-9]"
    drawn: str = ""

    def selectors(self) -> dict[str, tuple[str, str]]:
        """As the watcher takes it."""
        return {"useful": (self.selector, self.pattern)} | ({"drawn": (self.drawn, "")} if self.drawn else {})


@dataclass(slots=True)
class Visits:
    """What several visits took, milliseconds and bytes."""

    useful_ms: list[float] = field(default_factory=list)
    drawn_ms: list[float] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)


class Desk:
    """A browser window's worth of measuring. `cookie`: (name, value) of a signed-in session."""

    def __init__(self, browser: Browser, url: str, cookie: tuple[str, str] | None = None) -> None:
        self._browser, self.url, self._cookie = browser, url, cookie

    @contextmanager
    def context(self) -> Iterator[BrowserContext]:
        """A browser that has been nowhere: its cache is empty."""
        context = self._browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN", timezone_id="Asia/Shanghai")
        context.set_default_timeout(_PATIENCE_MS)
        if self._cookie:
            context.add_cookies([{"name": self._cookie[0], "value": self._cookie[1], "url": self.url}])
        yield context
        context.close()

    def visits(self, path: str, wanted: Wanted, times: int, *, warm: bool) -> Visits:
        """Open a page `times` times, each in a new browser or, `warm`, all in one that has been there."""
        found = Visits()
        if not warm:
            for _ in range(times):
                with self.context() as context:
                    self._visit(context, path, wanted, found)
            return found
        with self.context() as context:
            self._visit(context, path, wanted, Visits())
            for _ in range(times):
                self._visit(context, path, wanted, found)
        return found

    def _visit(self, context: BrowserContext, path: str, wanted: Wanted, found: Visits) -> None:
        page = context.new_page()
        page.add_init_script(_WATCH % (_SEEN, json.dumps(wanted.selectors())))
        wire = _Wire(context, page)
        page.goto(self.url + path, wait_until="load")
        page.wait_for_function(f"Object.values(window.benchSeen).filter((at) => at > 0).length === {len(wanted.selectors())}")
        page.wait_for_timeout(150)  # what comes after the first look belongs to the page's weight
        seen = page.evaluate("window.benchSeen")
        found.useful_ms.append(seen["useful"])
        if "drawn" in seen:
            found.drawn_ms.append(seen["drawn"])
        found.bytes.append(wire.bytes)
        found.requests.append(wire.requests)
        page.close()

    @contextmanager
    def opened(self, path: str) -> Iterator[Page]:
        """A page to click in, in a browser that has been there."""
        with self.context() as context:
            page = context.new_page()
            page.goto(self.url + path, wait_until="networkidle")
            yield page


class _Wire:
    """Counts what a page fetches: bytes as transferred (headers and compressed bodies), requests answered by the network."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.bytes = self.requests = 0
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", self._finished)
        session.on("Network.webSocketFrameReceived", lambda event: self._add(len(event["response"]["payloadData"])))

    def _finished(self, event: dict[str, Any]) -> None:
        if event["encodedDataLength"] > 0:
            self.requests += 1
            self._add(int(event["encodedDataLength"]))

    def _add(self, number: int) -> None:
        self.bytes += number


def click_ms(page: Page, what: str, wanted: Wanted) -> float:
    """From the click on an element to the frame in which the wanted thing is drawn, milliseconds."""
    return act_ms(page, f"document.querySelector({json.dumps(what)}).click()", wanted)


def act_ms(page: Page, script: str, wanted: Wanted) -> float:
    """As `click_ms`, from a script."""
    return float(page.evaluate(_ACT % (_SEEN, script), [wanted.selector, wanted.pattern]))


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's chromium. Raises RuntimeError without one."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        raise RuntimeError("the console's benchmark needs the package 'chromium'")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        yield browser
        browser.close()


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def tell(what: str) -> None:
    """What is measured now, for who waits."""
    sys.stderr.write(f"console: {what}\n")

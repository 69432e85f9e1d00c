"""axe-core finds nothing serious on any page: people with a screen reader or a keyboard work here too."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.console.pages import addresses
from tests.e2e.console.stage import UNDRAWN

AXE = Path(__file__).resolve().parents[3] / "node_modules" / "axe-core" / "axe.min.js"
RULES = {"light": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa"]}, "dark": {"type": "rule", "values": ["color-contrast"]}}
RUN = """async (rules) => {
  const found = await axe.run(document, { runOnly: rules, resultTypes: ["violations"], elementRef: false });
  return found.violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .flatMap((one) => one.nodes.slice(0, 4).map((node) => `${one.id}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`));
}"""
MAIN = ("/?node", "/electricity", "/alarms", "/places/campus", "/devices/lab-main", "/water/health?", "/gateways/gw-01", "/login", "/wall")
PARTS = 6  # tests of about the same length


def _in_dark() -> list[tuple[str, str]]:
    return [(address, account) for address, account in addresses() if address.startswith(MAIN) and "tab=" not in address.replace("tab=overview", "")]


@pytest.mark.parametrize("part", range(PARTS))
def test_no_page_shuts_anybody_out(stage, browse, part):
    assert _violations(stage, browse, addresses()[part::PARTS], "light") == ""


@pytest.mark.parametrize("part", range(2))
def test_main_pages_can_be_read_in_the_dark(stage, browse, part):
    assert _violations(stage, browse, _in_dark()[part::2], "dark") == ""


def _violations(stage, browse, pages, theme) -> str:
    script = AXE.read_text(encoding="utf-8")
    found, opened = [], {}
    for pattern, account in pages:
        if account not in opened:
            opened[account] = browse(account=account, theme=theme)
        page = opened[account]
        page.goto(stage.url + pattern.format(**stage.numbers))
        expect(page.locator(UNDRAWN)).to_have_count(0)
        page.evaluate(script)  # not a script element: the policy would forbid it
        found += [f"{pattern}: {one}" for one in page.evaluate(RUN, RULES[theme])]
    return "\n".join(found)

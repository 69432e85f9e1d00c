"""Text stays readable: 4.5:1 on every ground it stands on (WCAG 2.2, 1.4.3), lines and marks of charts 3:1 (1.4.11)."""

from __future__ import annotations

import re

import pytest

from central.web.static_files import STATIC_DIR

CSS = (STATIC_DIR / "console.css").read_text(encoding="utf-8")
LIGHT, AUTO_DARK, DARK = (dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block)) for block in CSS.split("\n  color-scheme: ")[:3])
TEXTS = ("ink", "muted", "accent", "ok", "warn", "bad", "idle")
GROUNDS = ("surface", "raised", "ground")
PAIRS = [(text, ground) for text in TEXTS for ground in GROUNDS] + [
    ("accent-ink", "accent"),
    ("ink", "accent-soft"),
    ("ink", "ok-soft"),
    ("warn", "warn-soft"),
    ("bad", "bad-soft"),
    ("ink", "flash"),
]


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_is_readable(theme: dict[str, str], text: str, ground: str) -> None:
    assert contrast(theme[text], theme[ground]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("mark", ["chart-1", "chart-2", "chart-est", "chart-sus", "focus"])
def test_marks_are_seen(theme: dict[str, str], mark: str) -> None:
    assert contrast(theme[mark], theme["surface"]) >= 3


def test_dark_is_one_palette_however_it_is_chosen() -> None:
    assert AUTO_DARK == DARK

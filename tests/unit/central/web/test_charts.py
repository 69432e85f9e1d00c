"""Charts as data: their table says the same numbers, too many slices become bars, colours stay apart; the drawing side is tested with node."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path

import pytest

from central.web.charts import (
    Bars,
    Calendar,
    Chart,
    Flow,
    Heat,
    Series,
    Shares,
    chart_data,
    chart_numbers,
    decimals_of,
    drawn,
    is_empty,
    marks,
    size_of,
)
from central.web.static_files import STATIC_DIR

CSS = (STATIC_DIR / "charts.css").read_text(encoding="utf-8").split("/* --- a chart")[0]
LIGHT, AUTO_DARK, DARK = (dict(re.findall(r"--chart-([a-z0-9-]+): (#[0-9a-f]{6});", block)) for block in CSS.split(":root")[1:4])
GROUNDS = {"light": ("#ffffff", "#eef2f5"), "dark": ("#151d24", "#0d1318")}
THEMES = {"light": LIGHT, "dark": DARK}
# Colours that stand beside each other in one chart.
TOGETHER = [("sharp", "peak", "flat", "valley", "deep-valley"), ("a", "b", "c", "d", "other"), ("main", "compared", "limit", "forecast")]
# How eyes without one kind of cone see linear RGB (Machado, Oliveira, Fernandes 2009, severity 1).
EYES = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
APART = 18  # CIE76; a difference of 2.3 is just noticeable side by side


def linear(colour: str) -> list[float]:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]


def luminance(colour: str) -> float:
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def seen(colour: str, eyes: str) -> tuple[float, float, float]:
    """CIELAB of a colour as some eyes see it."""
    red, green, blue = (sum(part * one for part, one in zip(row, linear(colour), strict=True)) for row in EYES[eyes])
    x, y, z = (
        _bent(max(0.0, total) / white)
        for total, white in (
            (0.4124 * red + 0.3576 * green + 0.1805 * blue, 0.95047),
            (0.2126 * red + 0.7152 * green + 0.0722 * blue, 1.0),
            (0.0193 * red + 0.1192 * green + 0.9505 * blue, 1.08883),
        )
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _bent(share: float) -> float:
    return share ** (1 / 3) if share > 0.008856 else 7.787 * share + 16 / 116


@pytest.mark.parametrize("theme", THEMES)
def test_marks_of_charts_are_seen_on_both_grounds(theme: str) -> None:
    faint = {role for role, colour in THEMES[theme].items() if not role.startswith("heat") and min(contrast(colour, g) for g in GROUNDS[theme]) < 3}
    assert not faint


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("theme", THEMES)
def test_colours_of_one_chart_stay_apart_for_all_eyes(theme: str, eyes: str) -> None:
    palette = THEMES[theme]
    for group in TOGETHER:
        for one, other in combinations(group, 2):
            assert math.dist(seen(palette[one], eyes), seen(palette[other], eyes)) >= APART, f"{one} and {other}"


@pytest.mark.parametrize("theme", THEMES)
def test_more_is_further_from_the_ground_on_the_scale_of_heat(theme: str) -> None:
    steps = [contrast(colour, GROUNDS[theme][0]) for role, colour in THEMES[theme].items() if role.startswith("heat")]
    assert len(steps) == 6
    assert steps == sorted(steps)


def test_dark_is_one_palette_however_it_is_chosen() -> None:
    assert AUTO_DARK == DARK


def bars(**more: object) -> Bars:
    known: dict[str, object] = {"title": "T", "unit": "kWh", "categories": ["a", "b"], "series": [Series("now", [1234.5, None])]}
    return Bars(**(known | more))  # type: ignore[arg-type]


def test_the_table_says_the_same_numbers_and_missing_is_no_zero() -> None:
    series = Series("now", [1234.5, None], quality=["partial", "unknown"], coverage=[0.8, 0.0])
    first, second = chart_numbers(bars(series=[series], hrefs=["/a", ""])).lines

    assert (first.labels[0].text, first.labels[0].href, first.labels[0].key) == ("a", "/a", "0")
    assert (first.cells[0].text, first.cells[0].quality, first.cells[0].coverage) == ("1,234", "partial", 0.8)
    assert (second.cells[0].text, second.cells[0].quality) == ("—", "unknown")


@pytest.mark.parametrize(("largest", "digits"), [(12_345.0, 0), (999.0, 1), (99.0, 2), (0.5, 3), (-4_000.0, 0)])
def test_numbers_have_the_digits_their_size_justifies(largest: float, digits: int) -> None:
    assert decimals_of(bars(series=[Series("now", [largest, None])])) == digits
    assert decimals_of(bars(series=[Series("cost", [largest])], decimals=2)) == 2


def test_seven_slices_are_sorted_bars_and_six_are_slices() -> None:
    parts = [(str(number), float(number), "main") for number in range(7)]

    turned = drawn(Shares("T", "kWh", parts))

    assert isinstance(turned, Bars)
    assert turned.horizontal
    assert list(turned.series[0].values) == [6, 5, 4, 3, 2, 1, 0]
    assert chart_data(Shares("T", "kWh", parts))["kind"] == "bars"
    assert chart_data(Shares("T", "kWh", parts[:6]))["kind"] == "shares"
    assert chart_data(Shares("T", "kWh", [("back", -1.0, "main")]))["kind"] == "bars"


def test_a_calendar_is_a_table_of_twelve_months_of_days() -> None:
    numbers = chart_numbers(Calendar("T", "kWh", 2026, {"2026-02-01": 2.0, "2026-02-02": None}, {"2026-02-01": "/day"}))

    february = numbers.lines[1]
    assert (len(numbers.lines), len(numbers.head), february.labels[0].text) == (12, 31, "2026-02")
    assert [cell.text for cell in february.cells[:3]] == ["2.00", "—", "—"]
    assert (february.cells[0].href, february.cells[0].key) == ("/day", "2026-02-01")


def test_a_flow_is_a_table_of_its_links() -> None:
    flow = Flow("T", "kWh", {"in": ("Intake", "main"), "x": ("Rest", "other")}, [("in", "x", 5.0)], hrefs={"x": "/x"})

    (line,) = chart_numbers(flow).lines

    assert [(label.text, label.href) for label in line.labels] == [("Intake", ""), ("Rest", "/x")]
    assert line.cells[0].text == "5.00"


CASES: list[tuple[Chart, list[str], str]] = [
    (bars(), [], "usual"),
    (bars(series=[Series("now", [1.0, 2.0], quality=["partial", "estimated"])]), ["estimated", "partial"], "usual"),
    (Heat("T", "kWh", ["r"] * 24, ["c"], [[1.0]] * 23 + [[None]]), ["unknown"], "tall"),
    (bars(horizontal=True, categories=["a"] * 40, series=[Series("now", [1.0] * 40)]), [], "long"),
    (Flow("T", "kWh", {"in": ("I", "main"), "x": ("R", "other")}, [("in", "x", 5.0)]), [], "usual"),
]


@pytest.mark.parametrize(("chart", "key", "size"), CASES)
def test_the_key_names_the_marks_in_use_and_height_follows_the_lines(chart: Chart, key: list[str], size: str) -> None:
    assert (marks(chart), size_of(chart)) == (key, size)


def test_a_chart_of_which_nothing_is_known_is_empty_and_zero_is_something() -> None:
    assert is_empty(bars(series=[Series("now", [None, None])]))
    assert is_empty(Flow("T", "kWh", {}, []))
    assert not is_empty(bars(series=[Series("now", [0.0, None])]))


def test_the_drawing_side_passes_its_own_tests(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        reason = "no node on this machine, which npm needs too: install the package 'nodejs'"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    for script in (STATIC_DIR / "js").glob("chart_*.js"):
        shutil.copy(script, tmp_path)
    shutil.copy(Path(__file__).with_name("chart_option.mjs"), tmp_path / "chart_option.test.mjs")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    library = STATIC_DIR / "vendor" / "echarts.min.js"
    known = {"ECHARTS": str(library)} if library.exists() else {}

    done = subprocess.run([node, "--test", str(tmp_path)], env=os.environ | known, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr

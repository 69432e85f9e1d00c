"""What charts say, as data: pages build these, `chart.html` puts them into the page with a table of the same numbers, `js/chart.js` draws them.

Colours, patterns and number formats belong to the drawing side; here stand names (already in the reader's language), values in the display unit and
how good each value is. Missing is None, never zero. Values are floats: pixels need no cents, and no bill is computed from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Quality = Literal["measured", "estimated", "partial", "unknown"]
Style = Literal["bar", "line", "step", "outline", "dashed", "band"]  # outline: the compared period behind the bars; dashed: the same of lines
Size = Literal["short", "usual", "tall", "long"]
MAX_SLICES = 6
MISSING = "—"
_MONTH_DAYS = 31
_BOUNDS: Sequence[tuple[int, Size]] = ((6, "short"), (12, "usual"), (26, "tall"))


@dataclass(frozen=True, slots=True)
class Series:
    """One row of values, one for each category. `quality`: one for each value, or empty when all are measured; estimated is drawn hatched or dashed.

    `role` chooses the colour by meaning, the same on every page: main, compared, limit, forecast, other, a tariff rate (sharp, peak, flat, valley,
    deep_valley), an energy item (A, B, C, D), good, warn, bad. `stack`: series of one stack stand on each other. `coverage`: share known of each
    value, or empty when all of all is known. Style band: two series of one `stack`, the lower edge first.
    """

    name: str
    values: Sequence[float | None]
    role: str = "main"
    style: Style = "bar"
    quality: Sequence[Quality] = ()
    stack: str = ""
    coverage: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Bars:
    """Series over categories (days, hours, places). `horizontal`: rankings. `hrefs`: where a click on a category leads, or empty.

    `instants`: when the categories are instants, Unix milliseconds, drawn on a time axis of the site's zone (`zone`; empty: the page's site's); else
    empty. `decimals`: digits behind the point, by default what the largest value justifies; money has two.
    """

    title: str
    unit: str
    categories: Sequence[str]
    series: Sequence[Series]
    hrefs: Sequence[str] = ()
    horizontal: bool = False
    instants: Sequence[int] = ()
    kind: Literal["bars"] = "bars"
    zone: str = ""
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Heat:
    """Cells by row and column: a month by hour, a line of meters by day. `values[row][column]`, None where nothing is known.

    `turned`: many rows, drawn from left to right: the days of a year.
    """

    title: str
    unit: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float | None]]
    hrefs: Sequence[str] = ()  # one a row
    kind: Literal["heat"] = "heat"
    decimals: int | None = None
    turned: bool = False


@dataclass(frozen=True, slots=True)
class Calendar:
    """A year by day: ISO day -> value."""

    title: str
    unit: str
    year: int
    values: Mapping[str, float | None]
    hrefs: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["calendar"] = "calendar"
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """Where it goes (Sankey). `nodes`: id -> (name, role); `links`: (from, to, value), values positive, without circles; role `other` is the grey
    untracked node. `hrefs`: node id -> where a click leads.
    """

    title: str
    unit: str
    nodes: Mapping[str, tuple[str, str]]
    links: Sequence[tuple[str, str, float]]
    kind: Literal["flow"] = "flow"
    hrefs: Mapping[str, str] = field(default_factory=dict)
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Shares:
    """Parts of a whole (name, value, role). More than six, or one below zero, are drawn as sorted bars."""

    title: str
    unit: str
    parts: Sequence[tuple[str, float, str]]
    kind: Literal["shares"] = "shares"
    decimals: int | None = None


Chart = Bars | Heat | Calendar | Flow | Shares


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of the table. `key`: what a click on the chart's mark looks for, where it has a link of its own."""

    text: str
    quality: Quality = "measured"
    coverage: float = 1.0
    href: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: what it is about (of a flow: whence and whither), and its numbers."""

    labels: tuple[Cell, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Numbers:
    """The chart as a table. `head`: above the numbers; empty: the page's own word for "value"."""

    head: tuple[str, ...]
    lines: tuple[Line, ...]


def chart_data(chart: Chart) -> dict[str, Any]:
    """The chart as JSON for js/chart.js."""
    shown = drawn(chart)
    return asdict(shown) | {"decimals": decimals_of(shown)}


def drawn(chart: Chart) -> Chart:
    """The chart that answers the question: slices nobody can tell apart become sorted bars."""
    if not isinstance(chart, Shares) or (len(chart.parts) <= MAX_SLICES and all(value >= 0 for _, value, _ in chart.parts)):
        return chart
    parts = sorted(chart.parts, key=lambda part: -part[1])
    series = Series(chart.title, [value for _, value, _ in parts])
    return Bars(chart.title, chart.unit, [name for name, _, _ in parts], [series], horizontal=True, decimals=chart.decimals)


def chart_numbers(chart: Chart) -> Numbers:
    """The same numbers as a table, written out."""
    shown = drawn(chart)
    decimals = decimals_of(shown)
    if isinstance(shown, Bars):
        return Numbers(tuple(series.name for series in shown.series), tuple(_bar_line(shown, at, decimals) for at in range(len(shown.categories))))
    if isinstance(shown, Heat):
        return Numbers(tuple(shown.columns), tuple(_heat_line(shown, at, decimals) for at in range(len(shown.rows))))
    if isinstance(shown, Calendar):
        days = tuple(str(day) for day in range(1, _MONTH_DAYS + 1))
        return Numbers(days, tuple(_month_line(shown, month, decimals) for month in range(1, 13)))
    if isinstance(shown, Flow):
        return Numbers((), tuple(_link_line(shown, link, decimals) for link in shown.links))
    return Numbers((), tuple(Line((Cell(name),), (Cell(_written(value, decimals)),)) for name, value, _ in shown.parts))


def decimals_of(chart: Chart) -> int:
    """Digits behind the point: the chart's own, or about four digits of its largest value."""
    if chart.decimals is not None:
        return chart.decimals
    largest = max((abs(value) for value in _values(chart) if value is not None), default=0.0)
    return next((digits for bound, digits in ((1000, 0), (100, 1), (1, 2)) if largest >= bound), 3)


def marks(chart: Chart) -> list[Quality]:
    """What of the marks of quality the chart shows, for its key."""
    shown = drawn(chart)
    if isinstance(shown, Bars):
        found = {quality for series in shown.series for quality in series.quality}
        return [quality for quality in ("estimated", "partial") if quality in found]
    return ["unknown"] if isinstance(shown, Heat | Calendar) and any(value is None for value in _values(shown)) else []


def is_empty(chart: Chart) -> bool:
    """Whether there is nothing to draw: then the page says so instead of showing bare axes."""
    return all(value is None for value in _values(chart))


def size_of(chart: Chart) -> Size:
    """How high the chart stands."""
    shown = drawn(chart)
    if isinstance(shown, Calendar):
        return "usual"
    if isinstance(shown, Flow):
        ends = max((sum(one[side] == key for one in shown.links) for side in (0, 1) for key in shown.nodes), default=0)
        return _size(max(ends, 8))
    lines = (
        len(shown.columns if shown.turned else shown.rows)
        if isinstance(shown, Heat)
        else len(shown.categories)
        if isinstance(shown, Bars) and shown.horizontal
        else 10
    )
    return _size(lines)


def _size(lines: int) -> Size:
    return next((size for bound, size in _BOUNDS if lines <= bound), "long")


def _values(chart: Chart) -> Iterable[float | None]:
    if isinstance(chart, Bars):
        return [value for series in chart.series for value in series.values]
    if isinstance(chart, Heat):
        return [value for row in chart.values for value in row]
    if isinstance(chart, Calendar):
        return list(chart.values.values())
    return [part[1] for part in chart.parts] if isinstance(chart, Shares) else [link[2] for link in chart.links]


def _bar_line(chart: Bars, at: int, decimals: int) -> Line:
    href = chart.hrefs[at] if at < len(chart.hrefs) else ""
    label = Cell(chart.categories[at], href=href, key=str(at) if href else "")
    return Line((label,), tuple(_bar_cell(series, at, decimals) for series in chart.series))


def _bar_cell(series: Series, at: int, decimals: int) -> Cell:
    value = series.values[at]
    quality = "unknown" if value is None else series.quality[at] if series.quality else "measured"
    return Cell(_written(value, decimals), quality, series.coverage[at] if series.coverage else 1.0)


def _heat_line(chart: Heat, at: int, decimals: int) -> Line:
    href = chart.hrefs[at] if at < len(chart.hrefs) else ""
    label = Cell(chart.rows[at], href=href, key=str(at) if href else "")
    return Line((label,), tuple(Cell(_written(value, decimals)) for value in chart.values[at]))


def _month_line(chart: Calendar, month: int, decimals: int) -> Line:
    days = [f"{chart.year}-{month:02d}-{day:02d}" for day in range(1, _MONTH_DAYS + 1)]
    cells = (Cell(_written(chart.values.get(day), decimals), href=chart.hrefs.get(day, ""), key=day if day in chart.hrefs else "") for day in days)
    return Line((Cell(f"{chart.year}-{month:02d}"),), tuple(cells))


def _link_line(chart: Flow, link: tuple[str, str, float], decimals: int) -> Line:
    ends = (Cell(chart.nodes[key][0], href=chart.hrefs.get(key, ""), key=key if key in chart.hrefs else "") for key in link[:2])
    return Line(tuple(ends), (Cell(_written(link[2], decimals)),))


def _written(value: float | None, decimals: int) -> str:
    return MISSING if value is None else f"{value:,.{decimals}f}"


# What chart.html asks of a chart.
FILTERS: Mapping[str, Callable[..., Any]] = {
    "chart_data": chart_data,
    "chart_numbers": chart_numbers,
    "chart_marks": marks,
    "chart_size": size_of,
    "chart_is_empty": is_empty,
}

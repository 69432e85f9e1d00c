"""What charts say, as data: pages build these, `chart.html` puts them into the page with a table of the same numbers, `js/chart.js` draws them.

Colours, patterns and number formats belong to the drawing side; here stand names (already in the reader's language), values in the display unit and
how good each value is. Missing is None, never zero. Values are floats: pixels need no cents, and no bill is computed from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Quality = Literal["measured", "estimated", "partial", "unknown"]
Style = Literal["bar", "line", "step", "outline", "dashed", "band"]  # outline: the compared period behind the bars; dashed: the same of lines


@dataclass(frozen=True, slots=True)
class Series:
    """One row of values, one for each category. `quality`: one for each value, or empty when all are measured; estimated is drawn hatched or dashed.

    `role` chooses the colour by meaning, the same on every page: main, compared, limit, forecast, other, a tariff rate (sharp, peak, flat, valley,
    deep_valley), an energy item (A, B, C, D), good, warn, bad. `stack`: series of one stack stand on each other.
    """

    name: str
    values: Sequence[float | None]
    role: str = "main"
    style: Style = "bar"
    quality: Sequence[Quality] = ()
    stack: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Series over categories (days, hours, places). `horizontal`: rankings. `hrefs`: where a click on a category leads, or empty.

    `instants`: when the categories are instants, Unix milliseconds, drawn on a time axis of the site's zone; else empty.
    """

    title: str
    unit: str
    categories: Sequence[str]
    series: Sequence[Series]
    hrefs: Sequence[str] = ()
    horizontal: bool = False
    instants: Sequence[int] = ()
    kind: Literal["bars"] = "bars"


@dataclass(frozen=True, slots=True)
class Heat:
    """Cells by row and column: a month by hour, a line of meters by day. `values[row][column]`, None where nothing is known."""

    title: str
    unit: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float | None]]
    hrefs: Sequence[str] = ()  # one a row
    kind: Literal["heat"] = "heat"


@dataclass(frozen=True, slots=True)
class Calendar:
    """A year by day: ISO day -> value."""

    title: str
    unit: str
    year: int
    values: Mapping[str, float | None]
    hrefs: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["calendar"] = "calendar"


@dataclass(frozen=True, slots=True)
class Flow:
    """Where it goes (Sankey). `nodes`: id -> (name, role); `links`: (from, to, value), values positive; role `other` is the grey untracked node."""

    title: str
    unit: str
    nodes: Mapping[str, tuple[str, str]]
    links: Sequence[tuple[str, str, float]]
    kind: Literal["flow"] = "flow"


@dataclass(frozen=True, slots=True)
class Shares:
    """Parts of a whole, at most six (name, value, role); more belong into sorted bars."""

    title: str
    unit: str
    parts: Sequence[tuple[str, float, str]]
    kind: Literal["shares"] = "shares"


Chart = Bars | Heat | Calendar | Flow | Shares


def chart_data(chart: Chart) -> dict[str, Any]:
    """The chart as JSON for js/chart.js."""
    return asdict(chart)

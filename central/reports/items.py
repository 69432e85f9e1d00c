"""A place by energy item: A to D, and below them; what has no item is one line of its own. Every kilowatt-hour is counted once."""

from __future__ import annotations

from functools import partial

from central.db.pool import Connection
from central.reports.changes import changes_of_parts
from central.reports.dictionary import load_dictionary
from central.reports.model import NOTHING, Beside, Breakdown, Figure, Line, Medium
from central.reports.pairing import pair
from central.reports.place import get_place
from central.reports.span import Span
from central.reports.sums import Sum, counting, sums
from central.reports.weigh import REST, TOTAL, Weigh, by_item, with_total
from protocol.errors import NotFound

_TOP = 3  # characters of a level-1 code


def by_energy_item(conn: Connection, period: Span, node: str, medium: Medium, within: str = "", beside: Beside = "none") -> Breakdown:
    """Items of level 1, or those directly below `within`, in the order of the tree. `rest`: points without an item; below an item, what has no finer
    one. Raises NotFound for an unknown place or item, ConfigError.
    """
    get_place(conn, node)
    dictionary = load_dictionary()
    if within and dictionary.item(within) is None:
        raise NotFound(f"there is no energy item {within!r} in the {dictionary.own.tree} tree")
    weigh: Weigh = partial(by_item, depth=len(within) + 1 if within else _TOP, within=within)
    found = sums(conn, period, node, medium, with_total(weigh), items=True)
    total = found.pop(TOTAL, Sum()).figure
    if within:
        total = _total(conn, period, node, medium, within)
    paired = pair(conn, period, beside)
    changes = {}
    if paired is not None:
        shares = weigh(counting(conn, period.part(period.reached, period.reached), node, medium))
        changes = changes_of_parts(conn, period, node, medium, weigh, paired, found, shares)
    below = [item for item in dictionary.own.items if item.parent == (within or None)]
    lines = [
        Line(item.code, item.name.zh, item.name.en, found[item.code].figure, changes.get(item.code), more=_has_more(item.code))
        for item in below
        if item.code in found
    ]
    rest = Line(REST, "", "", found[within].figure, changes.get(within)) if within in found else None
    return Breakdown(node, medium, period.first, period.last, total, lines, rest, paired)


def _total(conn: Connection, period: Span, node: str, medium: Medium, within: str) -> Figure:
    """The whole of one item."""
    found = sums(conn, period, node, medium, partial(by_item, depth=len(within), within=within), items=True)
    return found[within].figure if within in found else NOTHING


def _has_more(code: str) -> bool:
    return any(item.parent == code for item in load_dictionary().own.items)

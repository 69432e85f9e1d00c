"""Where it goes: from the place to its energy items and on to the places below, with what nobody traces as a node of its own.

What a meter shows and those below it do not is known over the time in which all of them are measured, and only there. Below zero it is no link
that could be drawn; it is told beside the picture with its sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from central.db.pool import Connection
from central.reports.dictionary import load_dictionary
from central.reports.exact import Exact, exact
from central.reports.model import NOTHING, Figure, Medium, Reason
from central.reports.place import get_place, places_below
from central.reports.span import Span
from central.reports.sums import Sum, add, counting, stretches_of
from central.reports.weigh import REST, TOTAL, Share, by_item_and_child, with_total

UNASSIGNED, UNTRACKED = "unassigned", "untracked"
_NOWHERE = "||"  # neither item nor place below


@dataclass(frozen=True, slots=True)
class FlowNode:
    """`id`: `node`, `item:01A`, `item:unassigned`, `untracked`, or `place:CODE`; names are empty for those the page has words for."""

    id: str
    kind: str
    code: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class FlowLink:
    """From one node to another; values above zero."""

    source: str
    target: str
    figure: Figure


@dataclass(frozen=True, slots=True)
class FlowFigures:
    """`apart`: links that cannot be drawn, below zero or unknown, with their reason. `total`: the place's own figure."""

    node: str
    medium: Medium
    first: date
    last: date
    total: Figure
    nodes: Sequence[FlowNode]
    links: Sequence[FlowLink]
    apart: Sequence[FlowLink]


def flow(conn: Connection, period: Span, node: str, medium: Medium) -> FlowFigures:
    """The flow of a place. Raises NotFound, ConfigError."""
    place = get_place(conn, node)
    weigh = with_total(by_item_and_child)
    found: dict[str, Sum] = {}
    last: dict[str, list[Share]] = {}
    stretches = stretches_of(conn, period, node, items=True)
    for stretch in stretches:
        points = counting(conn, stretch, node, medium)
        shares = weigh(points)
        add(conn, stretch, shares, points, found)
        last = _by_part(shares)
    total = found.pop(TOTAL, Sum()).figure
    still = len(stretches) == 1  # the tree did not change, so that a rest can be taken hour by hour
    rests = exact(conn, period, {part: group for part, group in last.items() if _is_rest(part, group)}) if still else {}
    links = _links(_parts(found, rests), any(part.startswith(_NOWHERE) and one.less_due_s for part, one in found.items()))
    known = {one.code: one for one in places_below(conn, node)}
    names = {item.code: (item.name.zh, item.name.en) for item in load_dictionary().own.items} | {
        code: (one.name_zh, one.name_en) for code, one in known.items()
    }
    used = list(dict.fromkeys(end for link in links for end in (link.source, link.target)))
    nodes = [FlowNode("node", "node", node, place.name_zh, place.name_en), *(_node(one, names) for one in used if one != "node")]
    drawn = [link for link in links if link.figure.value is not None and link.figure.value > 0]
    apart = [link for link in links if link.figure.value is None or link.figure.value < 0]
    return FlowFigures(node, medium, period.first, period.last, total, nodes, drawn, apart)


def _by_part(shares: Sequence[Share]) -> dict[str, list[Share]]:
    parts: dict[str, list[Share]] = {}
    for share in shares:
        parts.setdefault(share[0], []).append(share)
    return parts


def _is_rest(part: str, group: Sequence[Share]) -> bool:
    return part != TOTAL and any(sign < 0 for _, _, sign in group)


def _parts(found: Mapping[str, Sum], rests: Mapping[str, Exact]) -> dict[tuple[str, str], Figure]:
    """(item, place) -> amount; rests as far as all their meters are measured."""
    parts: dict[tuple[str, str], list[Figure]] = {}
    for part, one in found.items():
        item, place, _ = part.split("|")
        parts.setdefault((item, place), []).append(_rest(rests[part]) if part in rests else one.figure)
    return {key: figures[0] if len(figures) == 1 else _together(figures) for key, figures in parts.items()}


def _rest(one: Exact) -> Figure:
    if one.value is None:
        return Figure(None, 0.0, "unknown", Reason.PARTS_MISSING)
    coverage = min(1.0, one.count / one.due) if one.due else 0.0
    return Figure(one.value, round(coverage, 4), "measured" if coverage == 1 else "partial", Reason.NEGATIVE if one.value < 0 else None)


def _links(parts: Mapping[tuple[str, str], Figure], untracked: bool) -> list[FlowLink]:
    """Node to item, item to place. An item's meters that stand in the node itself lead nowhere below; what of a meter that measures several places
    none of them shows goes straight to the untracked node.
    """
    links: list[FlowLink] = []
    by_item: dict[str, list[Figure]] = {}
    for (item, place), figure in sorted(parts.items()):
        if untracked and item == REST and place == REST:
            links.append(FlowLink("node", UNTRACKED, figure))
            continue
        source = f"item:{item or UNASSIGNED}"
        by_item.setdefault(source, []).append(figure)
        if place != REST:
            links.append(FlowLink(source, f"place:{place}", figure))
    return [FlowLink("node", source, _added(figures)) for source, figures in by_item.items()] + links


def _added(figures: Sequence[Figure]) -> Figure:
    """What is drawn of an item: its links that can be."""
    drawn = [one for one in figures if one.value is not None and one.value > 0]
    found = _together(drawn)
    return found if len(drawn) == len(figures) else replace(found, quality="partial" if drawn else "unknown")


def _together(figures: Sequence[Figure]) -> Figure:
    """The sum of what is known, as good as the worst of them."""
    known = [one for one in figures if one.value is not None]
    if not known:
        return figures[0] if figures else NOTHING
    value = sum(one.value or 0 for one in known)
    worst = next((quality for quality in ("partial", "estimated") if any(one.quality == quality for one in known)), "measured")
    quality = worst if len(known) == len(figures) else "partial"
    return Figure(value, min(one.coverage for one in figures), quality, Reason.NEGATIVE if value < 0 else None)


def _node(one: str, names: Mapping[str, tuple[str, str]]) -> FlowNode:
    kind, _, code = one.partition(":")
    zh, en = names.get(code, ("", ""))
    return FlowNode(one, kind, code, zh, en)

"""A place by what stands directly below it: each building's (floor's, room's) part, what is in none of them, each for a square metre and a person."""

from __future__ import annotations

from central.db.pool import Connection
from central.reports.changes import changes_of_parts, changes_of_places, place_sums
from central.reports.model import NOTHING, Beside, Breakdown, Change, Line, Medium, Paired
from central.reports.pairing import pair
from central.reports.place import SUMMED, facts_on, get_place, per_m2, per_person, places_below
from central.reports.span import Span
from central.reports.sums import Sum, add, add_due, counting, stretches_of
from central.reports.weigh import REST, TOTAL, by_child, places_with_shared, with_total

_MANY = 1000  # points from which on buildings are read by their own sums


def by_area(conn: Connection, period: Span, node: str, medium: Medium, beside: Beside = "none") -> Breakdown:
    """Places below `node`, largest first; `rest`: what is measured in the place and in none of them. Raises NotFound, ConfigError."""
    place = get_place(conn, node)
    children = places_below(conn, node)
    summed = place.kind in SUMMED and all(one.kind in SUMMED for one in children)
    found, plain = _sums(conn, period, node, medium, {one.code for one in children} if summed else set())
    total = found.pop(TOTAL, Sum()).figure
    paired = pair(conn, period, beside)
    changes = {} if paired is None else _changes(conn, period, node, medium, paired, found, plain)
    facts = facts_on(conn, [one.code for one in children], period.reached)
    lines = []
    for one in children:
        figure = found[one.code].figure if one.code in found else NOTHING
        about = facts[one.code]
        intensities = {"per_m2": per_m2(figure, about), "per_person": per_person(figure, about)}
        lines.append(Line(one.code, one.name_zh, one.name_en, figure, changes.get(one.code), **intensities, more=one.kind != "room", facts=about))
    lines.sort(key=lambda line: (line.figure.value is None, -(line.figure.value or 0), line.code))
    rest = Line(REST, "", "", found[REST].figure) if REST in found else None
    return Breakdown(node, medium, period.first, period.last, total, lines, rest, paired)


def _sums(conn: Connection, period: Span, node: str, medium: Medium, summed: set[str]) -> tuple[dict[str, Sum], set[str]]:
    """Every part's sum, and which parts are the places' own sums: read from these where there are many points, what is due always from the points."""
    weigh = with_total(by_child)
    stretches = [(stretch, counting(conn, stretch, node, medium)) for stretch in stretches_of(conn, period, node)]
    if max(len(points) for _, points in stretches) < _MANY:
        summed = set()
    plain = summed - {child for _, points in stretches for child in places_with_shared(points)}
    found: dict[str, Sum] = {}
    for stretch, points in stretches:
        shares = weigh(points)
        apart = plain | {TOTAL} if plain else set()
        add_due(stretch, [share for share in shares if share[0] in apart], points, found)
        add(conn, stretch, [share for share in shares if share[0] not in apart], points, found)
    if plain:
        _add_places(conn, period, node, medium, plain, found)
    return found, plain


def _add_places(conn: Connection, period: Span, node: str, medium: Medium, plain: set[str], found: dict[str, Sum]) -> None:
    """What stands in the tables of places; a place's amount is held to be measured where nothing of it is missing."""
    for code, value, _, known_s in place_sums(conn, period, [node, *plain], medium):
        one = found.get(TOTAL if code == node else code)
        if one is not None and known_s:
            one.value, one.known_s, one.rows = value, known_s, 1


def _changes(conn: Connection, period: Span, node: str, medium: Medium, paired: Paired, found: dict[str, Sum], plain: set[str]) -> dict[str, Change]:
    """Where places are read by their own sums, they are compared by these, and the others not at all."""
    if plain:
        return changes_of_places(conn, period, sorted(plain & found.keys()), medium, paired)
    shares = by_child(counting(conn, period.part(period.reached, period.reached), node, medium))
    return changes_of_parts(conn, period, node, medium, by_child, paired, found, shares)

"""In which sums a point counts on a day: in its place and everything above it, once, and not below a point that measures it too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from central.db.pool import Connection
from central.db.statements import load_statements, rows

_SQL = load_statements("central.consumption")
_MAX_CHAIN = 20  # points above each other; real sites have five, a loop in the plan has no end
_NOWHERE: tuple[str, ...] = ()
UNCOUNTED = frozenset({"check", "virtual"})


@dataclass(frozen=True, slots=True)
class Position:
    """Where a point hangs from `valid_from` until before `valid_to`: as long as it hangs there and has had a meter."""

    point: str
    point_id: int
    medium: str
    place: str
    upstream: str | None
    role: str
    valid_from: date
    valid_to: date


@dataclass(frozen=True, slots=True)
class Tree:
    """Positions by point code, codes by id, and the places with sums at and above each place."""

    positions: Mapping[str, list[Position]]
    codes: Mapping[int, str]
    sums: Mapping[str, tuple[str, ...]]


def load_tree(conn: Connection, zone: str, ids: Collection[int] | None) -> Tree:
    """The tree as far as some points need it, or whole (None)."""
    found = rows(conn, _SQL["positions"], Position, ids=None if ids is None else list(ids), zone=zone)
    positions: dict[str, list[Position]] = {}
    for one in found:
        positions.setdefault(one.point, []).append(one)
    sums: dict[str, tuple[str, ...]] = {
        row[0]: tuple(row[1]) for row in conn.execute(_SQL["sums_of_places"], {"places": sorted({one.place for one in found})})
    }
    return Tree(positions, {one.point_id: one.point for one in found}, sums)


def counts_in(tree: Tree, point_id: int, day: date) -> tuple[str, ...]:
    """Places whose sums hold the point on the day; of the kinds that have sums."""
    here = _position(tree, tree.codes.get(point_id), day)
    if here is None or here.role in UNCOUNTED:
        return _NOWHERE
    places = tree.sums.get(here.place, _NOWHERE)
    covered = _covered(tree, here, day)
    return tuple(place for place in places if place not in covered) if covered else places


def hangs(tree: Tree, point_id: int, day: date) -> bool:
    """Whether the point hangs anywhere on the day."""
    return _position(tree, tree.codes.get(point_id), day) is not None


def points_in(tree: Tree, medium: str, day: date) -> Counter[str]:
    """How many points of a medium count in each place on the day."""
    counted: Counter[str] = Counter()
    for point_id, code in tree.codes.items():
        if tree.positions[code][0].medium == medium:
            counted.update(counts_in(tree, point_id, day))
    return counted


def _covered(tree: Tree, here: Position, day: date) -> set[str]:
    """Places in whose sum a point above this one counts already."""
    covered: set[str] = set()
    above, steps = here.upstream, 0
    while above is not None and steps < _MAX_CHAIN:
        upper = _position(tree, above, day)
        if upper is None:
            break
        if upper.role not in UNCOUNTED and upper.medium == here.medium and upper.point != here.point:
            covered.update(tree.sums.get(upper.place, _NOWHERE))
        above, steps = upper.upstream, steps + 1
    return covered


def _position(tree: Tree, point: str | None, day: date) -> Position | None:
    for one in tree.positions.get(point or "", ()):
        if one.valid_from <= day < one.valid_to:
            return one
    return None

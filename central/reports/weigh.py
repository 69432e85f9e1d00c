"""Who is counted for what: the points of a place, each once, shared out among the parts of a breakdown. Pure.

A meter may measure what others below it measure too (`above`). The place's sum is that of the points with none above them. A breakdown gives each
point's energy to one part and takes what is given to another part away from it again, so that the parts always sum to the whole: nothing is counted
twice, and what nobody below a meter measures stays with the meter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

REST = ""  # the part of what belongs to no other
TOTAL = "*"  # beside the parts: their whole
_MAX_CHAIN = 20  # points above each other, as in central/consumption/tree.py


@dataclass(slots=True)  # not frozen: there are as many as points, and freezing doubles what making them costs
class Counting:
    """A point that counts in a place. `child`: the place directly below in which it stands; `above`: the nearest one that measures it too."""

    point_id: int
    point: str
    place: str
    child: str | None
    role: str
    above: str | None
    installed_ms: int
    removed_ms: int | None
    item: str | None


Share = tuple[str, int, int]  # part, point, +1 or -1
Weigh = Callable[[Sequence[Counting]], list[Share]]


def whole(points: Sequence[Counting]) -> list[Share]:
    """All of the place as one part."""
    return [(REST, one.point_id, 1) for one in points if one.above is None]


def with_total(weigh: Weigh) -> Weigh:
    """A breakdown with its whole beside the parts."""
    return lambda points: [*weigh(points), *((TOTAL, one.point_id, 1) for one in points if one.above is None)]


def by_point(points: Sequence[Counting]) -> list[Share]:
    """Every point for itself: these do not sum to the whole where one measures another."""
    return [(one.point, one.point_id, 1) for one in points]


def by_child(points: Sequence[Counting]) -> list[Share]:
    """By the place below. A meter that measures other places below too (or stands in the place itself) belongs to REST, less what they measure."""
    known = {one.point: one for one in points}
    shared = _measuring_several(points, known)
    return _share_out(points, known, lambda one: REST if one.point in shared or one.child is None else one.child)


def places_with_shared(points: Sequence[Counting]) -> set[str]:
    """Places below in which a meter stands that measures others of them too: the place's own sum holds it, its part of a breakdown does not."""
    known = {one.point: one for one in points}
    return {child for point in _measuring_several(points, known) if (child := known[point].child) is not None}


def by_item(points: Sequence[Counting], depth: int, within: str = "") -> list[Share]:
    """By energy item, codes cut to `depth` characters (3: A to D; 4, 5: below). A point without one belongs to the nearest above it that has one.

    `within`: only what belongs to this item; what of it has no finer item stands under the item itself. Else REST has no item.
    """
    known = {one.point: one for one in points}
    shares = _share_out(points, known, lambda one: _item_above(one, known))
    inside = [(item, point, sign) for item, point, sign in shares if not within or item.startswith(within)]
    return _netted([(item[:depth], point, sign) for item, point, sign in inside])


def by_item_and_child(points: Sequence[Counting]) -> list[Share]:
    """By level-1 item and place below at once, as `item|place|meter`, of which any may be empty: what a meter shows and those of other parts below it
    do not is a part of its own under its name. A meter that measures several places is in none of them.
    """
    known = {one.point: one for one in points}
    shared = _measuring_several(points, known)
    parts = {one.point: f"{_item_above(one, known)[:3]}|{REST if one.point in shared else one.child or REST}" for one in points}
    tops = {one.point: _top_of_part(one, known, parts) for one in points}
    less = [(tops[one.above], one.point_id) for one in points if one.above is not None and parts[one.above] != parts[one.point]]
    owners = {owner for owner, _ in less}
    added = [(f"{parts[one.point]}|{one.point if one.point in owners else ''}", one.point_id, 1) for one in points if tops[one.point] == one.point]
    return added + [(f"{parts[owner]}|{owner}", point, -1) for owner, point in less]


def by_key(points: Sequence[Counting], keys: Mapping[int, str]) -> list[Share]:
    """By something each meter has (its maker, its profile): the points whose sum is the whole, each for its own."""
    return [(keys.get(one.point_id, REST), one.point_id, 1) for one in points if one.above is None]


def measured_below(points: Sequence[Counting]) -> dict[str, list[Counting]]:
    """Points that measure others, with the nearest of these."""
    below: dict[str, list[Counting]] = {}
    for one in points:
        if one.above is not None:
            below.setdefault(one.above, []).append(one)
    return below


def _share_out(points: Iterable[Counting], known: Mapping[str, Counting], part_of: Callable[[Counting], str]) -> list[Share]:
    """Each point to its part, and away again from the part of the nearest above it. Where both are one part the two cancel."""
    shares: list[Share] = []
    for one in points:
        part = part_of(one)
        above = None if one.above is None else part_of(known[one.above])
        if above == part:
            continue
        shares.append((part, one.point_id, 1))
        if above is not None:
            shares.append((above, one.point_id, -1))
    return shares


def _top_of_part(one: Counting, known: Mapping[str, Counting], parts: Mapping[str, str]) -> str:
    """The uppermost of the meters above one (or itself) that are of one part without a break."""
    top = one.point
    for upper in _above(one, known):
        if parts[upper.point] != parts[top]:
            break
        top = upper.point
    return top


def _netted(shares: Sequence[Share]) -> list[Share]:
    """Without pairs that cancel once parts are made coarser."""
    total: dict[tuple[str, int], int] = {}
    for part, point, sign in shares:
        total[part, point] = total.get((part, point), 0) + sign
    return [(part, point, sign) for (part, point), sign in total.items() if sign]


def _measuring_several(points: Sequence[Counting], known: Mapping[str, Counting]) -> set[str]:
    """Points that measure something in another place below than the one they stand in."""
    found: set[str] = set()
    for one in points:
        for upper in _above(one, known):
            if upper.child != one.child:
                found.add(upper.point)
    return found


def _item_above(one: Counting, known: Mapping[str, Counting]) -> str:
    return next((here.item for here in (one, *_above(one, known)) if here.item is not None), REST)


def _above(one: Counting, known: Mapping[str, Counting]) -> Iterator[Counting]:
    """The points above one, nearest first; as far as real sites go, so that a circle has an end."""
    above, steps = one.above, 0
    while above is not None and steps < _MAX_CHAIN:
        yield known[above]
        above, steps = known[above].above, steps + 1

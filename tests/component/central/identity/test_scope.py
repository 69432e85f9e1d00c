"""Who may see a part of the site sees that part: the table of places within places follows the tree, things outside do not exist."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from central.db.pool import Connection
from central.identity.scope import About, check_in_scope
from protocol.errors import NotFound


def above(parents: Mapping[str, str | None], code: str) -> set[str]:
    """The place and everything above it, walked by hand."""
    way: set[str] = set()
    at: str | None = code
    while at is not None:
        way.add(at)
        at = parents[at]
    return way


def stored(conn: Connection) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for place, higher in conn.execute("select place, above from place_within"):
        found.setdefault(place, set()).add(higher)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_places_within_places_follow_every_move(conn: Connection, seed: int) -> None:
    dice = random.Random(seed)
    parents: dict[str, str | None] = {}
    for number in range(40):
        code = f"p{number}"
        parents[code] = dice.choice([None, *parents]) if parents else None
        conn.execute("insert into place values (%s, %s, 'room', '', '', %s)", [code, parents[code], number])
    for _ in range(30):
        code = dice.choice(list(parents))
        target = dice.choice([None, *(other for other in parents if code not in above(parents, other))])
        parents[code] = target
        conn.execute("update place set parent = %s where code = %s", [target, code])

    assert stored(conn) == {code: above(parents, code) for code in parents}


@pytest.mark.parametrize(
    ("about", "inside", "outside"),
    [
        (About.PLACE, "b1-101", "b2"),
        (About.DEVICE, "m2", "w1"),
        (About.POINT, "p1", "w1"),
        (About.GATEWAY, "gw-1", "gw-2"),
    ],
)
def test_what_lies_outside_is_as_if_it_did_not_exist(site: Connection, about: About, inside: str, outside: str) -> None:
    check_in_scope(site, ["b1"], about, inside)
    answers = []
    for code in (outside, "never-heard-of"):
        with pytest.raises(NotFound) as refused:
            check_in_scope(site, ["b1"], about, code)
        answers.append(str(refused.value).replace(code, "X"))
    assert answers[0] == answers[1]


def test_the_whole_site_is_not_looked_up(site: Connection) -> None:
    check_in_scope(site, None, About.DEVICE, "never-heard-of")

"""The chosen place: the way to it begins at what the asker may see, and nothing outside exists."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from central.db.pool import Connection, connect
from central.identity.guard import Principal
from central.identity.scope import Scope
from central.web.node import Node, node_context
from protocol.errors import NotFound


@pytest.fixture(scope="module")
def look(database: str, import_site: Callable[[Connection], None]) -> Iterator[Callable[[Scope, str], Node]]:
    """`look(scope, code)`: the node as somebody with this scope gets it."""
    with connect(database) as conn:
        import_site(conn)
        yield lambda scope, code: node_context(conn, Principal("somebody", frozenset(), scope), code)


def codes(node: Node) -> tuple[list[str], list[str]]:
    """The way, and what lies below."""
    return [place.code for place in node.way], [place.code for place in node.children]


def test_nothing_asked_is_the_root_of_the_site(look: Callable[[Scope, str], Node]) -> None:
    node = look(None, "")
    assert (node.code, node.places, node.tops, node.device_count) == ("campus", ("campus",), 1, 3)
    assert codes(node) == (["campus"], ["b1", "b2"])


def test_the_way_leads_from_the_root(look: Callable[[Scope, str], Node]) -> None:
    assert codes(look(None, "b1f1")) == (["campus", "b1", "b1f1"], ["r101"])


def test_the_way_of_a_scope_begins_at_its_own_place(look: Callable[[Scope, str], Node]) -> None:
    assert codes(look(["b1"], "r101")) == (["b1", "b1f1", "r101"], [])
    assert look(["b1"], "").code == "b1"


def test_several_places_are_a_list(look: Callable[[Scope, str], Node]) -> None:
    node = look(["b2", "b1f1", "r101"], "")  # r101 lies below b1f1
    assert (node.code, node.places, node.tops, node.device_count) == ("", ("b1f1", "b2"), 2, 3)
    assert codes(node) == ([], ["b1f1", "b2"])


@pytest.mark.parametrize(("scope", "code"), [(None, "nowhere"), (["b1"], "b2"), (["b1"], "campus"), ([], "b1")])
def test_what_lies_outside_does_not_exist(look: Callable[[Scope, str], Node], scope: Scope, code: str) -> None:
    with pytest.raises(NotFound):
        look(scope, code)


def test_who_may_see_nothing_gets_an_empty_node(look: Callable[[Scope, str], Node]) -> None:
    assert look([], "").places == ()

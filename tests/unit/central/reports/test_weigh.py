"""Who counts for what: every point once (C25), parts sum to the whole for any tree, and what has gone missing is never a zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from central.reports.weigh import REST, Counting, Share, by_child, by_item, by_item_and_child, by_key, measured_below, whole

ITEMS = (None, "01A", "01A1", "01A2", "01B1A", "01C2")


def point(number: int, child: str | None = "a", above: int | None = None, item: str | None = None) -> Counting:
    return Counting(number, f"p{number}", "x", child, "sub", None if above is None else f"p{above}", 0, None, item)


def parts(shares: Sequence[Share]) -> Counter[str]:
    """Each part, when point n uses 10**n: every digit says how often a point was counted."""
    total: Counter[str] = Counter()
    for part, number, sign in shares:
        total[part] += sign * 10**number
    return total


@st.composite
def trees(draw: st.DrawFn) -> list[Counting]:
    size = draw(st.integers(0, 14))
    made = []
    for number in range(size):
        above = draw(st.none() | st.integers(0, number - 1)) if number else None
        made.append(point(number, draw(st.sampled_from([None, "a", "b", "c"])), above, draw(st.sampled_from(ITEMS))))
    return made


@given(trees())
def test_parts_of_any_tree_sum_to_its_whole(tree: list[Counting]):
    expected = sum(parts(whole(tree)).values())
    weighers: list[Callable[[Sequence[Counting]], list[Share]]] = [
        by_child,
        lambda points: by_item(points, 3),
        by_item_and_child,
        lambda points: by_key(points, {1: "x"}),
    ]

    for weigh in weighers:
        assert sum(parts(weigh(tree)).values()) == expected


@given(trees())
def test_an_item_is_the_sum_of_those_below_it_and_of_what_has_no_finer_one(tree: list[Counting]):
    coarse = parts(by_item(tree, 3))

    for item in ("01A", "01B", "01C"):
        assert sum(parts(by_item(tree, 4, item)).values()) == coarse[item]


@given(trees())
def test_no_point_is_added_to_two_parts_or_taken_away_from_two(tree: list[Counting]):
    for shares in (by_child(tree), by_item(tree, 3), by_item_and_child(tree)):
        for sign in (1, -1):
            assert max(Counter(number for _, number, way in shares if way == sign).values(), default=1) == 1


def test_c25_parent_and_child_in_one_group_count_once():
    tree = [point(0, item="01A"), point(1, above=0, item="01A"), point(2, above=1, item="01A")]

    assert parts(by_item(tree, 3)) == {"01A": 1}
    assert parts(whole(tree)) == {REST: 1}


def test_what_a_child_with_another_item_uses_is_taken_from_its_parent():
    tree = [point(0, item="01C"), point(1, above=0, item="01A1"), point(2, above=1)]

    assert parts(by_item(tree, 3)) == {"01C": 1 - 10, "01A": 10}


def test_below_a_parent_without_item_the_rest_is_unassigned():
    tree = [point(0), point(1, above=0, item="01A1"), point(2, above=0, item="01B2E")]

    assert parts(by_item(tree, 3)) == {REST: 1 - 10 - 100, "01A": 10, "01B": 100}


def test_drilling_down_leaves_what_has_no_finer_item_under_the_item_itself():
    tree = [point(0, item="01A"), point(1, above=0, item="01A1"), point(2, item="01B1C")]

    assert parts(by_item(tree, 4, "01A")) == {"01A": 1 - 10, "01A1": 10}
    assert parts(by_item(tree, 5, "01B1")) == {"01B1C": 100}


def test_a_meter_that_measures_several_places_is_in_none_of_them():
    tree = [point(0, "a"), point(1, "a", above=0), point(2, "b", above=0), point(3, "b")]

    assert parts(by_child(tree)) == {REST: 1 - 10 - 100, "a": 10, "b": 100 + 1000}


def test_a_meter_of_the_place_itself_stays_with_it():
    assert parts(by_child([point(0, None), point(1, "a", above=0)])) == {REST: 1 - 10, "a": 10}


def test_children_of_a_meter_are_the_nearest_below_it():
    tree = [point(0), point(1, above=0), point(2, above=1)]

    assert {code: [one.point_id for one in below] for code, below in measured_below(tree).items()} == {"p0": [1], "p1": [2]}

"""Differences between a plan and the registry."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from central.metering.model import Change
from central.metering.registry import KINDS, Row, Rows, Stay, differences, moves

_STAYS = st.dictionaries(st.sampled_from("abcd"), st.tuples(st.sampled_from("pqrs"), st.integers(1, 2))).map(
    lambda found: [Stay(device, point, ct, 1) for device, (point, ct) in found.items()]
)


def compare(present: Rows, wanted: Rows) -> tuple[list[Change], list[str], int]:
    empty = {kind: {} for kind in KINDS}
    place = differences(empty | {"place": present}, empty | {"place": wanted})[0]
    return [row.change for row in place.told], [str(row["code"]) for row in place.write], place.unchanged


def row(code: str, name: str = "x") -> Row:
    return {"code": code, "name_zh": name}


def stored(code: str, position: int, name: str = "x", removed: bool = False) -> Row:
    return {**row(code, name), "position": position, "removed": removed}


def test_same_rows_in_the_same_order_are_left_alone():
    assert compare({"a": stored("a", 0)}, {"a": row("a")}) == ([], [], 1)


def test_new_order_is_written_and_not_told():
    present = {"a": stored("a", 0), "b": stored("b", 1)}

    assert compare(present, {"b": row("b"), "a": row("a")}) == ([], ["b", "a"], 2)


def test_changed_new_gone_and_restored_rows_are_told():
    present = {"a": stored("a", 0), "gone": stored("gone", 1), "back": stored("back", 3, removed=True), "old": stored("old", 9, removed=True)}

    changes, written, unchanged = compare(present, {"a": row("a", "y"), "new": row("new"), "back": row("back")})

    assert changes == [Change.UPDATED, Change.CREATED, Change.UPDATED, Change.REMOVED]
    assert (written, unchanged) == (["a", "new", "back"], 0)


@given(before=_STAYS, after=_STAYS)
def test_moves_lead_from_the_stays_before_to_the_stays_after(before: list[Stay], after: list[Stay]):
    ended, begun = moves(before, after)

    assert (set(before) - set(ended)) | set(begun) == set(after)
    assert not set(ended) & set(begun)

"""Which numbers are missing, which of them the box sends by itself, which cannot come any more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from central.fleet.sequence import GIVE_UP_AFTER, GRACE_MS, MAX_GAPS, Gap, Sequence, follow, holes, left_behind

NOW_MS = 1_800_000_000_000
TOLD = Sequence("gw-1", 1, 7, [[1, 10], [15, 20]], [], 20, 25, 1, True, False)
UNTOLD = replace(TOLD, acked_seq=None, last_seq=None, first_held_seq=None)


def found(sequence: Sequence = TOLD, **changes: object) -> Gap:
    return replace(follow(sequence, [], NOW_MS)[0], id=1, **changes)


@pytest.mark.parametrize(
    ("ranges", "acked", "missing"),
    [
        ([[1, 10]], 10, ()),
        ([[1, 10], [15, 20]], 20, ((11, 14),)),
        ([[5, 10]], None, ((1, 4),)),
        ([[1, 10]], 12, ((11, 12),)),
        ([], 3, ((1, 3),)),
        ([], None, ()),
    ],
)
def test_holes_are_what_exists_and_did_not_come(ranges: list[list[int]], acked: int | None, missing: object):
    assert holes(replace(TOLD, ranges=ranges, acked_seq=acked)) == missing


def test_what_the_box_has_stored_and_not_sent_is_no_hole():
    assert holes(replace(TOLD, ranges=[[1, 20]], acked_seq=20, last_seq=25)) == ()


def test_what_is_given_up_is_no_hole_any_more():
    assert holes(replace(TOLD, given_up=[[11, 12]])) == ((13, 14),)


def test_a_gap_is_found_shrinks_and_is_filled():
    gap = found()
    (half,) = follow(replace(TOLD, ranges=[[1, 12], [15, 20]]), [gap], NOW_MS + 1)
    (whole,) = follow(replace(TOLD, ranges=[[1, 20]]), [half], NOW_MS + 2)

    assert (gap.missing, gap.moved_ms) == (((11, 14),), NOW_MS)
    assert (half.missing, half.moved_ms) == (((13, 14),), NOW_MS + 1)
    assert (whole.missing, whole.given_up) == ((), ())


def test_what_comes_sets_the_waiting_back():
    (moved,) = follow(replace(TOLD, ranges=[[1, 12], [15, 20]]), [found(fruitless=5)], NOW_MS)

    assert moved.fruitless == 0


def test_a_known_gap_is_not_found_twice():
    assert len(follow(TOLD, [found()], NOW_MS)) == 1


@pytest.mark.parametrize("change", [{"replaced": True}, {"first_held_seq": 15}])
def test_what_nobody_holds_is_given_up(change: dict[str, object]):
    (gap,) = follow(replace(TOLD, **change), [found()], NOW_MS)

    assert (gap.missing, gap.given_up) == ((), ((11, 14),))


def test_only_the_part_the_box_let_go_is_given_up():
    (gap,) = follow(replace(TOLD, first_held_seq=13), [found()], NOW_MS)

    assert (gap.missing, gap.given_up) == (((13, 14),), ((11, 12),))


def test_a_box_that_never_answers_is_given_up():
    (patient,) = follow(TOLD, [found(fruitless=GIVE_UP_AFTER - 1)], NOW_MS)
    (over,) = follow(TOLD, [found(fruitless=GIVE_UP_AFTER)], NOW_MS)

    assert (patient.missing, over.missing) == (((11, 14),), ())


def test_open_gaps_are_bounded():
    scattered = [[n, n] for n in range(1, 4 * MAX_GAPS, 2)]
    gaps = follow(replace(TOLD, ranges=scattered, acked_seq=None), [], NOW_MS)

    assert len(gaps) == MAX_GAPS


def test_the_box_sends_by_itself_what_it_has_no_receipt_for():
    gap = found()

    assert left_behind(TOLD, gap, NOW_MS) == ((11, 14),)
    assert left_behind(replace(TOLD, acked_seq=12), gap, NOW_MS) == ((11, 12),)
    assert left_behind(replace(TOLD, acked_seq=10), gap, NOW_MS + 10 * GRACE_MS) == ()


def test_without_a_report_a_hole_is_left_behind_when_nothing_moves():
    gap = found(UNTOLD)

    assert left_behind(UNTOLD, gap, NOW_MS + GRACE_MS - 1) == ()
    assert left_behind(UNTOLD, gap, NOW_MS + GRACE_MS) == ((11, 14),)
    assert left_behind(UNTOLD, replace(gap, moved_ms=NOW_MS + GRACE_MS), NOW_MS + GRACE_MS) == ()

"""When a row of nights is a leak: by hand, and by properties."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from central.analytics.leak_rule import Watch, acknowledged, follow
from central.analytics.model import Basis, KnownUse, Leak, Night

FIRST = date(2026, 9, 1)
QUIET_WEEK = [0] * 7
DORM = [2400, 2640, 2160, 2400, 2880, 2400, 2400, 2520]  # about 100 L/h, whoever is up


def night(number: int, floor: int | None, basis: Basis = "quarter", whole: bool = True) -> Night:
    return Night(FIRST + timedelta(days=number), basis, floor, whole and floor is not None)


def nights(floors: Sequence[int | None], basis: Basis = "quarter", start: int = 0) -> list[Night]:
    return [night(start + number, floor, basis) for number, floor in enumerate(floors)]


def leaks(found: Sequence[Night], uses: Sequence[KnownUse] = (), room: bool = False) -> list[Leak]:
    """All leaks, an open one last."""
    followed = follow(Watch(), found, uses, room)
    watch, over = acknowledged(followed.watch, uses)
    return [leak for leak in (*followed.closed, over, watch.open) if leak]


def test_a_small_leak_needs_two_nights():
    """5 L/h (120 L a day) from the eighth night on."""
    assert leaks(nights([*QUIET_WEEK, 120])) == []

    (leak,) = leaks(nights([*QUIET_WEEK, 120, 96]))

    assert (leak.began_on, leak.opened_on) == (FIRST + timedelta(days=7), FIRST + timedelta(days=8))
    assert (leak.reason, leak.usual_l_day, leak.floor_l_day, leak.nights) == ("above_zero", 0, 96, 2)


def test_a_large_leak_needs_one():
    """0.3 L/min is 432 L a day."""
    assert leaks(nights([*QUIET_WEEK, 431])) == []
    assert leaks(nights([*QUIET_WEEK, 432]))[0].opened_on == FIRST + timedelta(days=7)


def test_two_quiet_nights_clear_it_and_one_does_not():
    (leak,) = leaks(nights([*QUIET_WEEK, 120, 120, 0, 120, 0]))
    assert leak.cleared_on is None
    assert leak.nights == 3

    (leak,) = leaks(nights([*QUIET_WEEK, 120, 120, 0, 0]))
    assert (leak.cleared_on, leak.clear_reason) == (FIRST + timedelta(days=10), "quiet")


def test_a_quiet_night_between_breaks_the_row():
    assert leaks(nights([*QUIET_WEEK, 120, 0, 120, 0, 120])) == []


def test_a_night_without_data_neither_breaks_nor_makes_a_row():
    assert leaks(nights([*QUIET_WEEK, 120, None, 120]))[0].nights == 2
    assert leaks(nights([*QUIET_WEEK, 120, None, None, None, None, 120])) == []


def test_a_partly_known_night_can_acquit_and_cannot_accuse():
    base = nights(QUIET_WEEK)

    assert leaks([*base, night(7, 120), night(8, 120, whole=False)]) == []
    assert leaks([*base, night(7, 120), night(8, 0, whole=False), night(9, 120)]) == []


def test_a_dorm_block_is_judged_by_the_step_not_the_level():
    assert leaks(nights(DORM * 4)) == []

    (leak,) = leaks(nights([*DORM * 2, 4800, 4800]))

    assert (leak.reason, leak.usual_l_day) == ("step", 2400)
    assert leak.floor_l_day - leak.usual_l_day == 2400  # 2.4 m3 a day


def test_a_leak_does_not_become_what_is_usual():
    (leak,) = leaks(nights([*QUIET_WEEK, *[500] * 90]))

    assert leak.cleared_on is None
    assert leak.nights == 90


def test_a_slow_season_is_followed():
    """The floor grows by 1 % a night, to three times its level in four months."""
    assert leaks(nights([int(2400 * 1.01**number) for number in range(110)])) == []


def test_a_whole_day_needs_a_week():
    """Read once a day: 300 L is a usual day, a weekend lies below; a leak of 1 L/min adds 1440 L to every day."""
    usual = [300, 320, 280, 310, 300, 90, 100] * 3

    assert leaks(nights([*usual, *[1740] * 6], "day")) == []
    (leak,) = leaks(nights([*usual, *[1740] * 7], "day"))
    assert (leak.reason, leak.nights) == ("step", 7)
    assert leaks(nights([*usual, 12_000, 12_000], "day"))[0].nights == 2


def test_a_room_that_is_never_still_is_a_leak_after_two_weeks():
    floors = [96] * 20

    assert leaks(nights(floors)) == []
    (leak,) = leaks(nights(floors), room=True)
    assert (leak.reason, leak.opened_on, leak.began_on) == ("never_zero", FIRST + timedelta(days=13), FIRST)
    assert leaks(nights([*[96] * 20, 0, 0]), room=True)[0].clear_reason == "quiet"


def test_known_use_closes_a_leak_and_only_more_counts_from_then_on():
    flowing = [*QUIET_WEEK, *[500] * 5]
    use = KnownUse(FIRST + timedelta(days=11), 500)

    (leak,) = leaks(nights(flowing), [use])
    assert (leak.cleared_on, leak.clear_reason) == (use.after, "known_use")

    assert leaks(nights([*flowing, *[500] * 10]), [use]) == [leak]
    assert len(leaks(nights([*flowing, 500, 1500]), [use])) == 2
    back = KnownUse(FIRST + timedelta(days=15), 0)
    assert len(leaks(nights([*flowing, *[500] * 10]), [use, back])) == 2


def test_known_use_quiets_a_room_that_is_never_still():
    use = KnownUse(FIRST + timedelta(days=16), 96)

    assert [leak.clear_reason for leak in leaks(nights([96] * 60), [use], room=True)] == ["known_use"]


def test_too_small_a_known_use_leaves_the_leak_open():
    use = KnownUse(FIRST + timedelta(days=11), 120)

    assert leaks(nights([*QUIET_WEEK, *[5000] * 5]), [use])[0].cleared_on is None


def test_a_lost_basis_decides_nothing_until_it_stays_lost():
    """The line to a densely read meter fails: its days hold all use, which says nothing of nights."""
    base = nights([0] * 5 + [240] * 10)

    assert leaks(base + nights([3000] * 13, "day", start=15)) == []
    assert follow(Watch(), base + nights([3000] * 13, "day", start=15), [], False).watch.basis == "quarter"
    watch = follow(Watch(), base + nights([3000] * 14, "day", start=15), [], False).watch
    assert watch.basis == "day"
    assert watch.open is None


def test_no_flow_is_no_flow_by_any_basis():
    """A coarse register shows quarters on still nights; its hours must still count when it flows."""
    (leak,) = leaks(nights(QUIET_WEEK) + nights([240, 240], "hour", start=7))

    assert leak.basis == "hour"


def test_what_was_said_of_a_night_stands_beside_it():
    judged = follow(Watch(), nights([*QUIET_WEEK, 120, None, 0]), [], False).judged

    assert [one.verdict for one in judged[6:]] == ["learning", "above", "undecided", "usual"]
    assert (judged[7].usual_l_day, judged[7].limit_l_day) == (0, 0)
    assert judged[8].limit_l_day is None


FLOORS = st.one_of(st.none(), st.just(0), st.integers(0, 20_000).map(lambda value: value * 24))
NIGHTS = st.lists(st.tuples(FLOORS, st.booleans(), st.sampled_from(["quarter", "hour", "day"])), max_size=80).map(
    lambda found: [Night(FIRST + timedelta(days=n), basis, floor, whole) for n, (floor, whole, basis) in enumerate(found)]
)
USES = st.lists(st.tuples(st.integers(0, 80), st.integers(0, 9_000)), max_size=3).map(
    lambda found: [KnownUse(FIRST + timedelta(days=day), floor) for day, floor in sorted(found)]
)


@given(NIGHTS, USES, st.booleans(), st.integers(0, 80))
def test_going_on_from_any_night_is_the_same_as_following_all(found, uses, room, cut):
    whole = follow(Watch(), found, uses, room)
    first = follow(Watch(), found[:cut], uses, room)
    second = follow(first.watch, found[cut:], uses, room)

    assert second.watch == whole.watch
    assert (*first.closed, *second.closed) == whole.closed
    assert (*first.judged, *second.judged) == whole.judged


@given(NIGHTS, USES, st.booleans())
def test_leaks_follow_each_other_and_are_told_of_nights_that_were(found, uses, room):
    told = leaks(found, uses, room)

    assert all(leak.began_on <= leak.opened_on <= leak.last_on for leak in told)
    assert all(leak.cleared_on is not None for leak in told[:-1])
    assert all(before.cleared_on <= after.opened_on for before, after in itertools.pairwise(told))
    assert all(leak.floor_l_day > leak.limit_l_day for leak in told)


@given(st.lists(st.integers(0, 431), max_size=60))
def test_a_point_that_is_still_every_other_night_has_no_small_leak(floors):
    assert leaks(nights([0 if number % 2 == 0 else floor for number, floor in enumerate(floors)]), room=True) == []

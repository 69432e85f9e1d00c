"""Facts do what the rule says, once, whatever happens in between."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from central.alarms.engine import MAX_RAISES, evaluate, follow
from central.alarms.model import Cause, Fact, Track
from central.alarms.rule import Flap, Rule

RULE = Rule.model_validate(
    {
        "name": "hot",
        "severity": "general",
        "kind": "device",
        "watch": "heat",
        "unit": "count",
        "raise_at": 10,
        "clear_at": 5,
        "raise_after_s": 60,
        "clear_after_s": 30,
        "flap": Flap(raises=3, within_s=3600, quiet_s=600),
        "title": {"zh": "热", "en": "Hot"},
        "runbook": {"zh": "冷却", "en": "Cool it"},
    }
)
RULES = {"hot": RULE}
CAUSE = Cause("hot", "device", "m1")


def played(steps: list[tuple[int, int | None]], track: Track | None = None) -> tuple[list[tuple[int, str]], Track]:
    """(second, kind) of every transition of (second, value) steps, and what is remembered at the end."""
    told: list[tuple[int, str]] = []
    now = track or Track()
    for second, value in steps:
        now, kinds = follow(RULE, value, now, second * 1000)
        told += [(second, kind) for kind in kinds]
    return told, now


def test_a_condition_is_raised_after_its_minimum_time_and_cleared_after_its_other():
    told, _ = played([(0, 12), (59, 12), (60, 12), (100, 3), (129, 3), (130, 3)])

    assert told == [(60, "raised"), (130, "cleared")]


def test_between_the_thresholds_nothing_changes():
    told, track = played([(0, 12), (60, 12), (100, 7), (500, 7)])

    assert told == [(60, "raised")]
    assert track.raised


def test_a_dip_starts_the_minimum_time_again():
    assert played([(0, 12), (50, 9), (61, 12), (120, 12)])[0] == []


def test_unknown_is_not_normal():
    told, track = played([(0, 12), (60, 12), (100, None), (9000, None), (9010, 12)])

    assert told == [(60, "raised"), (100, "unknown"), (9010, "known")]
    assert track.raised


def test_unknown_of_a_thing_at_rest_says_nothing():
    assert played([(0, None), (100, None)]) == ([], Track())


def test_one_that_goes_on_and_off_is_one_alarm_until_it_is_quiet():
    steps = [(at, value) for k in range(3) for at, value in ((k * 200, 12), (k * 200 + 60, 12), (k * 200 + 100, 1), (k * 200 + 130, 1))]
    told, track = played([*steps, (600, 12), (700, 1), (1299, 1), (1300, 1)])

    assert [kind for _, kind in told] == ["raised", "cleared", "raised", "cleared", "raised", "flapping", "cleared"]
    assert told[-1][0] == 1300
    assert not track.raised


def test_raises_too_long_ago_are_forgotten():
    steps = [(k * 4000 + at, value) for k in range(4) for at, value in ((0, 12), (60, 12), (100, 1), (130, 1))]

    assert "flapping" not in [kind for _, kind in played(steps)[0]]


def test_a_clock_set_back_does_not_hold_an_alarm_for_ever():
    told, _ = played([(9000, 12), (100, 12), (160, 12)])

    assert told == [(160, "raised")]


def test_a_thing_gone_from_the_plan_takes_its_alarm_with_it():
    tracks = {CAUSE: Track(over_ms=0, raised=True, raises=(0,))}

    done = evaluate(RULES, {"heat": {}}, tracks, 1000, {"heat": None})

    assert [(one.kind, one.fact) for one in done.transitions] == [("cleared", None)]
    assert done.tracks == {CAUSE: None}


def test_what_a_watch_does_not_name_may_count_as_normal():
    tracks = {CAUSE: Track(over_ms=0, raised=True, under_ms=0, raises=(0,))}

    done = evaluate(RULES, {"heat": {}}, tracks, 30_000, {"heat": 0})

    assert [(one.kind, one.fact and one.fact.value) for one in done.transitions] == [("cleared", 0)]


def test_a_watch_that_was_not_asked_changes_nothing():
    tracks = {CAUSE: Track(over_ms=0, raised=True, raises=(0,))}

    assert evaluate(RULES, {}, tracks, 10**9, {}).transitions == ()


def test_a_rule_switched_off_ends_its_alarms():
    tracks = {CAUSE: Track(over_ms=0, raised=True, raises=(0,))}
    off = {"hot": RULE.model_copy(update={"enabled": False})}

    assert [one.kind for one in evaluate(off, {"heat": {"m1": Fact("m1", 50)}}, tracks, 1000, {}).transitions] == ["cleared"]


def test_raises_beyond_the_limit_of_a_round_come_with_the_next():
    facts = {"heat": {f"m{k}": Fact(f"m{k}", 12) for k in range(MAX_RAISES + 7)}}
    at_once = {"hot": RULE.model_copy(update={"raise_after_s": 0})}

    first = evaluate(at_once, facts, {}, 1000, {})
    second = evaluate(at_once, facts, {cause: track for cause, track in first.tracks.items() if track}, 2000, {})

    assert (len(first.transitions), first.delayed) == (MAX_RAISES, 7)
    assert (len(second.transitions), second.delayed) == (7, 0)
    assert {one.over_ms for one in second.transitions} == {1000}


STEPS = st.lists(st.tuples(st.integers(0, 400), st.one_of(st.none(), st.integers(0, 15)), st.booleans()), max_size=60)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_no_sequence_of_facts_opens_two_alarms_of_a_cause_and_a_replay_changes_nothing(steps: list[tuple[int, int | None, bool]]):
    tracks: dict[Cause, Track] = {}
    now_ms, standing = 0, 0
    for wait_s, value, asked in steps:
        now_ms += wait_s * 1000
        facts: dict[str, Any] = {"heat": {"m1": Fact("m1", value)}} if asked else {}
        done = evaluate(RULES, facts, tracks, now_ms, {"heat": None})
        for one in done.transitions:
            standing += {"raised": 1, "cleared": -1}.get(one.kind, 0)
            assert standing in (0, 1)
        tracks = {cause: track for cause, track in (tracks | dict(done.tracks)).items() if track is not None}
        again = evaluate(RULES, facts, tracks, now_ms, {"heat": None})
        assert again.transitions == ()
        assert not again.tracks
        assert (standing == 1) == any(track.raised for track in tracks.values())

"""What holds for every series of registers, however broken: found by trying, not by example."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from central.consumption.course import judge, samples_of
from central.consumption.model import LOOK_AHEAD_MS, Course, Samples, Stay, Verdict

STEP_MS = 900_000
STAY = Stay(from_ms=0, until_ms=None, ratio=Fraction(1), max_per_hour=20_000)
MOST = 5_000  # in a quarter of an hour

rises = st.lists(st.integers(0, 900), min_size=4, max_size=400)
kinds = st.sampled_from(["zero", "spike", "small", "dip", "run", "fall", "jump", "jitter", "gap", "range"])
faults = st.lists(st.tuples(st.integers(0, 399), kinds, st.integers(1, 12)), max_size=10)


@st.composite
def broken_series(draw: st.DrawFn) -> Samples:
    """A rising register with faults put in: single bad readings, runs of them, real falls and jumps, gaps of hours or days, noise."""
    value = draw(st.integers(0, 300_000)) + np.cumsum(np.array(draw(rises), np.int64))
    at_ms = np.arange(len(value), dtype=np.int64) * STEP_MS * draw(st.sampled_from([1, 1, 4]))
    for place, fault, size in draw(faults):
        here = place % len(value)
        if fault == "zero":
            value[here] = 0
        elif fault == "spike":
            value[here] += size * 10_000_000
        elif fault == "small":
            value[here] += size * 300
        elif fault == "dip":
            value[here] = max(0, value[here] - size * 1_000)
        elif fault == "run":
            value[here : here + size] = size
        elif fault == "fall":
            value[here:] -= min(value[here], size * 20_000)
        elif fault == "jump":
            value[here:] += size * 50_000
        elif fault == "jitter":
            value[here] = max(0, value[here] - size)
        elif fault == "gap":
            at_ms[here:] += size * 7 * 3_600_000
        else:
            value[here] = -7
    return Samples(at_ms, value)


def _tail(course: Course, from_ms: int) -> tuple[object, ...]:
    spans, accepted = course.spans, course.accepted
    late, kept = spans.start_ms >= from_ms, accepted.at_ms >= from_ms
    return (
        spans.start_ms[late].tolist(),
        spans.end_ms[late].tolist(),
        spans.amount[late].tolist(),
        accepted.at_ms[kept].tolist(),
        accepted.value[kept].tolist(),
        {at: fate for at, fate in course.verdicts.items() if at > from_ms},
        [doubt for doubt in course.doubts if doubt.at_ms >= from_ms],
        course.pending_from_ms,
    )


def _restarts(course: Course, samples: Samples) -> list[int]:
    """Positions in `accepted` where judging may be taken up again, as the module says."""
    found = []
    for place in range(len(course.accepted) - 1):
        at_ms = int(course.accepted.at_ms[place])
        following = int(samples.at_ms[np.searchsorted(samples.at_ms, at_ms, "right")])
        if not any(at_ms - LOOK_AHEAD_MS <= other <= following for other in course.verdicts):
            found.append(place)
    return found


@given(broken_series(), st.data(), st.sampled_from([None, 400_000]))
@settings(max_examples=250, deadline=None)
def test_judging_from_a_restart_gives_what_judging_everything_gives(samples: Samples, data: st.DataObject, rollover: int | None) -> None:
    stay = replace(STAY, rollover=rollover)
    whole = judge(stay, samples, False)
    places = _restarts(whole, samples)
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    at_ms, value = int(whole.accepted.at_ms[place]), int(whole.accepted.value[place])
    later = samples.at_ms > at_ms
    window = Samples(np.append(at_ms, samples.at_ms[later]), np.append(value, samples.value[later]))
    part = judge(stay, window, True)
    if whole.pending_from_ms is not None and whole.pending_from_ms < at_ms:
        whole = replace(whole, pending_from_ms=part.pending_from_ms)
    assert _tail(part, at_ms) == _tail(whole, at_ms)


@given(broken_series(), st.data())
@settings(max_examples=250, deadline=None)
def test_readings_that_come_later_change_nothing_before_a_restart(samples: Samples, data: st.DataObject) -> None:
    changed = data.draw(st.integers(0, len(samples) - 1))
    present = np.arange(len(samples)) < changed
    present |= np.array(data.draw(st.lists(st.booleans(), min_size=len(samples), max_size=len(samples))))
    before, after = judge(STAY, Samples(samples.at_ms[present], samples.value[present]), False), judge(STAY, samples, False)
    shown = Samples(samples.at_ms[present], samples.value[present])
    places = [place for place in _restarts(before, shown) if before.accepted.at_ms[place + 1] < samples.at_ms[changed]]
    for place in places[-1:]:
        until = int(before.accepted.at_ms[place])
        for one, other in zip(_head(before, until), _head(after, until), strict=True):
            assert one == other


@given(broken_series(), st.data())
@settings(max_examples=250, deadline=None)
def test_two_judgements_that_meet_stay_together(samples: Samples, data: st.DataObject) -> None:
    first, last = sorted(data.draw(st.tuples(st.integers(0, len(samples) - 1), st.integers(0, len(samples) - 1))))
    absent = np.zeros(len(samples), np.bool_)
    absent[first : last + 1] = data.draw(st.lists(st.booleans(), min_size=last + 1 - first, max_size=last + 1 - first))
    before, after = judge(STAY, Samples(samples.at_ms[~absent], samples.value[~absent]), False), judge(STAY, samples, False)
    known = dict(zip(before.accepted.at_ms.tolist(), before.accepted.value.tolist(), strict=True))
    for at_ms, value, following in zip(after.accepted.at_ms.tolist(), after.accepted.value.tolist(), after.accepted.at_ms[1:].tolist(), strict=False):
        between = samples.at_ms[(samples.at_ms > at_ms) & (samples.at_ms <= following)].tolist()
        if at_ms > samples.at_ms[last] and known.get(at_ms) == value and not any(at in before.verdicts or at in after.verdicts for at in between):
            assert _tail(before, at_ms)[:7] == _tail(after, at_ms)[:7]
            break


def _head(course: Course, until_ms: int) -> tuple[object, ...]:
    early, kept = course.spans.end_ms <= until_ms, course.accepted.at_ms <= until_ms
    return (
        course.spans.end_ms[early].tolist(),
        course.spans.amount[early].tolist(),
        course.accepted.value[kept].tolist(),
        {at: fate for at, fate in course.verdicts.items() if at <= until_ms},
    )


@given(broken_series(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_order_of_arrival_does_not_matter(samples: Samples, random: object) -> None:
    order = list(range(len(samples)))
    random.shuffle(order)  # type: ignore[attr-defined]
    mixed = samples_of(samples.at_ms[order], samples.value[order])
    assert _tail(judge(STAY, mixed, False), 0) == _tail(judge(STAY, samples, False), 0)


@given(rises, st.integers(0, 10**9), st.data())
@settings(max_examples=200, deadline=None)
def test_a_lone_bad_reading_changes_nothing_but_itself(steps: list[int], start: int, data: st.DataObject) -> None:
    value = start + np.cumsum(np.array(steps, np.int64))
    at_ms = np.arange(len(value), dtype=np.int64) * STEP_MS
    here = data.draw(st.integers(1, len(value) - 2))
    broken = value.copy()
    broken[here] = data.draw(st.integers(-(10**15), 2 * 10**15) | st.integers(int(value[here - 1]) - 9_000, int(value[here + 1]) + 9_000))
    without = np.arange(len(value)) != here
    course = judge(STAY, Samples(at_ms, broken), False)
    clean = judge(STAY, Samples(at_ms[without], value[without]), False)
    assert not course.doubts
    assert all(verdict is Verdict.REJECTED for verdict, _ in course.verdicts.values())
    assert len(course.verdicts) <= 1
    assert 0 <= int(course.spans.amount.sum()) - int(clean.spans.amount.sum()) <= STAY.jitter
    if not int(value[here - 1]) - STAY.jitter <= broken[here] <= int(value[here - 1]) + MOST + STAY.jitter:
        assert course.verdicts.keys() == {int(at_ms[here])}
        assert course.accepted.value.tolist() == clean.accepted.value.tolist()


@given(broken_series(), st.integers(1, 4000), st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_what_is_counted_is_last_less_first_of_every_level(samples: Samples, numerator: int, denominator: int) -> None:
    stay = replace(STAY, ratio=Fraction(numerator, denominator))
    course = judge(stay, samples, False)
    fresh = [0] + [place for place, at in enumerate(course.accepted.at_ms.tolist()) if course.verdicts.get(at, (None,))[0] is Verdict.BASELINE]
    ends = [*[place - 1 for place in fresh[1:]], len(course.accepted) - 1]
    registers = course.accepted.value.tolist()
    assume(registers)
    levels = [(registers[first], registers[last]) for first, last in zip(fresh, ends, strict=True)]
    expected = sum(last * numerator // denominator - first * numerator // denominator for first, last in levels)
    assert int(course.spans.amount.sum()) == expected
    assert (course.spans.amount >= 0).all()
    assert (course.spans.start_ms < course.spans.end_ms).all()
    assert (course.spans.end_ms[:-1] <= course.spans.start_ms[1:]).all()

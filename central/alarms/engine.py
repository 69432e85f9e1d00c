"""What facts do to alarms. Pure: rules, facts now and what is remembered go in; what is remembered next and what changed come out.

A condition must hold for a rule's minimum time to be raised, and be over for its other minimum time to be cleared; between the two thresholds
nothing changes. A fact without a value keeps everything as it is. A watch that could not be asked is not looked at. A thing that is gone from a
watch that was asked is gone from the plan, and its alarm with it. The same facts at the same time change nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from central.alarms.model import Cause, ChangeKind, Fact, Track
from central.alarms.rule import Rule, Rules

MAX_RAISES = 2000  # a round; those over it keep their time and are raised in the next
_REST = Track()
Facts = Mapping[str, Mapping[str, Fact]]  # watch -> subject -> fact; a watch that was not asked now is absent


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of an alarm. `fact` None: the thing is gone, or its rule is off. `over_ms`: since when the condition was seen to hold."""

    cause: Cause
    kind: ChangeKind
    fact: Fact | None
    over_ms: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`tracks`: what is remembered differently now; None: nothing any more. `delayed`: raises over MAX_RAISES that wait for the next round."""

    transitions: tuple[Transition, ...] = ()
    tracks: Mapping[Cause, Track | None] = field(default_factory=dict)
    delayed: int = 0


def evaluate(rules: Rules, facts: Facts, tracks: Mapping[Cause, Track], now_ms: int, absent: Mapping[str, int | None]) -> Evaluation:
    """Follow every rule whose watch was asked. `absent`: watch -> the value of a subject the watch does not name; None: it is gone."""
    changed: dict[Cause, Track | None] = {}
    transitions: list[Transition] = []
    raises = delayed = 0
    for cause, fact, gone in _looked_at(rules, facts, tracks, absent):
        before = tracks.get(cause, _REST)
        after, kinds = (_REST, _ended(before)) if gone else follow(rules[cause.rule], fact.value if fact else None, before, now_ms)
        if "raised" in kinds:
            raises += 1
            if raises > MAX_RAISES:
                delayed += 1
                after, kinds = replace(before, over_ms=before.over_ms if before.over_ms is not None else now_ms, unknown_ms=None), ()
        if after != before:
            changed[cause] = None if after == _REST else after
        over_ms = before.over_ms if before.over_ms is not None else now_ms
        transitions += [Transition(cause, kind, fact, over_ms) for kind in kinds]
    return Evaluation(tuple(transitions), changed, delayed)


def follow(rule: Rule, value: int | None, track: Track, now_ms: int) -> tuple[Track, tuple[ChangeKind, ...]]:
    """One cause under one fact."""
    track = _by_this_clock(track, now_ms, rule.flap.within_s)
    if value is None:
        if not track.raised or track.unknown_ms is not None:
            return track, ()
        return replace(track, unknown_ms=now_ms), ("unknown",)
    known: tuple[ChangeKind, ...] = ("known",) if track.unknown_ms is not None else ()
    track = replace(track, unknown_ms=None)
    after, kinds = _follow_raised(rule, value, track, now_ms) if track.raised else _follow_pending(rule, value, track, now_ms)
    return after, (*known, *kinds)


def _follow_pending(rule: Rule, value: int, track: Track, now_ms: int) -> tuple[Track, tuple[ChangeKind, ...]]:
    if not rule.over(value):
        return replace(track, over_ms=None), ()
    over_ms = track.over_ms if track.over_ms is not None else now_ms
    if now_ms - over_ms < rule.raise_after_s * 1000:
        return replace(track, over_ms=over_ms), ()
    raises = (*track.raises, now_ms)[-rule.flap.raises :]
    flapping = len(raises) >= rule.flap.raises
    return Track(over_ms=over_ms, raised=True, flapping=flapping, raises=raises), ("raised", "flapping") if flapping else ("raised",)


def _follow_raised(rule: Rule, value: int, track: Track, now_ms: int) -> tuple[Track, tuple[ChangeKind, ...]]:
    if not rule.normal(value):
        return replace(track, under_ms=None), ()
    under_ms = track.under_ms if track.under_ms is not None else now_ms
    wait_s = rule.flap.quiet_s if track.flapping else rule.clear_after_s
    if now_ms - under_ms < wait_s * 1000:
        return replace(track, under_ms=under_ms), ()
    return Track(raises=track.raises), ("cleared",)


def _by_this_clock(track: Track, now_ms: int, within_s: int) -> Track:
    """Instants after now (the clock was set back) count as now; raises too long ago are forgotten."""
    over, under = (min(at, now_ms) if at is not None else None for at in (track.over_ms, track.under_ms))
    raises = tuple(min(at, now_ms) for at in track.raises if at > now_ms - within_s * 1000)
    if (over, under, raises) == (track.over_ms, track.under_ms, track.raises):
        return track
    return replace(track, over_ms=over, under_ms=under, raises=raises)


def _ended(track: Track) -> tuple[ChangeKind, ...]:
    return ("cleared",) if track.raised else ()


def _looked_at(
    rules: Rules, facts: Facts, tracks: Mapping[Cause, Track], absent: Mapping[str, int | None]
) -> Iterator[tuple[Cause, Fact | None, bool]]:
    """(cause, its fact, whether it is gone) of everything that can change: facts that are over their threshold, and what is remembered."""
    for rule in rules.values():
        if rule.enabled and rule.watch in facts:
            over = rule.over
            for subject, fact in facts[rule.watch].items():
                if fact.value is not None and over(fact.value):
                    cause = Cause(rule.name, rule.kind, subject)
                    if cause not in tracks:
                        yield cause, fact, False
    for cause in tracks:
        rule_now = rules.get(cause.rule)
        if rule_now is None or not rule_now.enabled:
            yield cause, None, True
        elif rule_now.watch in facts:
            fact_now = facts[rule_now.watch].get(cause.subject)
            if fact_now is None and (value := absent.get(rule_now.watch)) is not None:
                fact_now = Fact(cause.subject, value)
            yield cause, fact_now, fact_now is None

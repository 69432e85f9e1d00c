"""How one meter's registers are read: which readings count, what passed between them, where counting starts anew. Pure and deterministic.

A step is *plausible* when the meter can have made it: it falls by no more than the jitter, and rises by no more than can pass in the time.
A step that is not is settled by what comes after it:
1. it falls from a lone reading that stood above both its neighbours: that one was bad and is rejected;
2. a later reading goes on from the last good one: what lies between was bad and is rejected;
3. otherwise the meter counts on a new level: BASELINE, the step to it is unknown, and a person should look (`Doubt`).

**Where judging may be taken up.** Let R be an accepted reading, R2 the reading after it, both before everything that has changed since, and no
verdict in [R - LOOK_AHEAD, R2]. Then `judge` anchored at R gives from R on exactly what judging the whole stay gives; nothing before R changes.
R's value must be the one in `Course.accepted` (a day's `first` and `last` keep it): that of a held reading differs from what was read.
**Where it may be left.** Let Q be accepted with the same value before and now (a day's `last` that did not change), later than everything that has
changed, and the reading after it without verdict before and now. Then nothing after Q differs. That Q is accepted in both is not enough.

Samples reach from R to the newest reading, or at least LOOK_AHEAD and one reading past the last day that is kept. Where they do not reach to the
end of the stay, pass it with `closing=None`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

import numpy as np

from central.consumption.model import LOOK_AHEAD_MS, Course, Doubt, Flags, Integers, Samples, Spans, Stay, Verdict

MAX_REGISTER = 10**15
_HOUR_MS = 3_600_000
_LEVEL_TRIES = 8  # so many readings in a row are tried as the first of a new level
_LEVEL_SUPPORT = 3  # ... which one of so many readings after it has to go on from


def judge(stay: Stay, samples: Samples, anchored: bool) -> Course:
    """Readings outside the stay are ignored. `anchored`: samples[0] was accepted before and is only the base of what follows."""
    inside, verdicts = _usable(stay, samples, anchored)
    at_ms, value = inside.at_ms, inside.value
    bad = _not_plain(stay, at_ms, value)
    if not len(bad):
        return Course(Spans(at_ms[:-1], at_ms[1:], _amounts(stay, value[:-1], value[1:])), inside, verdicts, (), None)
    closed = stay.until_ms is not None and (stay.closing is not None or int(at_ms[-1]) >= stay.until_ms)
    walk = _Walk(stay, at_ms, value, at_ms.tolist(), value.tolist(), bad.tolist(), closed)
    walk.run()
    return _course(walk, verdicts)


def samples_of(at_ms: Integers, value: Integers) -> Samples:
    """Samples from readings in any order; their instants are distinct."""
    order = np.argsort(at_ms, kind="stable")
    return Samples(at_ms[order], value[order])


def _usable(stay: Stay, samples: Samples, anchored: bool) -> tuple[Samples, dict[int, tuple[Verdict, str]]]:
    """The readings of the stay that a register can show, with what was written down at its ends in place of what was read at that instant."""
    at_ms, value = samples.at_ms, samples.value
    opening = None if anchored else stay.opening
    closing = None if stay.until_ms is None else stay.closing
    first = stay.from_ms + (opening is not None)
    last = None if stay.until_ms is None else stay.until_ms - (closing is not None)
    if len(at_ms) and (at_ms[0] < first or (last is not None and at_ms[-1] > last)):
        keep = slice(np.searchsorted(at_ms, first), None if last is None else np.searchsorted(at_ms, last, "right"))
        at_ms, value = at_ms[keep], value[keep]
    at_ms, value, verdicts = _in_range(stay, at_ms, value)
    if opening is not None:
        at_ms, value = np.append(np.int64(stay.from_ms), at_ms), np.append(np.int64(opening), value)
    if closing is not None:
        at_ms, value = np.append(at_ms, np.int64(stay.until_ms or 0)), np.append(value, np.int64(closing))
    return Samples(at_ms, value), verdicts


def _in_range(stay: Stay, at_ms: Integers, value: Integers) -> tuple[Integers, Integers, dict[int, tuple[Verdict, str]]]:
    highest = MAX_REGISTER if stay.rollover is None else stay.rollover - 1
    if not len(value) or (value.min() >= 0 and value.max() <= highest):
        return at_ms, value, {}
    fits = (value >= 0) & (value <= highest)
    return at_ms[fits], value[fits], dict.fromkeys(at_ms[~fits].tolist(), (Verdict.REJECTED, "range"))


def _not_plain(stay: Stay, at_ms: Integers, value: Integers) -> Integers:
    """Indices i whose step to i+1 is not simply 0 or a rise that fits the time."""
    if len(value) < 2:
        return np.empty(0, np.int64)
    rise, dt_ms = np.diff(value), np.diff(at_ms)
    if rise.min() >= 0 and rise.max() <= stay.max_per_hour * int(dt_ms.min()) // _HOUR_MS + stay.jitter:
        return np.empty(0, np.int64)
    return np.flatnonzero((rise < 0) | (rise > _limit(stay, dt_ms)))


def _limit(stay: Stay, dt_ms: Integers) -> Integers:
    """What can pass in the time, jitter included. Hours and the rest apart: the product of an hour's most and milliseconds may exceed 64 bits."""
    most = min(stay.max_per_hour, MAX_REGISTER // 1000)
    return most * (dt_ms // _HOUR_MS) + most * (dt_ms % _HOUR_MS) // _HOUR_MS + stay.jitter


def _amounts(stay: Stay, start: Integers, end: Integers) -> Integers:
    """floor(end * ratio) - floor(start * ratio): depends on no other reading, and sums to the whole over any row of readings."""
    numerator, denominator = stay.ratio.numerator, stay.ratio.denominator
    if denominator == 1:
        return (end - start) * numerator
    rest = end % denominator * numerator // denominator - start % denominator * numerator // denominator
    return (end // denominator - start // denominator) * numerator + rest


@dataclass(slots=True)
class _Walk:
    """The walk over the readings when some step is not plain. `kept`: registers that count, a held reading has its predecessor's.

    `base`: index of the last accepted reading, everything up to it is settled; `before`: the accepted one before it on the same level.
    """

    stay: Stay
    at_all: Integers
    value_all: Integers
    at: list[int]
    value: list[int]
    bad: list[int]
    closed: bool
    kept: list[int] = field(init=False)
    fate: dict[int, tuple[Verdict, str]] = field(default_factory=dict)
    wraps: set[int] = field(default_factory=set)
    doubts: list[Doubt] = field(default_factory=list)
    pending_from_ms: int | None = None
    base: int = 0
    before: int | None = None

    def run(self) -> None:
        self.kept = list(self.value)
        while self._skip_plain() + 1 < len(self.at):
            self._settle(self.base + 1)

    def _skip_plain(self) -> int:
        """Move on over steps that are plain as read."""
        if self.kept[self.base] == self.value[self.base]:
            place = bisect_left(self.bad, self.base)
            stop = self.bad[place] if place < len(self.bad) else len(self.at) - 1
            if stop > self.base:
                self.base, self.before = stop, stop - 1
        return self.base

    def _settle(self, here: int) -> None:
        if self._plausible(self.base, here):
            self._accept(here)
        elif self._base_is_odd(here):
            self._reject_base(here)
        elif (back := self._resumption(here)) is not None:
            self._reject(here, back)
            self._accept(back)
        else:
            self._start_level(here)

    def _plausible(self, start: int, end: int) -> bool:
        rise = self.value[end] - self.kept[start]
        if rise < -self.stay.jitter and self.stay.rollover is not None:
            rise += self.stay.rollover
        most = self.stay.max_per_hour * (self.at[end] - self.at[start]) // _HOUR_MS + self.stay.jitter
        return -self.stay.jitter <= rise <= most

    def _accept(self, here: int) -> None:
        rise = self.value[here] - self.kept[self.base]
        if rise < -self.stay.jitter:
            self.wraps.add(here)
            self.doubts.append(self._doubt("register.rollover", here))
        elif rise < 0:
            self.kept[here] = self.kept[self.base]
        self.base, self.before = here, self.base

    def _base_is_odd(self, here: int) -> bool:
        """Whether the base alone stands above its neighbours (or wrapped where nobody else did), and the reading after next does not side with it."""
        if self.before is None or (self.value[here] > self.kept[self.base] and self.base not in self.wraps):
            return False
        return self._plausible(self.before, here) and (here + 1 == len(self.at) or not self._plausible(self.base, here + 1))

    def _reject_base(self, here: int) -> None:
        assert self.before is not None  # noqa: S101 - _base_is_odd
        if here + 1 == len(self.at) and not self.closed:
            self._keep_open(self.at[self.base])
        if self.base in self.wraps:
            self.wraps.remove(self.base)
            self.doubts.pop()
        self.fate[self.base] = (Verdict.REJECTED, "spike" if self.kept[self.base] > self.kept[self.before] else "dip")
        self.base = self.before
        self._accept(here)

    def _resumption(self, here: int) -> int | None:
        """The first reading in sight that goes on from the base, and not from what has been read since."""
        end = self._horizon(here)
        from_base = self._going_on(here + 1, end)
        if not from_base:
            return None
        low = self._level(here, from_base[0])
        if low is None:
            return from_base[0]
        last, candidates = low, frozenset(from_base)
        for index in range(low + 1, end):
            goes_on = self._plausible(last, index)
            if index in candidates and not (goes_on and self.value[last] > self.value[low]):
                return index  # a register that stood still and then meets the old one was stuck
            last = index if goes_on else last
        return None

    def _horizon(self, here: int) -> int:
        """The end of what is looked at to settle a reading: LOOK_AHEAD, and the reading after it however late it comes."""
        return min(max(bisect_right(self.at, self.at[here] + LOOK_AHEAD_MS), here + 2), len(self.at))

    def _going_on(self, start: int, end: int) -> list[int]:
        """Indices in [start, end) that are plausible from the base."""
        rise = self.value_all[start:end] - self.kept[self.base]
        if self.stay.rollover is not None:
            rise = np.where(rise < -self.stay.jitter, rise + self.stay.rollover, rise)
        most = _limit(self.stay, self.at_all[start:end] - self.at[self.base])
        found: list[int] = (start + np.flatnonzero((rise >= -self.stay.jitter) & (rise <= most))).tolist()
        return found

    def _level(self, start: int, end: int) -> int | None:
        """The first of the readings in [start, end) that another one of them goes on from."""
        for first in range(start, min(start + _LEVEL_TRIES, end)):
            if any(self._plausible(first, index) for index in range(first + 1, min(first + 1 + _LEVEL_SUPPORT, end))):
                return first
        return None

    def _reject(self, start: int, end: int) -> None:
        for index in range(start, end):
            self.fate[index] = (Verdict.REJECTED, "dip" if self.value[index] < self.kept[self.base] else "spike")

    def _start_level(self, here: int) -> None:
        if self.at[-1] < self.at[here] + LOOK_AHEAD_MS and not self.closed:
            self._keep_open(self.at[here])
        level = self._level(here, self._horizon(here))
        level = here if level is None else level
        self._reject(here, level)
        fall = self.value[level] < self.kept[self.base]
        self._note(self._doubt("register.fall" if fall else "register.jump", level))
        self.fate[level] = (Verdict.BASELINE, "fall" if fall else "jump")
        self.base, self.before = level, None

    def _note(self, doubt: Doubt) -> None:
        """A register that starts anew with every reading (one that counts backwards) is one doubt, not hundreds."""
        last = self.doubts[-1] if self.doubts else None
        if last is not None and last.code == doubt.code and last.until_ms == doubt.at_ms:
            self.doubts[-1] = Doubt(last.code, last.at_ms, doubt.until_ms, {**last.data, "to": doubt.data["to"]})
        else:
            self.doubts.append(doubt)

    def _doubt(self, code: str, here: int) -> Doubt:
        return Doubt(code, self.at[self.base], self.at[here], {"from": self.kept[self.base], "to": self.value[here]})

    def _keep_open(self, at_ms: int) -> None:
        self.pending_from_ms = at_ms if self.pending_from_ms is None else min(self.pending_from_ms, at_ms)


def _course(walk: _Walk, verdicts: dict[int, tuple[Verdict, str]]) -> Course:
    stay = walk.stay
    alive = [index for index in range(len(walk.at)) if walk.fate.get(index, (None,))[0] is not Verdict.REJECTED]
    fresh = [walk.fate.get(index, (None,))[0] is not Verdict.BASELINE for index in alive[1:]]
    wrapped = np.array([(stay.rollover or 0) if index in walk.wraps else 0 for index in alive[1:]], np.int64)
    at_ms, kept = walk.at_all[alive], np.array(walk.kept, np.int64)[alive]
    known: Flags = np.array(fresh, np.bool_)
    amount = _amounts(stay, kept[:-1], kept[1:] + wrapped)
    written_down = len(walk.at) - 1 if stay.closing is not None and stay.until_ms is not None else None
    verdicts |= {walk.at[index]: fate for index, fate in walk.fate.items() if index != written_down}
    spans = Spans(at_ms[:-1][known], at_ms[1:][known], amount[known])
    return Course(spans, Samples(at_ms, kept), dict(sorted(verdicts.items())), tuple(walk.doubts), walk.pending_from_ms)

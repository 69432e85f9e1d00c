"""When a night's least flow becomes a leak, and when it is over: a fold over a point's nights. Pure; the same nights give the same leaks.

What is usual is learned from the nights that were, so a dorm block with people up at night is judged by the step of its floor, not by its level. A
night with too little data decides nothing. While a leak is open nothing is learned: else it would become what is usual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from statistics import median
from types import MappingProxyType

from central.analytics.model import Basis, Judged, KnownUse, Leak, LeakReason, Night, Verdict


@dataclass(frozen=True, slots=True)
class Rule:
    """When flow counts as a leak. Nights in a row for a small and a large one; `large_l_day` above the usual is large.

    Above a usual flow that is not zero the limit is the largest of `margin_l_day`, `share_percent` of it, and three spreads of the nights learned.
    """

    small_nights: int
    large_nights: int
    large_l_day: int
    margin_l_day: int
    share_percent: int


# Reasons: a leak under 0.3 L/min (432 L a day) is called small in commercial practice and needs two nights, a larger one is told the first morning. A
# whole day also holds all ordinary use: only a week without one ordinary day tells a leak, so that a weekend lies in it; two for a burst. A
# building's floor varies with who is up: a step of 50 L/h (1200 L a day) is what a plumber finds.
RULES: Mapping[Basis, Rule] = MappingProxyType(
    {
        "quarter": Rule(2, 1, 432, 240, 30),
        "hour": Rule(2, 1, 432, 240, 30),
        "day": Rule(7, 2, 10_000, 240, 50),
        "place": Rule(2, 1, 4_800, 1_200, 30),
    }
)
QUIET_NIGHTS = 2  # in a row, until a leak counts as gone
LEARN_NIGHTS = 7  # before anything is said: a week holds every kind of night
WINDOW_NIGHTS = 30  # what is usual is learned from the last so many
ZERO_PERCENT = 80  # of those without flow: from here on a point is usually zero, and anything above it counts
NEVER_ZERO_NIGHTS = 14  # a room that was not once still in two weeks leaks, or somebody says why it does not
COARSER_NIGHTS = 14  # so long a meter may be read more rarely before it is judged by that
FINER_NIGHTS = 3  # so soon it is judged by readings that lie closer
LOST_NIGHTS = 3  # without a verdict, and a row of nights is no longer one
_SPREADS = 4.45  # three standard deviations, 1.483 median deviations each
_RANK: Mapping[Basis, int] = MappingProxyType({"place": 0, "quarter": 0, "hour": 1, "day": 2})  # the coarser, the higher the same night's least


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered of a point from night to night: enough to go on from. `learned`: the last usual floors, oldest first.

    `other`: nights in a row with another basis. `row`: nights in a row above the limit, `quiet`: below it while a leak is open.
    """

    basis: Basis | None = None
    learned: tuple[int, ...] = ()
    other: int = 0
    row: int = 0
    row_began: date | None = None
    row_last: date | None = None
    quiet: int = 0
    open: Leak | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """Where a row of nights led: the watch behind it, the leaks that were closed in it, and what was said of each night."""

    watch: Watch
    closed: tuple[Leak, ...]
    judged: tuple[Judged, ...]


def follow(watch: Watch, nights: Sequence[Night], uses: Sequence[KnownUse], room: bool) -> Followed:
    """Go on from `watch` over rising nights. `uses`: all that is known of the point, in order; `room`: it serves one room, where nothing may run."""
    closed: list[Leak] = []
    judged: list[Judged] = []
    for night in nights:
        watch, over = acknowledged(watch, [use for use in uses if use.after < night.day])
        closed += [over] if over else []
        based, known = _based(watch, night), _known(uses, night.day)
        watch, verdict, over = _judge(based, night, known, room)
        closed += [over] if over else []
        told = verdict in ("usual", "above")
        judged.append(Judged(night, verdict, _usual(based, known) if told else None, _limit(based, known) if told else None))
    return Followed(watch, tuple(closed), tuple(judged))


def acknowledged(watch: Watch, uses: Sequence[KnownUse]) -> tuple[Watch, Leak | None]:
    """The watch once the known uses are in force: one said after a leak was opened, and covering it, closes it."""
    leak = watch.open
    if leak is None or not uses:
        return watch, None
    newest = uses[-1]
    if newest.after < leak.opened_on or leak.floor_l_day > _with_margin(watch.basis or leak.basis, newest.floor_l_day, ()):
        return watch, None
    return replace(watch, open=None, quiet=0), replace(leak, cleared_on=newest.after, clear_reason="known_use")


def _based(watch: Watch, night: Night) -> Watch:
    """The watch with the basis it judges by: another one is taken when it has come often enough. No flow is no flow by any basis.

    What was learned by days says nothing of nights.
    """
    if not night.floor_l_day or watch.basis is None or night.basis == watch.basis:
        return replace(watch, basis=night.basis, other=0) if night.floor_l_day else watch
    coarser = _coarser(watch, night)
    if watch.other + 1 < (COARSER_NIGHTS if coarser else FINER_NIGHTS):
        return replace(watch, other=watch.other + 1)
    kept = () if coarser or watch.basis == "day" else watch.learned
    return replace(watch, basis=night.basis, other=0, learned=kept, row=0, row_began=None, row_last=None)


def _coarser(watch: Watch, night: Night) -> bool:
    return watch.basis is not None and _RANK[night.basis] > _RANK[watch.basis]


def _judge(watch: Watch, night: Night, known: int, room: bool) -> tuple[Watch, Verdict, Leak | None]:
    """What a night says. One that is not whole, or of a coarser basis than the point's, is an upper bound: it can acquit, it cannot accuse."""
    floor = night.floor_l_day
    if floor is None:
        return watch, "undecided", None
    accuses = night.whole and not _coarser(watch, night)
    learning = _learn(watch, floor) if accuses or not floor else watch
    if watch.open is None and len(watch.learned) < LEARN_NIGHTS:
        return learning, "learning" if learning is not watch else "undecided", None
    if floor <= _limit(watch, known):
        return _below(learning, night, known, room and accuses)
    if not accuses:
        return watch, "undecided", None
    leak = watch.open
    if leak is None:
        return _above(watch, night, floor, known), "above", None
    return replace(watch, quiet=0, open=replace(leak, floor_l_day=floor, nights=leak.nights + 1, last_on=night.day)), "above", None


def _below(watch: Watch, night: Night, known: int, room: bool) -> tuple[Watch, Verdict, Leak | None]:
    """A quiet night: it ends a row, and the second one an open leak."""
    if watch.open is None:
        watch = replace(watch, row=0, row_began=None, row_last=None)
        return (_never_zero(watch, night, known) if room else watch), "usual", None
    if watch.quiet + 1 < QUIET_NIGHTS:
        return replace(watch, quiet=watch.quiet + 1), "usual", None
    return replace(watch, open=None, quiet=0), "usual", replace(watch.open, cleared_on=night.day, clear_reason="quiet")


def _above(watch: Watch, night: Night, floor: int, known: int) -> Watch:
    """One more night of a row above the limit; the last one needed opens the leak."""
    goes_on = watch.row_last is not None and night.day - watch.row_last <= timedelta(days=LOST_NIGHTS + 1)
    row, began = (watch.row + 1, watch.row_began or night.day) if goes_on else (1, night.day)
    rule, usual, limit = RULES[watch.basis or night.basis], _usual(watch, known), _limit(watch, known)
    large = floor - usual >= max(rule.large_l_day, usual)
    if row < (rule.large_nights if large else rule.small_nights):
        return replace(watch, row=row, row_began=began, row_last=night.day)
    reason: LeakReason = "step" if limit else "above_zero"
    return _opened(watch, Leak(began, night.day, night.basis, reason, usual, limit, floor, row, night.day))


def _never_zero(watch: Watch, night: Night, known: int) -> Watch:
    """A room in which something ran every night since it is watched: usual by its own nights, but nothing runs there by right."""
    if watch.basis == "day" or len(watch.learned) < NEVER_ZERO_NIGHTS:
        return watch
    recent, limit = watch.learned[-NEVER_ZERO_NIGHTS:], _above_known(watch, known)
    if min(recent) <= limit:
        return watch
    began = night.day - timedelta(days=NEVER_ZERO_NIGHTS - 1)
    return _opened(watch, Leak(began, night.day, night.basis, "never_zero", known, limit, recent[-1], NEVER_ZERO_NIGHTS, night.day))


def _opened(watch: Watch, leak: Leak) -> Watch:
    return replace(watch, open=leak, row=0, row_began=None, row_last=None, quiet=0)


def _learn(watch: Watch, floor: int) -> Watch:
    return replace(watch, learned=(*watch.learned, floor)[-WINDOW_NIGHTS:])


def _known(uses: Sequence[KnownUse], day: date) -> int:
    """What flows by right on a day."""
    return next((use.floor_l_day for use in reversed(uses) if use.after < day), 0)


def _usual(watch: Watch, known: int) -> int:
    """What flowed before; while a leak is open, before it."""
    if watch.open is not None:
        return watch.open.usual_l_day
    return max(known, 0 if _usually_zero(watch) else int(median(watch.learned)))


def _limit(watch: Watch, known: int) -> int:
    """Above this a night counts."""
    if watch.open is not None:
        return max(watch.open.limit_l_day, _above_known(watch, known))
    own = 0 if _usually_zero(watch) else _with_margin(watch.basis or "hour", int(median(watch.learned)), watch.learned)
    return max(own, _above_known(watch, known))


def _above_known(watch: Watch, known: int) -> int:
    return _with_margin(watch.basis or "hour", known, ()) if known else 0


def _usually_zero(watch: Watch) -> bool:
    return sum(not floor for floor in watch.learned) * 100 >= ZERO_PERCENT * len(watch.learned)


def _with_margin(basis: Basis, usual: int, learned: Sequence[int]) -> int:
    rule = RULES[basis]
    spread = median(abs(floor - usual) for floor in learned) if learned else 0
    return usual + max(rule.margin_l_day, usual * rule.share_percent // 100, int(_SPREADS * spread))

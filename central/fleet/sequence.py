"""What is missing of a gateway's numbered messages, and what became of what was missing before. Pure.

A box numbers its messages 1, 2, 3, ... within an epoch. What central has not got is either still to come (the box has no receipt for it and sends it
by itself, history behind live) or gone unless central asks: the box believes it delivered. `acked_seq` of the health report divides the two.
"""

from __future__ import annotations

from collections.abc import Sequence as Rows
from dataclasses import dataclass, replace

from central.fleet.ranges import Ranges, common, minus, normal

MAX_GAPS = 64  # open ones an epoch; further holes wait until one of these is closed
MAX_RANGES = 1000  # of an epoch that are looked at in one pass, lowest first
GRACE_MS = 300_000  # without a health report that tells: how long nothing may come before a hole counts as left behind
GIVE_UP_AFTER = 8  # asks in a row that brought nothing; with the growing wait between them two hours


@dataclass(frozen=True, slots=True)
class Sequence:
    """What central has of one epoch. `ranges`: received; `acked_seq`, `last_seq`, `first_held_seq`: by the newest health report of it, or None.

    `replaced`: a box of a later generation has taken this one's place. `given_up`: numbers that cannot come any more.
    """

    gateway: str
    generation: int
    epoch: int
    ranges: Rows[Rows[int]]
    given_up: Rows[Rows[int]]
    acked_seq: int | None
    last_seq: int | None
    first_held_seq: int | None
    online: bool
    replaced: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of numbers that was found missing. `id`: 0 before it is stored. Times are Unix milliseconds UTC."""

    id: int
    gateway: str
    generation: int
    epoch: int
    first: int
    last: int
    missing: Ranges
    given_up: Ranges
    found_ms: int
    moved_ms: int
    asked_ms: int | None
    asked_last: int | None
    times: int
    fruitless: int


def holes(sequence: Sequence) -> Ranges:
    """Numbers that exist, have not come and are not given up: below the highest received, or below what the box believes delivered."""
    received = normal(sequence.ranges)
    top = received[-1][1] if received else 0
    if len(sequence.ranges) < MAX_RANGES:
        top = max(top, sequence.acked_seq or 0)
    return minus(minus(((1, top),) if top else (), received), normal(sequence.given_up))


def follow(sequence: Sequence, gaps: Rows[Gap], now_ms: int) -> list[Gap]:
    """The gaps of this epoch as they are now: old ones with what is left of them, then new ones. One with nothing missing is to be closed."""
    missing = holes(sequence)
    present = [_followed(gap, common(gap.missing, missing), sequence, now_ms) for gap in gaps]
    for gap in gaps:
        missing = minus(missing, gap.missing)
    room = max(0, MAX_GAPS - sum(bool(gap.missing) for gap in present))
    return present + [_followed(_found(sequence, first, last, now_ms), ((first, last),), sequence, now_ms) for first, last in missing[:room]]


def left_behind(sequence: Sequence, gap: Gap, now_ms: int) -> Ranges:
    """What of a gap the box will not send by itself."""
    if sequence.acked_seq is not None:
        return common(gap.missing, ((1, sequence.acked_seq),))
    return gap.missing if now_ms - max(gap.found_ms, gap.moved_ms) >= GRACE_MS or gap.asked_ms is not None else ()


def _found(sequence: Sequence, first: int, last: int, now_ms: int) -> Gap:
    own = (sequence.gateway, sequence.generation, sequence.epoch)
    return Gap(0, *own, first, last, ((first, last),), (), now_ms, now_ms, None, None, 0, 0)


def _followed(gap: Gap, left: Ranges, sequence: Sequence, now_ms: int) -> Gap:
    moved = left != gap.missing
    hopeless = left if sequence.replaced or gap.fruitless >= GIVE_UP_AFTER else _not_held(left, sequence)
    return replace(
        gap,
        missing=minus(left, hopeless),
        given_up=normal((*gap.given_up, *hopeless)),
        moved_ms=now_ms if moved else gap.moved_ms,
        fruitless=0 if moved else gap.fruitless,
    )


def _not_held(left: Ranges, sequence: Sequence) -> Ranges:
    """The box holds its rows from one number on; what it let go below that and central has not got is lost."""
    return common(left, ((1, sequence.first_held_seq - 1),)) if sequence.first_held_seq is not None and sequence.first_held_seq > 1 else ()

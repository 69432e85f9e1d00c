"""Whether a replacement can have happened as it is told: what is wrong with it, and what is only hard to believe. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from central.consumption.load import MAX_PER_HOUR
from central.metering.replacement import Seen, Standing, Swap, is_register

JITTER = 20  # base units: a register may read back by so much
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Facts:
    """What is stored around a replacement. `last`: registers as read last before the removal, by quantity; `after`: of the old device, first after it
    (`following`: last of all); `rollover`: of the new meter's register, which is `register`."""

    standing: Standing
    now_ms: int
    register: str | None
    rollover: int | None
    last: Mapping[str, Seen]
    after: Seen | None
    following: Seen | None
    closed_months: Collection[str]


def mistakes(swap: Swap, facts: Facts) -> Iterator[str]:
    """What makes a replacement impossible; no confirmation helps."""
    yield from _times(swap, facts)
    yield from _named(swap, facts)
    standing = facts.standing
    for name, registers, register, rollover in (
        ("closing", swap.closing, standing.register, standing.rollover),
        ("opening", swap.opening, facts.register, facts.rollover),
    ):
        value = registers.get(register) if register else None
        if value is not None and value < 0:
            yield f"{name} register {register} is {value}; a register is not negative"
        if value is not None and rollover and value >= rollover:
            yield f"{name} register {register} is {value}, but the meter counts to {rollover - 1}; are the units base units (Wh, L)?"
    if facts.closed_months and not swap.allow_closed:
        yield f"closed months are touched ({', '.join(facts.closed_months)}); send allow_closed: true, their difference becomes an adjustment"


def doubts(swap: Swap, facts: Facts) -> Iterator[str]:
    """What is hard to believe, to be confirmed by a person."""
    standing, register = facts.standing, facts.standing.register
    for quantity, value in swap.closing.items():
        last = facts.last.get(quantity)
        if last is None:
            continue
        if quantity == register:
            yield from _step(swap, standing, last, value)
        elif value < last.value - JITTER and is_register(quantity) and not quantity.startswith(("balance", "overdraft")):
            yield f"closing register {quantity} is {value}, below the {last.value} read before"
    closing = swap.closing.get(register or "")
    old_went_on = facts.following is not None and closing is not None and facts.following.value >= closing
    if old_went_on and not swap.readings_are_new and facts.following is not None:
        yield f"the old meter was read {facts.following.value} after its removal, at or above its closing register {closing}; is the time right?"
    opening = swap.opening.get(facts.register or "")
    if swap.readings_are_new and facts.after is not None and opening is not None and facts.after.value < opening - JITTER:
        yield f"the first reading since the new meter was put in is {facts.after.value}, below its opening register {opening}"


def _times(swap: Swap, facts: Facts) -> Iterator[str]:
    if swap.installed_at_ms < swap.removed_at_ms:
        yield "installed_at_ms is before removed_at_ms; the new meter cannot stand there before the old one is gone"
    if max(swap.removed_at_ms, swap.installed_at_ms) > facts.now_ms:
        yield f"removed_at_ms and installed_at_ms must not be in the future (now {facts.now_ms})"
    if swap.removed_at_ms <= facts.standing.installed_at_ms:
        yield f"removed_at_ms is not after {facts.standing.installed_at_ms}, when {facts.standing.device} was put in"


def _named(swap: Swap, facts: Facts) -> Iterator[str]:
    unknown = sorted({*swap.closing, *swap.opening} - {code for code in {*swap.closing, *swap.opening} if is_register(code)})
    if unknown:
        yield f"{', '.join(unknown)}: no register; expected cumulative quantities or a balance (docs/quantities.md)"
    register = facts.standing.register
    if register and register not in swap.closing and swap.unreadable is None:
        yield f"closing lacks {register}, the register that counts; if it cannot be read, say why in unreadable"
    if register and register in swap.closing and swap.unreadable is not None:
        yield f"closing has {register} and unreadable is given; send one of them"
    if facts.register and facts.register not in swap.opening:
        yield f"opening lacks {facts.register}, the register that counts"


def _step(swap: Swap, standing: Standing, last: Seen, closing: int) -> Iterator[str]:
    limit = standing.max_per_hour or MAX_PER_HOUR[standing.medium]
    possible = limit * max(1, -(-(swap.removed_at_ms - last.at_ms) // _HOUR_MS)) + JITTER
    step = closing - last.value
    if step < -JITTER:
        wrapped = step + standing.rollover if standing.rollover else None
        if wrapped is None or not 0 <= wrapped <= possible:
            yield f"closing register {closing} is below the {last.value} read at {last.at_ms}"
    elif step > possible:
        yield f"closing register {closing} is {step} above the {last.value} read at {last.at_ms}; {possible} can have passed meanwhile"

"""Which numbers to ask a gateway for again, and the asking. The choice is pure.

A box serves what is asked for behind live data and holds at most 16 ranges; it gets half of that at a time, each short enough that live data never
waits long. What was asked for and does not come is asked for again later and later; as soon as something comes the waiting begins anew.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from central.fleet.ranges import Ranges, common, pieces
from central.fleet.sequence import Gap, Sequence, left_behind
from protocol.messages import Resend, encode_record
from protocol.topics import Down, down

log = logging.getLogger(__name__)

REQUEST_NUMBERS = 64
REQUESTS_A_GATEWAY = 8  # in flight
MAX_GATEWAYS = 32  # that are asked in one pass, longest unasked first
RETRY_MS = 30_000  # doubles with every ask that brings nothing
_MAX_DOUBLINGS = 7
Publish = Callable[[str, bytes], bool]


@dataclass(frozen=True, slots=True)
class Request:
    """An inclusive range to be sent again."""

    gateway: str
    epoch: int
    first: int
    last: int


def choose(sequences: Iterable[Sequence], gaps: Mapping[tuple[str, int, int], list[Gap]], now_ms: int) -> tuple[list[Gap], list[Request]]:
    """The gaps to ask about now, marked as asked, and the requests. Boxes that are offline are not asked: their broker session would pile them up."""
    by_gateway: dict[str, list[tuple[Sequence, Gap]]] = defaultdict(list)
    for one in sequences:
        if one.online and not one.replaced:
            by_gateway[one.gateway] += [(one, gap) for gap in gaps.get((one.gateway, one.generation, one.epoch), [])]
    asked: list[Gap] = []
    requests: list[Request] = []
    for waiting in sorted(by_gateway.values(), key=_last_asked)[:MAX_GATEWAYS]:
        for gap, request in _one_gateway(waiting, now_ms):
            asked.append(gap)
            requests += request
    return asked, requests


def ask(requests: Iterable[Request], publish: Publish) -> int:
    """Publish requests; returns how many were handed over. One that was not is asked again when its gap's wait is over."""
    handed = 0
    for one in requests:
        body = encode_record(Resend(epoch=one.epoch, first=one.first, last=one.last))
        if not publish(down(one.gateway, Down.RESEND), body):
            log.info("%s is not asked for %d..%d of epoch %d now: no connection to the broker", one.gateway, one.first, one.last, one.epoch)
            break
        handed += 1
    return handed


def _last_asked(waiting: list[tuple[Sequence, Gap]]) -> int:
    return max((gap.asked_ms or 0 for _, gap in waiting), default=0)


def _one_gateway(waiting: list[tuple[Sequence, Gap]], now_ms: int) -> Iterator[tuple[Gap, list[Request]]]:
    wanted = [(gap, left_behind(sequence, gap, now_ms)) for sequence, gap in waiting]
    room = REQUESTS_A_GATEWAY - sum(len(list(pieces(_in_flight(gap, ranges, now_ms), REQUEST_NUMBERS))) for gap, ranges in wanted)
    for gap, ranges in wanted:
        if room <= 0:
            return
        if not ranges or _in_flight(gap, ranges, now_ms):
            continue
        chosen = list(pieces(ranges, REQUEST_NUMBERS))[:room]
        room -= len(chosen)
        came = gap.asked_ms is None or gap.moved_ms > gap.asked_ms
        marked = replace(gap, asked_ms=now_ms, asked_last=chosen[-1][1], times=gap.times + 1, fruitless=0 if came else gap.fruitless + 1)
        yield marked, [Request(gap.gateway, gap.epoch, first, last) for first, last in chosen]


def _in_flight(gap: Gap, wanted: Ranges, now_ms: int) -> Ranges:
    """What was asked for and may still be on its way."""
    if gap.asked_ms is None or gap.asked_last is None:
        return ()
    since_ms = now_ms - max(gap.asked_ms, gap.moved_ms)
    if since_ms >= RETRY_MS << min(gap.fruitless, _MAX_DOUBLINGS):
        return ()
    return common(wanted, ((1, gap.asked_last),))

"""Which batch goes next: the sender's rules without a socket, a file or a clock. Pure; `now_s` is any monotonic time.

- What is stored while connected (live) goes before history; history never takes the last slots of the window and passes a token bucket.
- A batch stays in flight until central's receipt covers it. Without one it is sent again, later each time.
- Ranges central has out of order (`also`) are not sent again. Nothing here deletes anything.
- When the broker says that nobody listens or that we may not write, everything pauses, then one batch probes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

_MAX_LIVE_LAG = 64  # live batches waiting; when central stalls longer they become history, so that the newest do not wait behind them
_MAX_HISTORY = 16  # intervals; beyond this they are joined, which at worst sends something twice
_MAX_RESENDS = 16  # intervals asked for again; central repeats what is refused
_MAX_DOUBLINGS = 16
Interval = tuple[int, int]


class Lane(StrEnum):
    """Why a batch is sent; decides topic and throttle."""

    LIVE = "live"
    HISTORY = "history"
    RESEND = "resend"


@dataclass(frozen=True, slots=True)
class Limits:
    """`window`: batches in flight; `live_slots` of them are never taken by history. `backfill_per_s`: history batches a second."""

    window: int = 8
    live_slots: int = 2
    backfill_per_s: float = 50.0
    backfill_burst: int = 8
    retry_s: float = 30.0
    retry_max_s: float = 600.0
    refused_s: float = 1.0
    refused_max_s: float = 300.0
    ack_grace_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Want:
    """Ask of the outbox: the first unacked batch with `after < position <= upto` (RESEND: acked or not). `again`: it was sent before."""

    lane: Lane
    after: int
    upto: int
    again: bool = False


@dataclass(slots=True)
class _Flight:
    """A batch sent and not yet covered by a receipt."""

    lane: Lane
    due_s: float
    tries: int = 1


class Window:
    """The state between outbox and session. Owned by the sender's thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open = False
        self._head = 0
        self._live_after = 0
        self._history: list[Interval] = []
        self._resends: list[Interval] = []
        self._flights: dict[int, _Flight] = {}
        self._also: dict[int, tuple[Interval, ...]] = {}
        self._history_from_s = 0.0
        self._paused_until_s = 0.0
        self._refusals = 0
        self._probing = False
        self._tokens = float(limits.backfill_burst)
        self._tokens_at_s = 0.0

    def opened(self, head: int, now_s: float) -> None:
        """A session is up; `head` is the position stored last. All that is unacked is history now and waits a moment for the retained receipt."""
        self._open = True
        self._head = self._live_after = head
        self._history = [(0, head)] if head else []
        self._resends = []
        self._flights = {}
        self._history_from_s = now_s + self._limits.ack_grace_s
        self._tokens_at_s = now_s
        self._paused_until_s = 0.0
        self._probing = False

    def closed(self) -> None:
        """The session is gone; what was in flight will be history of the next one."""
        self._open = False
        self._flights = {}

    def renumbered(self, head: int, now_s: float) -> None:
        """Positions have lost their meaning (the outbox was rebuilt): begin again as a new session would."""
        self._also = {}
        self.opened(head, now_s)

    def grown(self, head: int) -> None:
        """The outbox has stored up to `head`."""
        self._head = head
        if head - self._live_after > _MAX_LIVE_LAG:
            self._history = _joined([*self._history, (self._live_after, head)])
            self._live_after = head

    def next(self, now_s: float) -> Want | None:
        """What to send now, or None. The caller answers with `sent` or `nothing` before it asks again."""
        if not self._open or now_s < self._paused_until_s or (self._probing and any(flight.due_s > now_s for flight in self._flights.values())):
            return None
        if (late := self._late(now_s)) is not None:
            return Want(self._flights[late].lane, late - 1, late, again=True)
        if len(self._flights) < self._limits.window and self._head > self._live_after:
            return Want(Lane.LIVE, self._live_after, self._head)
        if len(self._flights) >= self._limits.window - self._limits.live_slots or not self._may_backfill(now_s):
            return None
        if self._resends:
            return Want(Lane.RESEND, self._resends[0][0] - 1, self._resends[0][0])
        return self._next_history()

    def sent(self, want: Want, position: int, now_s: float) -> None:
        """The batch at `position` answered `want` and is on its way."""
        if want.again:
            flight = self._flights[position]
            flight.due_s = now_s + _backed_off(self._limits.retry_s, flight.tries, self._limits.retry_max_s)
            flight.tries += 1
            return
        self._flights[position] = _Flight(want.lane, now_s + self._limits.retry_s)
        if want.lane is not Lane.LIVE:
            self._tokens -= 1
        self._advance(want.lane, position)

    def nothing(self, want: Want) -> None:
        """No batch answers `want`: it was acked meanwhile, or the lane is drained."""
        if want.again:
            del self._flights[want.upto]
        else:
            self._advance(want.lane, want.upto)

    def delivered(self, position: int) -> None:
        """The broker took the batch and somebody listens. No receipt, except for what central had asked for again."""
        self._refusals = 0
        self._probing = False
        flight = self._flights.get(position)
        if flight is not None and flight.lane is Lane.RESEND:
            del self._flights[position]

    def refused(self, position: int, now_s: float) -> None:
        """The broker did not pass the batch on: pause everything, longer each time, then probe with one."""
        if now_s >= self._paused_until_s:
            self._paused_until_s = now_s + _backed_off(self._limits.refused_s, self._refusals, self._limits.refused_max_s)
            self._refusals += 1
        self._probing = True
        if position in self._flights:
            self._flights[position].due_s = self._paused_until_s

    def acked(self, first: int, last: int, also: Sequence[Interval] = ()) -> None:
        """Central has positions first..last (a prefix of one epoch) and the ranges in `also`."""
        self._history_from_s = 0.0
        self._also[first] = tuple(also)
        covered = ((first, last), *also)
        self._flights = {position: flight for position, flight in self._flights.items() if not _contains(covered, position)}

    def resend(self, first: int, last: int) -> bool:
        """Queue first..last to be sent again; False if too many ranges wait already."""
        if (first, last) in self._resends:
            return True
        if len(self._resends) >= _MAX_RESENDS:
            return False
        self._resends.append((first, last))
        return True

    @property
    def in_flight(self) -> int:
        """Batches sent and not covered by a receipt."""
        return len(self._flights)

    @property
    def paused(self) -> bool:
        """Whether the broker's refusals hold everything back."""
        return self._probing

    def due_in_s(self, now_s: float) -> float:
        """Seconds until `next` may have something new without anything happening; infinity if only an event can help."""
        if not self._open:
            return float("inf")
        if now_s < self._paused_until_s:
            return self._paused_until_s - now_s
        moments = [flight.due_s for flight in self._flights.values()]
        if self._history or self._resends:
            moments.append(max(self._history_from_s, self._tokens_at_s + (1 - self._tokens) / self._limits.backfill_per_s))
        future = [moment - now_s for moment in moments if moment > now_s]
        return min(future, default=float("inf"))

    def _late(self, now_s: float) -> int | None:
        """The flight whose receipt is overdue longest."""
        due = [(flight.due_s, position) for position, flight in self._flights.items() if flight.due_s <= now_s]
        return min(due)[1] if due else None

    def _next_history(self) -> Want | None:
        while self._history:
            after, upto = self._history[0]
            after = _past(self._also.values(), after)
            if after < upto:
                self._history[0] = (after, upto)
                return Want(Lane.HISTORY, after, upto)
            self._history.pop(0)
        return None

    def _advance(self, lane: Lane, position: int) -> None:
        if lane is Lane.LIVE:
            self._live_after = max(self._live_after, position)
        elif lane is Lane.RESEND:
            upto = self._resends[0][1]
            self._resends[:1] = [(position + 1, upto)] if position < upto else []
        elif self._history:
            self._history[0] = (position, self._history[0][1])

    def _may_backfill(self, now_s: float) -> bool:
        """Refill the bucket; history also waits for the retained receipt, so that a reconnect does not send what central has."""
        limits = self._limits
        self._tokens = min(float(limits.backfill_burst), self._tokens + (now_s - self._tokens_at_s) * limits.backfill_per_s)
        self._tokens_at_s = now_s
        return self._tokens >= 1 and (now_s >= self._history_from_s or bool(self._resends))


def _backed_off(first_s: float, tries: int, most_s: float) -> float:
    return min(most_s, first_s * float(1 << min(tries, _MAX_DOUBLINGS)))


def _contains(intervals: Iterable[Interval], position: int) -> bool:
    return any(first <= position <= last for first, last in intervals)


def _past(groups: Iterable[Sequence[Interval]], after: int) -> int:
    """The end of the interval that begins right behind `after`, or `after` itself."""
    moved = True
    while moved:
        ends = [last for group in groups for first, last in group if first <= after + 1 <= last]
        moved = bool(ends)
        after = max(ends, default=after)
    return after


def _joined(intervals: list[Interval]) -> list[Interval]:
    """Neighbours made one; too many made one that spans all."""
    result: list[Interval] = []
    for after, upto in intervals:
        if result and result[-1][1] >= after:
            result[-1] = (result[-1][0], max(upto, result[-1][1]))
        else:
            result.append((after, upto))
    return result if len(result) <= _MAX_HISTORY else [(result[0][0], result[-1][1])]

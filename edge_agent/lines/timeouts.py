"""How long to wait for a meter: learned from the reply delays it has shown (Td). Pure.

The first byte may take twice the 99th percentile of the delays seen last, within 200..1000 ms; until enough were seen, what the profile says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

TD_MAX_S = 0.5  # DL/T 645: a meter answers within 500 ms; a reply that comes later than we waited comes before this
LEAST_S, MOST_S = 0.2, 1.0
ENOUGH = 8  # delays seen before they are believed
KEPT = 128


class ReplyDelays:
    """The last delays of one meter. Bounded: the oldest is forgotten."""

    def __init__(self) -> None:
        self._seen: deque[float] = deque(maxlen=KEPT)
        self._missed = False

    def answered(self, td_s: float) -> None:
        """Note a measured delay between the request's last bit and the reply's first."""
        self._seen.append(td_s)
        self._missed = False

    def missed(self) -> None:
        """Note a time-out: the next try gets the profile's full time, because the learned one may have been too short."""
        self._missed = True

    def median_ms(self) -> int | None:
        """The usual delay; None before an answer was timed. May be called while another thread notes delays."""
        seen = tuple(self._seen)
        return round(1000 * percentile(seen, 0.5)) if seen else None

    def first_byte_s(self, profile_s: float) -> float:
        """How long the next reply's first byte may take. `profile_s`: the profile's answer while nothing is learned."""
        if self._missed or len(self._seen) < ENOUGH:
            return profile_s
        return min(MOST_S, max(LEAST_S, 2 * percentile(self._seen, 0.99)))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(0, min(len(ordered), rank) - 1)]

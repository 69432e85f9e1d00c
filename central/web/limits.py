"""How many requests one asker may make: a bucket that fills steadily, for each session, token or address. Pure but for the clock it is given.

Counted a process; two processes let through twice as much, which is no harm: this keeps one broken script from taking the console from everybody.
Tries to sign in have stricter limits of their own (central.identity.throttle).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

MAX_KEYS = 20_000  # beyond that the one not heard of for longest is forgotten, that is, its bucket is full again


@dataclass
class Buckets:
    """`per_s` requests a second on average, `burst` at once."""

    per_s: float
    burst: int
    clock: Callable[[], float]
    _levels: OrderedDict[bytes, tuple[float, float]] = field(default_factory=OrderedDict)  # key -> (left, at)

    def wait_s(self, key: bytes) -> float:
        """Take one request out of the key's bucket: 0, or the seconds until there is one again."""
        now = self.clock()
        left, at = self._levels.pop(key, (float(self.burst), now))
        left = min(float(self.burst), left + max(0.0, now - at) * self.per_s)
        allowed = left >= 1
        self._levels[key] = (left - 1 if allowed else left, now)
        if len(self._levels) > MAX_KEYS:
            self._levels.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self.per_s


@dataclass(frozen=True)
class Limits:
    """What one asker and one address may do: an address may be a whole campus behind one gateway, an asker can be made up anew for every request."""

    asker: Buckets
    address: Buckets

    def wait_s(self, asker_key: bytes, address: str) -> float:
        """Seconds to wait; 0 lets the request in."""
        return max(self.address.wait_s(address.encode()), self.asker.wait_s(asker_key))


ADDRESS_TIMES = 20  # how many askers' worth one address has


def build_limits(per_s: float, burst: int, clock: Callable[[], float]) -> Limits:
    """Limits of one process."""
    return Limits(Buckets(per_s, burst, clock), Buckets(per_s * ADDRESS_TIMES, burst * ADDRESS_TIMES, clock))


def asker(headers: Mapping[str, str], cookies: str, address: str) -> bytes:
    """Who asks, as a digest: a bearer token, a session, else the address. Unproven: it says whose bucket, not who."""
    bearer = headers.get("authorization", "")
    session = next((part.strip() for part in cookies.split(";") if "ce_session=" in part), "")
    return hashlib.sha256((bearer or session or f"address {address}").encode()).digest()[:16]

"""How fast logins may be tried: growing delays per name and address, then a lock. Names are counted whether or not they exist."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from central.db.pool import Connection
from central.db.statements import load_statements

_SQL = load_statements("central.identity")
WINDOW_S = 900.0  # a key with no try for this long starts again from zero
LOCK_S = 900.0


@dataclass(frozen=True, slots=True)
class Limit:
    """After `delay_after` tries each further one waits 1, 2, 4 ... seconds; from `lock_after` on it waits LOCK_S."""

    delay_after: int
    lock_after: int


# A name alone locks late, so that a stranger cannot keep a colleague out from elsewhere with five wrong tries.
PAIR = Limit(delay_after=3, lock_after=5)
NAME = Limit(delay_after=15, lock_after=20)
ADDRESS = Limit(delay_after=30, lock_after=30)


@dataclass(frozen=True, slots=True)
class Keys:
    """What one try is counted under, as digests: what people type into a name field is sometimes a password."""

    pair: bytes
    name: bytes
    address: bytes

    def limits(self) -> list[tuple[bytes, Limit]]:
        """In one fixed order, so that two tries never wait for each other's rows crosswise."""
        return sorted([(self.pair, PAIR), (self.name, NAME), (self.address, ADDRESS)], key=lambda pair: pair[0])


def keys(name: str, address: str) -> Keys:
    """The keys of a try for `name` (already folded) from `address`."""

    def key(*parts: str) -> bytes:
        return hashlib.sha256("\0".join(parts).encode()).digest()

    return Keys(key("pair", name, address), key("name", name), key("address", address))


def wait_s(limit: Limit, tries: int) -> float:
    """Seconds until the next try after this many in a row."""
    if tries >= limit.lock_after:
        return LOCK_S
    return float(2 ** (tries - limit.delay_after)) if tries >= limit.delay_after else 0.0


def count_try(conn: Connection, tried: Keys, now: float) -> float:
    """Count a try before its password is looked at; return 0, or the seconds to wait when it must not be looked at.

    Counting first means a burst of parallel tries is no faster than a row of single ones. A refused try is not counted again.
    """
    limits = tried.limits()
    row = conn.execute(_SQL["login_wait"], {"key_digests": [key for key, _ in limits], "now": now}).fetchone()
    if row and row[0] > 0:
        return float(row[0])
    refused = [_count(conn, key, limit, now) for key, limit in limits]
    conn.execute(_SQL["forget_logins"], {"now": now, "window_s": WINDOW_S})
    return LOCK_S if any(refused) else 0.0


def _count(conn: Connection, key: bytes, limit: Limit, now: float) -> bool:
    """Whether this try came past the lock, which only a burst that overtook its own count can do."""
    counted = conn.execute(_SQL["count_login"], {"key_digest": key, "now": now, "window_s": WINDOW_S}).fetchone()
    tries = int(counted[0]) if counted else 1
    pause = wait_s(limit, tries)
    if pause:
        conn.execute(_SQL["hold_login"], {"key_digest": key, "now": now, "wait_s": pause})
    return tries > limit.lock_after


def clear(conn: Connection, tried: Keys, now: float) -> None:
    """The password was right: forget the name's tries and take this one off the address."""
    conn.execute(_SQL["clear_login"], {"key_digests": [tried.pair, tried.name]})
    conn.execute(_SQL["uncount_login"], {"key_digest": tried.address, "now": now})

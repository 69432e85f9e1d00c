"""Seals over the audit: every stretch of rows gets a digest that covers the seal before it, so that a row taken out or changed is noticed.

A trigger refuses changes to everybody but a superuser who switches it off; the seals are for that case. Rows are sealed when no transaction that
started before them can still be open. Each seal also stands in the log, beyond the database's reach.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from central.db.pool import Connection, Pool
from central.db.statements import load_statements, rows

log = logging.getLogger(__name__)
_SQL = load_statements("central.identity")
SEAL_EVERY_S = 900.0
SETTLED_S = 900.0  # statements end after 30 s, idle transactions after 60 s; imports are the longest
MAX_ROWS = 10_000  # in one seal; more follow in the next turn
_START = b"campus-energy audit"


@dataclass(frozen=True, slots=True)
class Seal:
    """One sealed stretch of the audit."""

    first_id: int
    last_id: int
    rows: int
    digest: bytes
    sealed_at: datetime


@dataclass(frozen=True, slots=True)
class Breach:
    """A stretch that is not what was sealed: `rows` now against `sealed_rows` then."""

    first_id: int
    last_id: int
    rows: int
    sealed_rows: int


class AuditRounds:
    """The leader's part: a seal every SEAL_EVERY_S while there is something to seal."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sealed_at = float("-inf")

    def turn(self, pool: Pool) -> None:
        """Seal when due."""
        now = self._clock()
        if now - self._sealed_at < SEAL_EVERY_S:
            return
        with pool.connection() as conn:
            more = seal_rows(conn, now) == MAX_ROWS
        if not more:
            self._sealed_at = now


def seal_rows(conn: Connection, now: float) -> int:
    """Seal the settled rows behind the newest seal, at most MAX_ROWS; return how many. `now`: Unix seconds."""
    newest = conn.execute(_SQL["newest_seal"]).fetchone()
    after, previous = (int(newest[0]), bytes(newest[1])) if newest else (0, _START)
    end = conn.execute(_SQL["seal_end"], {"after": after, "before": now - SETTLED_S, "limit": MAX_ROWS}).fetchone()
    if end is None or end[0] is None:
        return 0
    first, last = after + 1, int(end[0])
    count, digest = _digest(conn, first, last, previous)
    conn.execute(_SQL["add_seal"], {"first": first, "last": last, "rows": count, "digest": digest, "now": now})
    log.info("audit sealed up to id=%d rows=%d digest=%s", last, count, digest.hex())
    return count


def check_seals(conn: Connection) -> tuple[int, Sequence[Breach]]:
    """How many rows are sealed, and every stretch that does not agree with its seal or does not follow the one before."""
    breaches, sealed, previous, expected = [], 0, _START, 1
    for seal in rows(conn, _SQL["seals"], Seal):
        count, digest = _digest(conn, seal.first_id, seal.last_id, previous)
        if (count, digest, expected) != (seal.rows, bytes(seal.digest), seal.first_id):
            breaches.append(Breach(seal.first_id, seal.last_id, count, seal.rows))
        sealed, previous, expected = sealed + seal.rows, bytes(seal.digest), seal.last_id + 1
    return sealed, breaches


def _digest(conn: Connection, first: int, last: int, previous: bytes) -> tuple[int, bytes]:
    row = conn.execute(_SQL["stretch_digest"], {"first": first, "last": last, "previous": previous}).fetchone()
    return (int(row[0]), bytes(row[1])) if row else (0, b"")

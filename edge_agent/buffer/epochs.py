"""Epochs of an outbox: each file writes under one epoch of its own, and keeps what earlier ones left unsent."""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass

from edge_agent.buffer.database import EPOCH_SHIFT

_RANDOM_BITS = 20  # with 33 bits of seconds this makes 53, which every JSON reader keeps exact


@dataclass(slots=True)
class Epoch:
    """One epoch this outbox holds rows of. `acked`, `last`: highest seq central has acked, and highest ever stored.

    `acked_ms`: when it was; `marked`: the receipt on disk, which must outlive its rows because the next seq is counted from it.
    """

    ordinal: int
    epoch: int
    generation: int
    acked: int = 0
    last: int = 0
    acked_ms: int = 0
    marked: int = 0

    def position(self, seq: int) -> int:
        """Where a seq of this epoch stands in the outbox."""
        return self.ordinal << EPOCH_SHIFT | seq


def seq_of(position: int) -> int:
    """The seq a position stands for."""
    return position & (1 << EPOCH_SHIFT) - 1


def new_epoch(now_ms: int) -> int:
    """A number no other outbox has: seconds in the high bits, chance in the low ones. The clock may be wrong; chance still separates."""
    return max(1, now_ms // 1000 % (1 << 33) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS))


def load(connection: sqlite3.Connection) -> list[Epoch]:
    """Every epoch held, in send order."""
    rows = connection.execute("SELECT ordinal, epoch, generation FROM epoch ORDER BY ordinal").fetchall()
    return [_with_marks(connection, Epoch(*row)) for row in rows]


def insert(connection: sqlite3.Connection, epoch: Epoch, gateway: str, now_ms: int) -> None:
    """Write an epoch down, inside the caller's transaction."""
    connection.execute("INSERT INTO epoch VALUES (?, ?, ?, ?, ?)", (epoch.ordinal, epoch.epoch, epoch.generation, gateway, now_ms))


def _with_marks(connection: sqlite3.Connection, epoch: Epoch) -> Epoch:
    """Fill `acked` and `last`. Rows purged after their receipt leave the receipt behind, so a seq is never used twice."""
    epoch.acked = epoch.marked = connection.execute("SELECT coalesce(max(seq), 0) FROM ack WHERE ordinal = ?", (epoch.ordinal,)).fetchone()[0]
    newest = connection.execute(
        "SELECT max(position) FROM batch WHERE position BETWEEN ? AND ?", (epoch.position(0), epoch.position((1 << EPOCH_SHIFT) - 1))
    ).fetchone()[0]
    epoch.last = max(epoch.acked, seq_of(newest or 0))
    return epoch

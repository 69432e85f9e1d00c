"""The leader's part in storage: raise the horizon, pack a bounded piece each round, tidy chunks, keep to retention."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from central.db.editions import Edition, detect
from central.db.pool import Connection, Pool
from central.settings import StorageSettings
from central.storage.chunks import tidy_chunks
from central.storage.horizon import raise_horizon
from central.storage.pack import Packer
from central.storage.retain import retain
from protocol.errors import StorageError

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 3600.0
_ROUND_READINGS = 100_000  # a second or two: the leader has more to do


@dataclass(slots=True)
class StorageRounds:
    """What is remembered between rounds. `monotonic`: seconds that only rise."""

    settings: StorageSettings
    clock: Callable[[], float]
    monotonic: Callable[[], float] = time.monotonic
    _packer: Packer = field(default_factory=Packer)
    _horizon_ms: int = 0
    _look_at: float = 0.0
    _packing: bool = False

    def turn(self, pool: Pool) -> int:
        """One round; returns how many readings were packed. Raises DatabaseError, after which the next round goes on where this one was."""
        with pool.connection() as conn:
            if not self._packing and self.monotonic() >= self._look_at:
                self._look(conn)
            if not self._packing:
                return 0
            packed = self._packer.turn(conn, self._horizon_ms, lambda done: done >= _ROUND_READINGS)
            if not self._packer:
                self._packing = False
                _tidy(conn, self._horizon_ms)
            return packed

    def _look(self, conn: Connection) -> None:
        """What is to be done, once an hour."""
        now_ms = int(self.clock() * 1000)
        self._horizon_ms, waiting = look(conn, self.settings, self._packer, now_ms)
        self._look_at = self.monotonic() + _LOOK_EVERY_S
        self._packing = True
        if waiting:
            log.info("%d devices have readings to pack", waiting)
        removed = retain(conn, now_ms, self.settings.keep_months, "retention")
        if removed.readings:
            log.info("retention removed %d readings", removed.readings)


def look(conn: Connection, settings: StorageSettings, packer: Packer, now_ms: int) -> tuple[int, int]:
    """Raise the horizon and fill the packer; returns the horizon and how many devices wait. The Community edition compresses instead of packing."""
    horizon_ms = raise_horizon(conn, now_ms, settings.hot_days)
    with conn.transaction():
        packs = detect(conn) is not Edition.TIMESCALE_COMMUNITY
    return horizon_ms, packer.refill(conn, horizon_ms) if packs else 0


def pack_all(conn: Connection, settings: StorageSettings, now_ms: int) -> int:
    """Pack, or compress, everything before the horizon now; returns how many readings were packed."""
    packer = Packer()
    horizon_ms, _ = look(conn, settings, packer, now_ms)
    packed = packer.turn(conn, horizon_ms, lambda _: False)
    _tidy(conn, horizon_ms)
    return packed


def _tidy(conn: Connection, horizon_ms: int) -> None:
    with conn.transaction():
        edition = detect(conn)
    try:
        tidy_chunks(conn, edition, horizon_ms)
    except StorageError as error:
        log.error("%s", error)

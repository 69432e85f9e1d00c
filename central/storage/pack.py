"""Packing: readings before the horizon move from their rows into blocks, nothing lost, nothing changed.

One transaction takes the devices of a group for one week: read the rows and what is packed of that week already (late readings join their block),
encode, write, read back the way every reader does, compare, delete the rows. A count that does not match ends the transaction with StorageError and
everything stays as it was. Killed anywhere, the next round finds what is left.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

import numpy as np

from central.db.copy import copy_out
from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from central.ingest.pack import Rows, concatenate, unpack
from central.storage.block import WEEK_MS, Block, encode
from protocol.errors import StorageError

log = logging.getLogger(__name__)

_SQL = load_statements("central.storage")
_DEVICES = 16  # a transaction: some 100,000 readings of a week, a second or less


@dataclass(frozen=True, slots=True)
class Waiting:
    """A device with readings to pack, and the oldest of them."""

    device: str
    oldest_ms: int


@dataclass(frozen=True, slots=True)
class _Series:
    id: int
    device: str


@dataclass(slots=True)
class Packer:
    """Goes through what waits, a bounded piece a round; what waits is asked for again when the list is done. At most one entry a device."""

    _waiting: deque[tuple[int, list[str]]] = field(default_factory=deque)

    def refill(self, conn: Connection) -> int:
        """Look for devices with readings before the horizon; returns how many."""
        with conn.transaction():
            found = rows(conn, _SQL["waiting"], Waiting)
        groups = [found[first : first + _DEVICES] for first in range(0, len(found), _DEVICES)]
        self._waiting = deque((min(one.oldest_ms for one in group) // WEEK_MS * WEEK_MS, [one.device for one in group]) for group in groups)
        return len(found)

    def turn(self, conn: Connection, packed_before_ms: int, enough: Callable[[int], bool]) -> int:
        """Pack groups and weeks until there are none or `enough(readings so far)`; returns how many readings were packed."""
        packed = 0
        while self._waiting and not enough(packed):
            week_ms, devices = self._waiting.popleft()
            if week_ms >= packed_before_ms:
                continue
            self._waiting.appendleft((week_ms + WEEK_MS, devices))
            try:
                packed += pack_week(conn, devices, week_ms)
            except StorageError as error:
                log.error("%s", error)  # the week stays as it is, the next look at what waits tries it again
        return packed


def pack_week(conn: Connection, devices: Sequence[str], week_ms: int) -> int:
    """Pack what these devices have of one week in one transaction; returns how many rows became parts of blocks. Raises StorageError."""
    with conn.transaction():
        run(conn, _SQL["hold_packing"])
        owner = {one.id: one.device for one in rows(conn, _SQL["series_of"], _Series, devices=list(devices))}
        hot = _read(conn, "read_hot", list(owner), week_ms)
        if not len(hot):
            return 0
        touched = {owner[one] for one in np.unique(hot.series_id).tolist()}
        ids = [one for one, device in owner.items() if device in touched]
        merged = _sorted(concatenate([hot, _read(conn, "read_packed", ids, week_ms)]))
        _replace(conn, [block for device in sorted(touched) for block in encode(_of(merged, owner, device))], ids, week_ms)
        _expect(_sorted(_read(conn, "read_packed", ids, week_ms)), merged, week_ms)
        deleted = run(conn, _SQL["delete_hot"], ids=ids, from_ms=week_ms, to_ms=week_ms + WEEK_MS)
        if deleted != len(hot):
            raise StorageError(f"{_where(week_ms)}: read {len(hot)} rows, deleted {deleted}; all is as it was. Who writes beside ingest?")
        run(conn, _SQL["note_packed"], readings=deleted)
        return deleted


def _read(conn: Connection, statement: str, ids: Sequence[int], week_ms: int) -> Rows:
    return unpack(copy_out(conn, _SQL[statement], {"ids": list(ids), "from_ms": week_ms, "to_ms": week_ms + WEEK_MS}))


def _replace(conn: Connection, blocks: Iterable[Block], ids: Sequence[int], week_ms: int) -> None:
    run(conn, _SQL["delete_blocks"], ids=ids, week_ms=week_ms)
    with conn.cursor() as cursor:
        cursor.executemany(_SQL["insert_block"], [{**asdict(block), "readings": block.readings} for block in blocks])


def _sorted(one: Rows) -> Rows:
    order = np.lexsort((one.measured_at_ms, one.series_id))
    return Rows(*(column[order] for column in (one.series_id, one.measured_at_ms, one.value, one.quality)))


def _of(one: Rows, owner: Mapping[int, str], device: str) -> Rows:
    return one.where(np.isin(one.series_id, [series for series, name in owner.items() if name == device]))


def _expect(found: Rows, expected: Rows, week_ms: int) -> None:
    pairs = ((one.series_id, one.measured_at_ms, one.value, one.quality) for one in (found, expected))
    if not all(np.array_equal(left, right) for left, right in zip(*pairs, strict=True)):
        raise StorageError(f"{_where(week_ms)}: what was packed reads back otherwise ({len(expected)} in, {len(found)} out); all is as it was")


def _where(week_ms: int) -> str:
    return f"packing the week of {datetime.fromtimestamp(week_ms / 1000, UTC):%Y-%m-%d}"

"""Packing: readings before the horizon move from their rows into blocks, nothing lost, nothing changed.

One transaction takes the devices of a group for one week: read the rows and what is packed of that week already (late readings join their block),
encode, write, read back the way every reader does, compare, delete the rows. A count that does not match ends the transaction with StorageError and
everything stays as it was. Killed anywhere, the next round finds what is left.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from central.ingest.pack import Rows, concatenate
from central.storage.block import WEEK_MS, Block, encode, instant
from protocol.errors import StorageError

log = logging.getLogger(__name__)

_SQL = load_statements("central.storage")
_RECORD = np.dtype([("s", ">i8"), ("t", ">i8"), ("v", ">i8"), ("q", ">i2")])  # as the database sends bigint, timestamptz (us since 2000), smallint
_EPOCH_2000_MS = 946_684_800_000
_DEVICES = 16  # a transaction: some 100,000 readings of a week, a second or less


@dataclass(frozen=True, slots=True)
class _Device:
    device: str


@dataclass(frozen=True, slots=True)
class _Oldest:
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class _Series:
    id: int
    device: str


@dataclass(slots=True)
class Packer:
    """Goes through what waits, a bounded piece a round; what waits is asked for again when the list is done. At most one entry a device."""

    _waiting: deque[list[str]] = field(default_factory=deque)

    def __bool__(self) -> bool:
        """Whether anything is left on the list."""
        return bool(self._waiting)

    def refill(self, conn: Connection, before_ms: int) -> int:
        """Look for devices with readings before an instant; returns how many."""
        with conn.transaction():
            found = rows(conn, _SQL["waiting"], _Device, before_at=instant(before_ms))
        self._waiting = deque([one.device for one in found[first : first + _DEVICES]] for first in range(0, len(found), _DEVICES))
        return len(found)

    def turn(self, conn: Connection, before_ms: int, enough: Callable[[int], bool]) -> int:
        """Pack week after week of each group until there is nothing or `enough(readings so far)`; returns how many readings were packed."""
        packed = 0
        while self._waiting and not enough(packed):
            group, now = self._waiting.popleft(), 0  # off the list first: a group that fails is for the next list, others go on
            try:
                week_ms = _oldest_week(conn, group, before_ms)
                now = pack_week(conn, group, week_ms) if week_ms is not None else 0
            except StorageError as error:
                log.error("%s", error)
            if now:
                self._waiting.appendleft(group)
            packed += now
        return packed


def _oldest_week(conn: Connection, devices: Sequence[str], before_ms: int) -> int | None:
    with conn.transaction():
        (oldest,) = rows(conn, _SQL["oldest_of"], _Oldest, devices=list(devices), before_at=instant(before_ms))
    return None if oldest.at_ms is None else oldest.at_ms // WEEK_MS * WEEK_MS


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
        deleted = run(conn, _SQL["delete_hot"], ids=ids, **_week(week_ms))
        if deleted != len(hot):
            raise StorageError(f"{_where(week_ms)}: read {len(hot)} rows, deleted {deleted}; all is as it was. Who writes beside ingest?")
        run(conn, _SQL["note_packed"], readings=deleted)
        return deleted


def _read(conn: Connection, statement: str, ids: Sequence[int], week_ms: int) -> Rows:
    """Rows as one value of fixed-width records: a COPY would hand over each row by itself."""
    row = conn.execute(_SQL[statement], {"ids": list(ids), **_week(week_ms)}, binary=True).fetchone()
    packed = np.frombuffer(bytes(row[0]) if row and row[0] is not None else b"", _RECORD)
    at_ms = packed["t"].astype(np.int64) // 1000 + _EPOCH_2000_MS
    return Rows(packed["s"].astype(np.int64), at_ms, packed["v"].astype(np.int64), packed["q"].astype(np.int64))


def _replace(conn: Connection, blocks: Iterable[Block], ids: Sequence[int], week_ms: int) -> None:
    run(conn, _SQL["delete_blocks"], ids=ids, week_at=instant(week_ms))
    with conn.cursor() as cursor:
        cursor.executemany(_SQL["insert_block"], [{**block.columns(), "readings": block.readings} for block in blocks])


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
    return f"packing the week of {instant(week_ms):%Y-%m-%d}"


def _week(week_ms: int) -> dict[str, datetime]:
    return {"from_at": instant(week_ms), "to_at": instant(week_ms + WEEK_MS)}

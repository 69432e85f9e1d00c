"""Retention: raw readings older than some months are removed, once their months are closed and never before two years have passed.

What was computed from them (days, months, closed figures) stays. Nothing is removed unless a person set `keep_months`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime

from central.db.pool import Connection
from central.db.statements import load_statements, one, run
from central.identity.audit import record
from central.storage.block import WEEK_MS, instant

_SQL = load_statements("central.storage")
FLOOR_MONTHS = 24
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Removal:
    """What retention would remove, or did: readings before `before_ms` (None: none), packed ones by block, others one by one."""

    before_ms: int | None
    blocks: int = 0
    readings: int = 0


@dataclass(frozen=True, slots=True)
class _Blocks:
    blocks: int
    readings: int


def plan_retention(conn: Connection, now_ms: int, keep_months: int) -> Removal:
    """The dry run: what `retain` would remove now."""
    with conn.transaction():
        before_ms = _cutoff(conn, now_ms, keep_months)
        if before_ms is None:
            return Removal(None)
        blocks = one(conn, _SQL["count_blocks_before"], _Blocks, "no count", before_at=instant(before_ms))
        row = conn.execute(_SQL["count_readings_before"], {"before_at": instant(before_ms)}).fetchone()
        return Removal(before_ms, blocks.blocks, blocks.readings + (int(row[0]) if row else 0))


def retain(conn: Connection, now_ms: int, keep_months: int, actor: str) -> Removal:
    """Remove what is due, with an audit row when there was any, in one transaction. Ingest refuses what arrives for the time removed."""
    with conn.transaction():
        before_ms = _cutoff(conn, now_ms, keep_months)
        if before_ms is None:
            return Removal(None)
        run(conn, _SQL["hold_packing"])
        run(conn, _SQL["stop_writers"])
        blocks = one(conn, _SQL["delete_blocks_before"], _Blocks, "no count", before_at=instant(before_ms))
        removed = Removal(before_ms, blocks.blocks, blocks.readings)
        removed = replace(removed, readings=removed.readings + run(conn, _SQL["delete_readings_before"], before_at=instant(before_ms)))
        run(conn, _SQL["raise_kept_from"], before_at=instant(before_ms))
        if removed.readings:
            record(conn, actor, "storage.retain", "reading", {**asdict(removed), "keep_months": keep_months})
        return removed


def cutoff_ms(today: date, keep_months: int, newest_closed: date | None, oldest_unclosed: date | None) -> int | None:
    """Before when readings may go, a whole week: older than both limits, every month before it closed; None where nothing may. Pure.

    Months are local, weeks are not: the day before the month's begin is out of it in every time zone.
    """
    if keep_months == 0 or newest_closed is None:
        return None
    months = [_months_later(today.replace(day=1), -max(keep_months, FLOOR_MONTHS)), _months_later(newest_closed, 1)]
    first = min([*months, *([oldest_unclosed] if oldest_unclosed else [])])
    at_ms = int(datetime(first.year, first.month, 1, tzinfo=UTC).timestamp() * 1000) - _DAY_MS
    return at_ms // WEEK_MS * WEEK_MS


def _cutoff(conn: Connection, now_ms: int, keep_months: int) -> int | None:
    closed, unclosed = (conn.execute(_SQL[name]).fetchone() for name in ("newest_closed", "oldest_unclosed"))
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    return cutoff_ms(today, keep_months, closed[0] if closed else None, unclosed[0] if unclosed else None)


def _months_later(month: date, count: int) -> date:
    number = month.year * 12 + month.month - 1 + count
    return date(number // 12, number % 12 + 1, 1)

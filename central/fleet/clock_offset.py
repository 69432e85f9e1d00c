"""How wrong gateways' clocks are: measured by their health reports, kept as intervals of their own stamps, told when it matters.

A health report says the gateway's time and is never stored on its way, so what lies between it and its arrival is the clock's error less some
transit. One report proves nothing; three in a row that agree do. Readings keep the stamps they were sent with; who sums them asks `offsets_of`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median_low

import orjson

from central.consumption.clock import Offset
from central.consumption.dirty import note_dirty
from central.db.pool import Connection
from central.db.statements import load_statements, one, rows, run

log = logging.getLogger(__name__)

_SQL = load_statements("central.fleet")
REPORT_EVERY_MS = 60_000
CORRECT_FROM_MS = 60_000  # smaller errors move a reading by less than the boundaries of consumption can tell
AGREE_MS = 30_000
ALARM_MS = 300_000
AGREEING = 3
KEEP = AGREEING + 1  # and the one before them, which tells where the change lies


@dataclass(frozen=True, slots=True)
class Report:
    """One health report: the gateway's stamp, and how far that is ahead of the time it arrived."""

    at_ms: int
    offset_ms: int


@dataclass(frozen=True, slots=True)
class Change:
    """The open interval ends at `close_ms` (None: there is none to end), and `opens` begins (None: the clock is right again)."""

    close_ms: int | None
    opens: Offset | None


def judge(reports: Sequence[Report], current: Offset | None) -> Change | None:
    """What the newest reports (oldest first) change; None: nothing. Pure.

    Where stamps from before and after a change overlap (a clock was set back) none of them is corrected: which is which cannot be told.
    """
    found = settled(reports)
    if found is None or (current is not None and abs(found - current.offset_ms) <= AGREE_MS):
        return None
    wrong = abs(found) >= CORRECT_FROM_MS
    if current is None and not wrong:
        return None
    first = reports[-AGREEING]
    before = reports[-KEEP] if len(reports) >= KEEP else None
    begin_ms = first.at_ms - REPORT_EVERY_MS
    end_ms = begin_ms if before is None else min(begin_ms, before.at_ms + REPORT_EVERY_MS)
    if before is not None:
        begin_ms = max(begin_ms, before.at_ms + 1)
    return Change(end_ms if current is not None else None, Offset(begin_ms, None, found) if wrong else None)


def settled(reports: Sequence[Report]) -> int | None:
    """The offset the last three reports agree on; None while they do not. Pure."""
    offsets = [report.offset_ms for report in reports[-AGREEING:]]
    return median_low(offsets) if len(offsets) == AGREEING and max(offsets) - min(offsets) <= AGREE_MS else None


def note_report(conn: Connection, gateway: str, at_ms: int, arrived_ms: int) -> None:
    """Take the time a gateway told in a health report that arrived at `arrived_ms` of our own clock."""
    known = one(conn, _SQL["clock_state"], _Clock, f"gateway {gateway!r} never said anything", gateway=gateway)
    reports = [*(Report(*pair) for pair in known.reports), Report(at_ms, at_ms - arrived_ms)][-KEEP:]
    told = orjson.dumps([[report.at_ms, report.offset_ms] for report in reports]).decode()
    run(conn, _SQL["note_clock"], gateway=gateway, offset_ms=reports[-1].offset_ms, reports=told)
    current = next(iter(rows(conn, _SQL["open_offset"], Offset, gateway=gateway)), None)
    if change := judge(reports, current):
        _apply(conn, gateway, current, change)
    _mind_alarm(conn, gateway, settled(reports), known.alarmed, arrived_ms)


def offsets_of(conn: Connection, gateways: Collection[str], from_ms: int, to_ms: int) -> Mapping[str, tuple[Offset, ...]]:
    """Intervals in which stamps of these gateways are wrong and that touch from_ms <= stamp < to_ms, in order; right clocks have no entry."""
    found: dict[str, list[Offset]] = defaultdict(list)
    for row in rows(conn, _SQL["offsets"], _GatewayOffset, gateways=list(gateways), from_ms=from_ms, to_ms=to_ms):
        found[row.gateway].append(Offset(row.from_ms, row.until_ms, row.offset_ms))
    return {gateway: tuple(offsets) for gateway, offsets in found.items()}


@dataclass(frozen=True, slots=True)
class _Clock:
    reports: list[list[int]]
    alarmed: bool


@dataclass(frozen=True, slots=True)
class _GatewayOffset:
    gateway: str
    from_ms: int
    until_ms: int | None
    offset_ms: int


@dataclass(frozen=True, slots=True)
class _Point:
    point: str


def _apply(conn: Connection, gateway: str, current: Offset | None, change: Change) -> None:
    """Write the change and have consumption computed again from where stamps mean something else now."""
    touched = []
    if current is not None and change.close_ms is not None:
        run(conn, _SQL["close_offset" if change.close_ms > current.from_ms else "drop_offset"], gateway=gateway, to_ms=change.close_ms)
        close_ms = max(current.from_ms, change.close_ms)
        touched += [close_ms, close_ms - current.offset_ms]
    if change.opens is not None:
        run(conn, _SQL["begin_offset"], gateway=gateway, from_ms=change.opens.from_ms, offset_ms=change.opens.offset_ms)
        touched += [change.opens.from_ms, change.opens.from_ms - change.opens.offset_ms]
    points = [row.point for row in rows(conn, _SQL["points_of_gateway"], _Point, gateway=gateway)]
    note_dirty(conn, points, datetime.fromtimestamp(min(touched) / 1000, UTC), None, "clock offset of the gateway")
    offset_ms = change.opens.offset_ms if change.opens else 0
    log.warning("%s: clock is %+.0f s off since %s; readings are counted by corrected time", gateway, offset_ms / 1000, min(touched))


def _mind_alarm(conn: Connection, gateway: str, found: int | None, alarmed: bool, now_ms: int) -> None:
    if found is None or (abs(found) > ALARM_MS) == alarmed:
        return
    run(conn, _SQL["clear_clock_alarm" if alarmed else "raise_clock_alarm"], gateway=gateway, now_ms=now_ms)
    if alarmed:
        code, severity, message = "gateway.clock_right", "info", f"the clock of gateway {gateway} is within {ALARM_MS // 60_000} minutes again"
    else:
        code, severity = "gateway.clock_drift", "warning"
        message = f"the clock of gateway {gateway} is {found / 1000:+.0f} s off; see to its time service, readings are counted by corrected time"
    data = orjson.dumps({"offset_ms": found}).decode()
    run(conn, _SQL["raise_event"], gateway=gateway, at_ms=now_ms, code=code, severity=severity, message=message, data=data)

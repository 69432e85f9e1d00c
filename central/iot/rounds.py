"""The leader's part: who has fallen silent or is heard again, commands nobody confirmed, reports whose meter is known now, what is old."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from central.db.pool import Connection, Pool
from central.db.statements import load_statements, rows, run
from central.ingest.store import append_events
from central.iot.adopt import adopt
from central.iot.commands import expire_commands
from central.iot.signature import WINDOW_S
from central.iot.windows import SILENT_AFTER_REPORTS
from protocol.messages import Event

log = logging.getLogger(__name__)

_SQL = load_statements("central.iot")
_EVERY_S = 30.0
_AT_ONCE = 1000  # changes a round; those over it wait for the next
_PURGE_AT_ONCE = 5000
_DAY_MS = 86_400_000


@dataclass(slots=True)
class IotRounds:
    """What is remembered between rounds. `clock`: Unix seconds."""

    keep_report_days: int
    clock: Callable[[], float]
    _done_s: float = field(default=float("-inf"))

    def turn(self, pool: Pool) -> None:
        """One turn, if its time has come, in transactions of its own. Raises DatabaseError."""
        now_s = self.clock()
        if abs(now_s - self._done_s) < _EVERY_S:  # abs: the clock may be set back
            return
        self._done_s = now_s
        with pool.connection() as conn:
            mind(conn, int(now_s * 1000), self.keep_report_days)


def mind(conn: Connection, now_ms: int, keep_report_days: int) -> None:
    """Everything once. Old reports go in pieces, counted in the log; what was read from them stays."""
    adopt(conn)
    expire_commands(conn, now_ms)
    tell_silence(conn, now_ms)
    with conn.transaction():
        run(conn, _SQL["purge_nonces"], older_s=3 * WINDOW_S)
        purged = run(conn, _SQL["purge_reports"], before_ms=now_ms - keep_report_days * _DAY_MS, limit=_PURGE_AT_ONCE)
    if purged:
        log.info("purged %d reports older than %d days", purged, keep_report_days)


@dataclass(frozen=True, slots=True)
class _Heard:
    device: str
    last_report_at_ms: int | None


def tell_silence(conn: Connection, now_ms: int) -> int:
    """Raise iot.silent or iot.reporting for meters that changed, once a change; returns how many."""
    asked = {"now_ms": now_ms, "silent_after": SILENT_AFTER_REPORTS, "limit": _AT_ONCE}
    with conn.transaction():
        silent = rows(conn, _SQL["newly_silent"], _Heard, **asked)
        heard = rows(conn, _SQL["newly_reporting"], _Heard, **asked)
        told = [_silent(one, now_ms) for one in silent] + [_reporting(one, now_ms) for one in heard]
        append_events(conn, [(None, position, event) for position, event in enumerate(told)])
    if told:
        log.info("%d meters have fallen silent, %d report again", len(silent), len(heard))
    return len(told)


def _silent(meter: _Heard, now_ms: int) -> Event:
    last = meter.last_report_at_ms
    text = f"no report for {(now_ms - last) // 3_600_000} hours" if last is not None else "it has never reported since it was registered"
    data = {"last_report_at_ms": last or 0}
    return Event(code="iot.silent", at_ms=now_ms, severity="warning", device=meter.device, message=f"{text}: battery, signal, card?", data=data)


def _reporting(meter: _Heard, now_ms: int) -> Event:
    data = {"last_report_at_ms": meter.last_report_at_ms or 0}
    return Event(code="iot.reporting", at_ms=now_ms, severity="info", device=meter.device, message="the meter reports again", data=data)

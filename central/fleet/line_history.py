"""What lines did hour by hour, from counters that rise until the agent starts again.

What was counted between two reports belongs to the hour of the later one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from central.db.pool import Connection
from central.db.statements import load_statements, rows, run
from protocol.messages import Health

_SQL = load_statements("central.fleet")
COUNTERS = ("exchanges", "timeouts", "checksum_errors", "noise_bytes", "useful_bytes", "busy_ms")
LONGEST_S = 3600  # beyond an hour between two reports nobody knows when things were counted; they are not blamed on the last hour
KEEP_DAYS = 400


@dataclass(frozen=True, slots=True)
class LineHour:
    """One hour of one line. `seconds`: how much of it the counters tell of."""

    line: str
    hour: datetime
    exchanges: int
    timeouts: int
    checksum_errors: int
    noise_bytes: int
    useful_bytes: int
    busy_ms: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Rise:
    """What a line counted between two reports, in the order of COUNTERS, and over how many seconds."""

    line: str
    counted: tuple[int, ...]
    seconds: int


def restarted(before: Mapping[str, Any] | None, after: Health) -> bool:
    """Whether the agent started between two reports: it is not as old as it would be."""
    return before is not None and after.uptime_s < before["uptime_s"]


def rises(before: Mapping[str, Any] | None, after: Health) -> Iterator[Rise]:
    """What each line counted since the report before (none: since the agent's start). Counters that fell began anew with the agent or the line."""
    known = {} if before is None or restarted(before, after) else {line["id"]: line for line in before.get("lines") or ()}
    seconds = after.uptime_s if before is None or restarted(before, after) else after.uptime_s - before["uptime_s"]
    if seconds > LONGEST_S:
        return
    for line in after.lines:
        now = tuple(getattr(line, name) for name in COUNTERS)
        then = tuple(known[line.id][name] for name in COUNTERS) if line.id in known else (0,) * len(COUNTERS)
        anew = any(left < right for left, right in zip(now, then, strict=True))
        yield Rise(line.id, now if anew else tuple(left - right for left, right in zip(now, then, strict=True)), seconds)


def note_hour(conn: Connection, gateway: str, before: Mapping[str, Any] | None, after: Health) -> None:
    """Add a health report to the hour it arrived in."""
    facts = {"backlog": after.backlog_batches, "outbox_bytes": after.outbox_bytes, "restarts": int(restarted(before, after))}
    run(conn, _SQL["add_gateway_hour"], gateway=gateway, **facts)
    found = list(rises(before, after))
    columns = {name: [one.counted[position] for one in found] for position, name in enumerate(COUNTERS)}
    run(conn, _SQL["add_line_hours"], gateway=gateway, lines=[one.line for one in found], seconds=[one.seconds for one in found], **columns)


def line_hours(conn: Connection, gateway: str, since: datetime, until: datetime) -> list[LineHour]:
    """A gateway's lines hour by hour, by line and time."""
    return rows(conn, _SQL["line_hours"], LineHour, gateway=gateway, since=since, until=until)


def purge_hours(conn: Connection) -> int:
    """Remove hours older than KEEP_DAYS; returns how many rows."""
    return run(conn, _SQL["purge_line_hours"], days=KEEP_DAYS) + run(conn, _SQL["purge_gateway_hours"], days=KEEP_DAYS)

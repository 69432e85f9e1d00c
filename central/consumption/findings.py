"""Findings: what a computation could not settle by itself. Opened with an event, settled by data that says otherwise, or by a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from central.db.pool import Connection
from central.db.statements import load_statements, one, rows, run
from central.identity.scope import Scope
from central.ingest.store import append_events
from protocol.errors import Conflict
from protocol.messages import Event

_SQL = load_statements("central.consumption")
FILLED = "consumption.filled"
FAILED = "computation.failed"
NEGATIVE = "residual.negative"
CYCLE = "virtual.cycle"
REGISTER = ("register.fall", "register.jump", "register.rollover")
SETTLED = ("register.rollover",)  # worth knowing, nothing to do
_TEXTS = {
    "register.fall": "the register fell; what passed meanwhile is unknown until a replacement is recorded or the fall is confirmed",
    "register.jump": "the register jumped by more than can pass the meter; what passed meanwhile is unknown",
    "register.rollover": "the register rolled over",
    "register.freeze": "the meter's own daily freezes do not say what its readings sum to; see to the meter's clock and to what was read",
    FILLED: "several meters count exactly evenly at once: the readings look filled in; they are shown as estimated",
    NEGATIVE: "a virtual point's day is negative: what it is computed from does not fit together",
    CYCLE: "virtual points are computed from each other; none of them is",
    FAILED: "the point could not be computed; it is tried again later",
}


@dataclass(frozen=True, slots=True)
class Found:
    """Something found now. `code`, point and `at_ms` are its identity."""

    code: str
    point_id: int
    at_ms: int
    until_ms: int | None
    data: Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Looked:
    """What of a point was looked at: open findings of `codes` in there that were not found again are settled."""

    point_id: int
    from_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of the table as people see it."""

    id: int
    code: str
    point: str | None
    device: str | None
    place: str | None
    at_ms: int
    until_ms: int | None
    data: Mapping[str, object]
    opened_at_ms: int
    resolved_at_ms: int | None
    resolution: str | None


def record(conn: Connection, codes: Sequence[str], looked: Sequence[Looked], found: Sequence[Found]) -> int:
    """Bring the table in line with what was found; new ones also become events. Returns how many were opened."""
    keys = {name: [getattr(item, name) for item in found] for name in ("code", "point_id", "at_ms")}
    if looked:
        columns = {"ids": [item.point_id for item in looked], "from_ms": [item.from_ms for item in looked]}
        run(conn, _SQL["settled_findings"], **columns, until_ms=[item.until_ms for item in looked], codes=list(codes), **keys)
    if not found:
        return 0
    until_ms = [item.until_ms for item in found]
    data = [orjson.dumps(dict(item.data)).decode() for item in found]
    fresh = rows(conn, _SQL["open_findings"], _Opened, **keys, until_ms=until_ms, data=data, settled=list(SETTLED))
    append_events(conn, [(None, number, item.event()) for number, item in enumerate(fresh) if item.fresh])
    return len(fresh)


def list_findings(conn: Connection, open_only: bool, point: str | None, limit: int, scope: Scope = None) -> list[Finding]:
    """Findings, newest first."""
    return rows(conn, _SQL["findings"], Finding, open_only=open_only, point=point, limit=limit, scope=scope)


def resolve_finding(conn: Connection, number: int, resolution: str) -> Finding:
    """A person settles a finding. Raises NotFound, and Conflict when it is settled already."""
    found = one(conn, _SQL["finding"], Finding, f"there is no finding {number}", id=number)
    if found.resolved_at_ms is not None:
        raise Conflict(f"finding {number} is settled already: {found.resolution}")
    run(conn, _SQL["resolve_finding"], id=number, resolution=resolution)
    return one(conn, _SQL["finding"], Finding, f"there is no finding {number}", id=number)


@dataclass(frozen=True, slots=True)
class _Opened:
    code: str
    point: str
    at_ms: int
    data: Mapping[str, int | str]
    fresh: bool

    def event(self) -> Event:
        severity = "info" if self.code in SETTLED else "warning"
        text = f"{self.point}: {_TEXTS.get(self.code, self.code)}"
        return Event(code=self.code, at_ms=self.at_ms, severity=severity, message=text, data={"point": self.point, **self.data})

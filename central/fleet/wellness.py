"""The score of every gateway, from what central knows of it: one statement for the whole fleet, the judging is central.fleet.score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from central.db.pool import Connection
from central.db.statements import load_statements, rows
from central.fleet.score import GatewayFacts, LineFacts, Score, score
from central.fleet.suspects import Suspect, suspected_duplicates
from central.identity.scope import Scope
from protocol.messages import LineHealth

_SQL = load_statements("central.fleet")
ENOUGH = 50  # exchanges in the last hours before a ratio is told


@dataclass(frozen=True, slots=True)
class Wellness:
    """One gateway's score with what it was made from. `suspects`: by line, devices that look like two on one address."""

    gateway: str
    name_zh: str
    name_en: str
    place: str
    place_zh: str
    place_en: str
    score: Score
    facts: GatewayFacts
    suspects: Mapping[str, Sequence[Suspect]]
    told: Sequence[LineHealth] = ()


def fleet_wellness(conn: Connection, scope: Scope = None, gateway: str | None = None) -> list[Wellness]:
    """Every gateway in the scope (or one of them), worst first."""
    found = rows(conn, _SQL["wellness"], _Row, scope=scope, gateway=gateway)
    newest = max((_numbers(row.agent_version) for row in found if row.agent_version), default=())
    told = [
        _told(row, next((row.agent_version for row in found if row.agent_version and _numbers(row.agent_version) == newest), None)) for row in found
    ]
    return sorted(told, key=lambda one: one.score.points)


@dataclass(frozen=True, slots=True)
class _Row:
    code: str
    name_zh: str
    name_en: str
    place: str
    place_zh: str
    place_en: str
    state: str
    silent_s: int | None
    health: dict[str, Any] | None
    clock_offset_ms: int | None
    behind_s: int | None
    refused: bool
    restarts_24h: int | None
    lost_24h: int
    agent_version: str | None
    lines: list[dict[str, Any]]


def _told(row: _Row, newest: str | None) -> Wellness:
    reported = {line.id: line for line in map(reported_line, (row.health or {}).get("lines") or ()) if line is not None}
    facts = GatewayFacts(
        state=row.state,
        silent_s=row.silent_s,
        lines=tuple(_line(one, reported.get(one["line"])) for one in row.lines),
        backlog_batches=(row.health or {}).get("backlog_batches"),
        clock_offset_ms=row.clock_offset_ms,
        document_behind_s=row.behind_s,
        document_refused=row.refused,
        restarts_24h=row.restarts_24h,
        lost_24h=row.lost_24h,
        version=row.agent_version,
        newest_version=newest,
    )
    suspects = {name: found for name, line in reported.items() if (found := suspected_duplicates(line))}
    return Wellness(
        row.code, row.name_zh, row.name_en, row.place, row.place_zh, row.place_en, score(facts), facts, suspects, tuple(reported.values())
    )


def reported_line(line: Mapping[str, Any]) -> LineHealth | None:
    """A line's report as this version reads it: a newer gateway may tell more, an older one less than is needed."""
    try:
        return LineHealth.model_validate({name: value for name, value in line.items() if name in LineHealth.model_fields})
    except ValidationError:
        return None


def _line(row: Mapping[str, Any], told: LineHealth | None) -> LineFacts:
    now, usual = row["exchanges"] or 0, row["usual_exchanges"] or 0
    return LineFacts(
        row["line"],
        told.state if told else "stopped",
        row["devices"],
        len(told.quarantined) if told else 0,
        1000 * row["timeouts"] // now if now >= ENOUGH else None,
        1000 * row["checksum_errors"] // now if now >= ENOUGH else None,
        1000 * row["usual_timeouts"] // usual if usual >= ENOUGH else None,
        1000 * row["usual_checksum_errors"] // usual if usual >= ENOUGH else None,
    )


def _numbers(version: str | None) -> tuple[int, ...]:
    """1.10.2 -> (1, 10, 2), for comparing; what is no number counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in (version or "").split("+")[0].split("."))

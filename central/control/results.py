"""Results from gateways: they settle commands in the transaction that stores their batch.

A gateway may answer only what was sent to it. What answers nothing is given back as stray and kept in quarantine by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from central.control.life import Change, change
from central.control.model import Kind, State
from central.db.pool import Connection
from central.db.statements import load_statements, number, rows, run
from central.identity import audit
from protocol.command import CommandResult

_SQL = load_statements("central.control")
UNKNOWN_COMMAND, FOREIGN_COMMAND = "result.unknown_command", "result.foreign_command"


@dataclass(frozen=True, slots=True)
class Stray:
    """A result that answers no command of this gateway."""

    result: CommandResult
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A command as far as a result touches it."""

    id: str
    gateway: str
    device: str | None
    kind: Kind
    state: State
    code: str
    requested_by: str


def settle_results(conn: Connection, gateway: str, results: Sequence[CommandResult]) -> list[Stray]:
    """Take in what a gateway says, in the caller's transaction; returns what answers nothing. The same result again changes nothing."""
    strays, now_ms = [], number(conn, _SQL["now_ms"])
    for result in sorted(results, key=lambda one: (one.id, one.final)):
        found = rows(conn, _SQL["for_result"], Asked, id=result.id)
        if not found:
            strays.append(Stray(result, UNKNOWN_COMMAND, f"gateway {gateway!r} answers command {result.id}, which was never asked"))
        elif found[0].gateway != gateway:
            text = f"gateway {gateway!r} answers command {result.id}, which was sent to {found[0].gateway!r}"
            strays.append(Stray(result, FOREIGN_COMMAND, text))
        else:
            _take(conn, found[0], result, now_ms)
    return strays


def note(conn: Connection, command: str, what: str, now_ms: int, **details: object) -> None:
    """Add one line to a command's history."""
    run(conn, _SQL["add_event"], command=command, what=what, now_ms=now_ms, details=orjson.dumps(details).decode())


def told(conn: Connection, asked: Asked, actor: str, state: str, code: str) -> None:
    """The audit row of a command that is settled."""
    facts = {"command": asked.id, "kind": asked.kind, "state": state, "code": code, "requested_by": asked.requested_by}
    audit.record(conn, actor, "control.settled", asked.device or asked.gateway, facts)


def _take(conn: Connection, asked: Asked, result: CommandResult, now_ms: int) -> None:
    found: Change = change(asked.state, asked.code, result.state)
    if found.what is None:
        run(conn, _SQL["count_repeat"], id=asked.id)
        return
    details = {"state": result.state, "code": result.code, "at_ms": result.at_ms}
    if found.what == "contradicted":
        note(conn, asked.id, found.what, now_ms, **details, result=result.model_dump(mode="json", exclude_defaults=True))
    else:
        note(conn, asked.id, found.what, now_ms, **details)
    if found.state == "running":
        run(conn, _SQL["begin_running"], id=asked.id)
    elif found.state is not None:
        _settle(conn, asked, result, found, now_ms)


def _settle(conn: Connection, asked: Asked, result: CommandResult, found: Change, now_ms: int) -> None:
    evidence = result.model_dump_json(by_alias=True)
    facts = {"state": found.state, "code": result.code, "message": result.message, "late": found.late, "evidence": evidence}
    run(conn, _SQL["settle"], id=asked.id, now_ms=now_ms, **facts)
    told(conn, asked, f"gateway:{asked.gateway}", str(found.state), result.code)

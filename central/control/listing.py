"""Commands as they stand: one, those of a device, the frames fetched last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from central.control.model import Command, Evidence, Frame, FramesView, Kind, State, Step, Value
from central.db.pool import Connection
from central.db.statements import load_statements, rows
from protocol.command import CommandResult
from protocol.errors import NotFound

_SQL = load_statements("central.control")
MAX_ROWS = 200
_MAX_STEPS = 200
_ANY: Mapping[str, object] = {
    "id": None,
    "device": None,
    "of_kind": None,
    "key": None,
    "requested_by": None,
    "gateway": None,
    "line": None,
    "before_ms": None,
    "limit": 1,
}


def get_command(conn: Connection, command: str) -> Command:
    """One command with its history; raises NotFound."""
    found = _commands(conn, id=command)
    if not found:
        raise NotFound(f"there is no command {command!r}")
    return _command(found[0], tuple(rows(conn, _SQL["events"], Step, command=command, limit=_MAX_STEPS)))


def find_by_key(conn: Connection, requested_by: str, key: str) -> Command | None:
    """What this asker asked with this key."""
    return next((_command(one) for one in _commands(conn, key=key, requested_by=requested_by)), None)


def list_commands(conn: Connection, device: str, before_ms: int | None, limit: int) -> list[Command]:
    """Commands to a device, newest first, without their raw frames."""
    return [_command(one, frames=False) for one in _commands(conn, device=device, before_ms=before_ms, limit=limit)]


def newest(conn: Connection, device: str, kind: Kind) -> Command | None:
    """The newest command of a kind to a device."""
    return next((_command(one) for one in _commands(conn, device=device, of_kind=kind)), None)


def frames_of_device(conn: Connection, device: str) -> FramesView:
    """The raw frames of a device that were fetched last, and the newest request for them."""
    return _frames([_command(one) for one in _commands(conn, device=device, of_kind="frames", limit=20)])


def frames_of_line(conn: Connection, gateway: str, line: str) -> FramesView:
    """The raw frames of a whole line, likewise."""
    return _frames([_command(one) for one in _commands(conn, gateway=gateway, line=line, of_kind="frames", limit=20)])


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    key: str
    kind: Kind
    gateway: str
    device: str | None
    line: str | None
    arguments: dict[str, Any]
    reason: str
    requested_by: str
    requested_at_ms: int
    expires_at_ms: int
    state: State
    attempts: int
    sent_at_ms: int | None
    settled_at_ms: int | None
    code: str
    message: str
    late: bool
    evidence: dict[str, Any] | None


def _commands(conn: Connection, **asked: object) -> list[_Row]:
    return rows(conn, _SQL["commands"], _Row, **{**_ANY, **asked})


def _command(row: _Row, steps: tuple[Step, ...] = (), frames: bool = True) -> Command:
    facts = {name: getattr(row, name) for name in _Row.__slots__ if name != "evidence"}
    return Command(**facts, evidence=None if row.evidence is None else _evidence(CommandResult.model_validate(row.evidence), frames), steps=steps)


def _evidence(result: CommandResult, frames: bool) -> Evidence:
    shown = result.frames if frames else ()
    return Evidence(
        took_ms=result.took_ms,
        clock_unsure=result.clock_unsure,
        already=result.already,
        quantity=result.quantity,
        seen=result.seen,
        readings=tuple(Value(one.quantity, one.value, one.at_ms, one.quality) for one in result.readings),
        frames=tuple(Frame(one.at_ms, one.direction, one.hex, one.verdict, one.device) for one in shown),
    )


def _frames(asked: list[Command]) -> FramesView:
    answered = next((one for one in asked if one.state == "done" and one.evidence is not None), None)
    frames = answered.evidence.frames if answered is not None and answered.evidence is not None else ()
    return FramesView(asked[0] if asked else None, answered.settled_at_ms if answered is not None else None, frames)

"""Commands to meters that sleep: queued, handed over when the meter reports, confirmed only by what a later report shows."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import orjson
from pydantic import Field, model_validator

from central.db.pool import Connection
from central.db.statements import load_statements, number, one, rows, run
from central.identity.audit import record
from central.ingest.store import append_events
from central.iot.model import VALVE_STATES, Command, CommandState, Order, Report
from protocol.errors import Conflict, Refused
from protocol.messages import Event
from protocol.record import Record

log = logging.getLogger(__name__)

_SQL = load_statements("central.iot")
MAX_OPEN = 10  # of one meter
MAX_AT_ONCE = 4  # handed over in one wake-up: a meter listens for seconds
MAX_ATTEMPTS = 10
MAX_LIFE_H = 14 * 24
_HOUR_MS = 3_600_000
_BY_FRAME = ("valve_open", "valve_close")  # what a CJ/T 188 frame of ours can carry
Key = Annotated[str, Field(min_length=8, max_length=100, pattern=r"^[\x21-\x7e]+$")]


class CommandRequest(Record):
    """What somebody wants of a meter. `key`: chosen by the caller; the same key is the same command. `expires_in_h`: not done by then, never done."""

    key: Key
    kind: Literal["valve_open", "valve_close", "read_history", "set_report_period"]
    from_ms: int | None = Field(default=None, ge=0, lt=1 << 43)
    to_ms: int | None = Field(default=None, ge=0, lt=1 << 43)
    every_h: int | None = Field(default=None, ge=1, le=168)
    reason: str = Field(min_length=3, max_length=500)
    expires_in_h: int = Field(default=48, ge=1, le=MAX_LIFE_H)

    @model_validator(mode="after")
    def _has_its_arguments(self) -> CommandRequest:
        span = self.from_ms is not None and self.to_ms is not None and self.from_ms < self.to_ms
        if span != (self.kind == "read_history") or ((self.from_ms, self.to_ms) != (None, None)) != span:
            raise ValueError("read_history, and only that, takes from_ms < to_ms")
        if (self.every_h is not None) != (self.kind == "set_report_period"):
            raise ValueError("set_report_period, and only that, takes every_h")
        return self

    @property
    def arguments(self) -> dict[str, int]:
        """What goes with the kind."""
        given = {"from_ms": self.from_ms, "to_ms": self.to_ms, "every_h": self.every_h}
        return {name: value for name, value in given.items() if value is not None}


def create_command(conn: Connection, device: str, request: CommandRequest, actor: str, now_ms: int) -> Command:
    """Queue a command in one transaction; the same key and request is answered again. Raises NotFound, Refused, Conflict."""
    with conn.transaction():
        meter = one(conn, _SQL["meter_for_command"], _Meter, f"no meter {device!r} reports by itself", device=device)
        if known := _of_key(conn, request.key):
            _check_same(known, device, request)
            return known
        if meter.via in ("tcp", "udp") and request.kind not in _BY_FRAME:
            raise Refused(f"{device} reports by {meter.via}: only {' and '.join(_BY_FRAME)} can be sent as frames", problem="way")
        _check_room(conn, device, request)
        expires_ms = now_ms + request.expires_in_h * _HOUR_MS
        params = {"key": request.key, "kind": request.kind, "arguments": orjson.dumps(request.arguments).decode(), "reason": request.reason}
        created = number(conn, _SQL["queue_command"], device=device, actor=actor, now_ms=now_ms, expires_ms=expires_ms, **params)
        facts = {"command": created, "kind": request.kind, **request.arguments, "reason": request.reason, "expires_ms": expires_ms}
        record(conn, actor, "iot.command_queued", device, facts)
        return get_command(conn, created)


def cancel_command(conn: Connection, command: int, actor: str, now_ms: int) -> Command:
    """Take back a command that no meter has been given yet. Raises NotFound, Conflict."""
    with conn.transaction():
        if not run(conn, _SQL["cancel_command"], id=command, now_ms=now_ms):
            present = get_command(conn, command)
            text = f"command {command} is {present.state}: only one that waits can be taken back; queue the opposite one"
            raise Conflict(text, state=present.state)
        cancelled = get_command(conn, command)
        record(conn, actor, "iot.command_cancelled", cancelled.device, {"command": command, "kind": cancelled.kind})
        return cancelled


def get_command(conn: Connection, command: int) -> Command:
    """One command; raises NotFound."""
    return one(conn, _SQL["commands"], Command, f"there is no command {command}", **(_ANY | {"id": command, "limit": 1}))


def list_commands(conn: Connection, device: str | None, state: CommandState | None, before: int | None, limit: int) -> list[Command]:
    """Commands newest first, older than number `before`."""
    return rows(conn, _SQL["commands"], Command, **(_ANY | {"device": device, "state": state, "before": before, "limit": limit}))


def hand_out(conn: Connection, device: str, now_ms: int) -> tuple[Order, ...]:
    """What a meter that is awake now is to do, oldest first; each counts as an attempt. Not confirmed, it is handed over again next time."""
    return tuple(rows(conn, _SQL["hand_out"], Order, device=device, now_ms=now_ms, limit=MAX_AT_ONCE, attempts=MAX_ATTEMPTS))


def given_valve_command(conn: Connection, imei: str | None, meter: str | None) -> int | None:
    """The valve command a meter was given and has not settled; there is at most one."""
    row = conn.execute(_SQL["given_valve_command"], {"imei": imei, "number": meter}).fetchone()
    return int(row[0]) if row else None


def settle(conn: Connection, device: str, report: Report, measured_ms: int | None, now_ms: int) -> None:
    """Judge the meter's open commands by a new report. `measured_ms`: None where its time cannot be believed; then it proves nothing."""
    for command in rows(conn, _SQL["open_commands"], Command, device=device):
        state, text = judge(command, report, measured_ms)
        if state is not None:
            run(conn, _SQL["settle_command"], id=command.id, state=state, answer=text, now_ms=now_ms)
            tell(conn, command, state, text, now_ms)
        elif text:
            run(conn, _SQL["note_command_answer"], id=command.id, answer=text)


def judge(command: Command, report: Report, measured_ms: int | None) -> tuple[Literal["confirmed", "refused"] | None, str]:
    """What a report says of a command: settled or not yet, and the text beside it. Pure."""
    said = next((result for result in report.results if result.command == command.id), None)
    if said is not None and not said.ok:
        return "refused", said.text or "refused without a reason"
    later = command.sent_at_ms is not None and measured_ms is not None and measured_ms >= command.sent_at_ms
    if later and (proof := _PROOFS[command.kind](command.arguments, report)):
        return "confirmed", proof
    if later and command.kind in _VALVES and report.values.get("valve_state") == VALVE_STATES["fault"]:
        return None, "the meter reports that its valve is faulty"
    return None, (said.text or "taken") if said is not None else ""


def expire_commands(conn: Connection, now_ms: int) -> int:
    """Settle what nobody confirmed in time, each with an event; returns how many."""
    with conn.transaction():
        expired = rows(conn, _SQL["expire_commands"], Command, now_ms=now_ms)
        for command in expired:
            tell(conn, command, "expired", f"not confirmed in time, after {command.attempts} attempts", now_ms)
    return len(expired)


def tell(conn: Connection, command: Command, state: Literal["confirmed", "refused", "expired"], text: str, now_ms: int) -> None:
    """An event for what became of a command."""
    message = f"{command.kind} {state}: {text}"
    data = {"command": command.id, "kind": command.kind, "state": state}
    severity: Literal["info", "warning"] = "info" if state == "confirmed" else "warning"
    event = Event(code=f"iot.command_{state}", at_ms=now_ms, severity=severity, device=command.device, message=message, data=data)
    append_events(conn, [(None, 0, event)])


_ANY: dict[str, object] = {"id": None, "key": None, "device": None, "state": None, "before": None}


@dataclass(frozen=True, slots=True)
class _Meter:
    device: str
    via: str


def _of_key(conn: Connection, key: str) -> Command | None:
    return next(iter(rows(conn, _SQL["commands"], Command, **(_ANY | {"key": key, "limit": 1}))), None)


def _check_same(known: Command, device: str, request: CommandRequest) -> None:
    if (known.device, known.kind, dict(known.arguments)) != (device, request.kind, request.arguments):
        raise Conflict(f"key {request.key!r} was used for another command, number {known.id}; choose a new one", command=known.id)


def _check_room(conn: Connection, device: str, request: CommandRequest) -> None:
    waiting = rows(conn, _SQL["open_commands"], Command, device=device)
    if len(waiting) >= MAX_OPEN:
        raise Conflict(f"{len(waiting)} commands wait for {device} already; cancel some", waiting=len(waiting))
    if other := next((command for command in waiting if command.kind in _VALVES and request.kind in _VALVES), None):
        raise Conflict(f"{other.kind} (command {other.id}) is {other.state} for {device}; cancel it or wait for it", command=other.id)


def _valve_shows(state: int, report: Report) -> str:
    return f"valve_state {state} reported" if report.values.get("valve_state") == state else ""


def _history_shows(arguments: Mapping[str, int], report: Report) -> str:
    within = sum(arguments["from_ms"] <= at_ms < arguments["to_ms"] for at_ms, _ in report.freezes)
    return f"{within} freezes of the time asked for came" if within else ""


def _period_shows(arguments: Mapping[str, int], report: Report) -> str:
    return f"reports every {report.report_every_h} h" if report.report_every_h == arguments["every_h"] else ""


_VALVES = ("valve_open", "valve_close")
_PROOFS = {
    "valve_open": lambda _, report: _valve_shows(VALVE_STATES["open"], report),
    "valve_close": lambda _, report: _valve_shows(VALVE_STATES["closed"], report),
    "read_history": _history_shows,
    "set_report_period": _period_shows,
}

"""Asking for a command: checked, written down with its audit row in one transaction, sent by central.control.rounds.

The same key of the same asker is the same command. What the profile does not declare, what needs a password the platform has no home for, and what is
under way already is refused here, before anything is written; the gateway checks again by its own facts.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from pydantic import Field

from central.control.listing import find_by_key, get_command
from central.control.model import Command, Kind, SwitchPreview
from central.control.results import note
from central.db.pool import Connection
from central.db.statements import load_statements, number, one, rows, run
from central.identity.audit import record
from central.web.translations import N_
from protocol.errors import Conflict, NotFound, Refused
from protocol.profile import AnyProfile
from protocol.profile_writes import Command as Named
from protocol.profile_writes import Write2007
from protocol.record import Record

_SQL = load_statements("central.control")
MAX_OPEN = 100  # of one gateway: as many as it holds itself
READ_LIFE_S = 30
Key = Annotated[str, Field(min_length=8, max_length=100, pattern=r"^[\x21-\x7e]+$")]
LifeS = Annotated[int, Field(ge=5, le=600)]
PASSWORD_NEEDED = N_("This meter wants a password to switch, and the platform keeps none. Switch it with the maker's tool.")


class ReadRequest(Record):
    """Read a device now. `quantities`: None is all it has. `key`: chosen by the caller, so that asking again is not asking twice."""

    quantities: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] | None = Field(default=None, min_length=1, max_length=200)
    reason: str = Field(default="", max_length=500)
    expires_in_s: LifeS = READ_LIFE_S
    key: Key | None = None


class FramesRequest(Record):
    """Fetch the last raw exchanges."""

    reason: str = Field(default="", max_length=500)
    expires_in_s: LifeS = READ_LIFE_S
    key: Key | None = None


class SwitchRequest(Record):
    """Carry out one of the profile's commands. `key` (or the header Idempotency-Key) is needed: a cut-off must not happen twice."""

    command: str = Field(min_length=1, max_length=80)
    reason: str = Field(min_length=3, max_length=500)
    expires_in_s: LifeS = 60
    key: Key | None = None


def ask_read(conn: Connection, device: str, request: ReadRequest, actor: str, now_ms: int) -> Command:
    """Read a device now. One that is asked already by somebody is not asked twice: that command is answered. Raises NotFound, Refused, Conflict."""
    with conn.transaction():
        target = _target(conn, device)
        arguments = {"quantities": sorted(set(request.quantities)) if request.quantities is not None else None}
        _hold(conn, target.gateway)
        packed = orjson.dumps(arguments).decode()
        same = rows(conn, _SQL["open_like"], _Id, device=device, arguments=packed, now_ms=now_ms)
        if same and request.key is None:
            record(conn, actor, "control.read_joined", device, {"command": same[0].id})
            return get_command(conn, same[0].id)
        return _issue(conn, _Order("read", target, arguments, request.reason, request.expires_in_s, request.key), actor, now_ms)


def ask_frames(conn: Connection, device: str, request: FramesRequest, actor: str, now_ms: int) -> Command:
    """Fetch the last raw exchanges of a device. Raises NotFound, Refused, Conflict."""
    with conn.transaction():
        order = _Order("frames", _target(conn, device), {}, request.reason, request.expires_in_s, request.key)
        _hold(conn, order.target.gateway)
        return _issue(conn, order, actor, now_ms)


def ask_line_frames(conn: Connection, gateway: str, line: str, request: FramesRequest, actor: str, now_ms: int) -> Command:
    """Fetch the last raw exchanges of a whole line. Raises NotFound, Conflict."""
    with conn.transaction():
        if conn.execute(_SQL["line_exists"], {"gateway": gateway, "line": line}).fetchone() is None:
            raise NotFound(f"gateway {gateway!r} has no line {line!r}")
        _hold(conn, gateway)
        return _issue(conn, _Order("frames", _Target(gateway, None, line), {}, request.reason, request.expires_in_s, request.key), actor, now_ms)


def ask_switch(conn: Connection, profiles: Mapping[str, AnyProfile], device: str, request: SwitchRequest, actor: str, now_ms: int) -> Command:
    """Switch a device. Raises NotFound (device, command), Refused (needs a password, no gateway, no key), Conflict (being switched, queue full)."""
    if request.key is None:
        raise Refused("a switch needs a key: send the header Idempotency-Key or the field key, a new one for each intention", problem="no_key")
    with conn.transaction():
        target = _target(conn, device)
        known = _named(profiles, target, request.command)
        _refuse_password(known, device)
        _hold(conn, target.gateway)
        arguments = {"command": known.name, "quantity": known.confirm.quantity, "value": known.confirm.value}
        order = _Order("switch", target, arguments, request.reason, request.expires_in_s, request.key)
        if (same := _asked_before(conn, order, actor)) is not None:
            return same
        if under_way := rows(conn, _SQL["open_switch"], _Id, device=device, quantity=known.confirm.quantity):
            text = f"{known.confirm.quantity} of {device} is being switched by command {under_way[0].id}; wait for its result"
            raise Conflict(text, problem="under_way", command=under_way[0].id)
        return _issue(conn, order, actor, now_ms)


def preview_switch(conn: Connection, profiles: Mapping[str, AnyProfile], device: str, command: str) -> SwitchPreview:
    """What a switch would do, by what the device showed last. Nothing is written. Raises NotFound, Refused."""
    target = _target(conn, device)
    known = _named(profiles, target, command)
    shown = next(iter(rows(conn, _SQL["shown_now"], _Shown, device=device, quantity=known.confirm.quantity)), None)
    password = isinstance(known.write, Write2007)
    would = "refused" if password else "nothing" if shown is not None and shown.value == known.confirm.value else "change"
    return SwitchPreview(
        device=device,
        command=known.name,
        quantity=known.confirm.quantity,
        value=known.confirm.value,
        shows=shown.value if shown else None,
        shown_at_ms=shown.measured_at_ms if shown else None,
        shown_quality=shown.quality if shown else None,
        would=would,  # type: ignore[arg-type]  # one of the three words
        why="password_needed" if password else "",
        message=PASSWORD_NEEDED if password else "",
        gateway=target.gateway,
        gateway_state=gateway_state(conn, target.gateway).state,
    )


@dataclass(frozen=True, slots=True)
class GatewayState:
    """Whether the gateway can hear us. `last_seen_at_ms`: None when it never said anything."""

    state: str
    last_seen_at_ms: int | None


def gateway_state(conn: Connection, gateway: str) -> GatewayState:
    """How the gateway is by its own word. Raises NotFound."""
    return one(conn, _SQL["gateway_state"], GatewayState, f"there is no gateway {gateway!r}", gateway=gateway)


@dataclass(frozen=True, slots=True)
class _Target:
    gateway: str
    device: str | None
    line: str | None
    profile: str = ""


@dataclass(frozen=True, slots=True)
class _Order:
    kind: Kind
    target: _Target
    arguments: Mapping[str, Any]
    reason: str
    expires_in_s: int
    key: str | None


@dataclass(frozen=True, slots=True)
class _Device:
    device: str
    profile: str
    gateway: str | None
    line: str | None
    removed: bool


@dataclass(frozen=True, slots=True)
class _Id:
    id: str


@dataclass(frozen=True, slots=True)
class _Shown:
    value: int
    measured_at_ms: int
    quality: int


def _target(conn: Connection, device: str) -> _Target:
    found = one(conn, _SQL["target"], _Device, f"there is no device {device!r}", device=device)
    if found.removed:
        raise Refused(f"device {device!r} is no longer on the plan; ask the one that stands there now", problem="removed")
    if found.gateway is None or found.line is None:
        text = f"device {device!r} reports by itself and cannot be asked; its commands wait until it reports (/api/v1/iot)"
        raise Refused(text, problem="reports_by_itself")
    return _Target(found.gateway, device, found.line, found.profile)


def _named(profiles: Mapping[str, AnyProfile], target: _Target, name: str) -> Named:
    profile = profiles.get(target.profile)
    known = next((command for command in profile.commands if command.name == name), None) if profile is not None else None
    if known is None:
        names = ", ".join(command.name for command in profile.commands) if profile is not None else ""
        raise NotFound(f"profile {target.profile} has no command {name!r}; it has {names or 'none'}")
    return known


def _refuse_password(known: Named, device: str) -> None:
    if isinstance(known.write, Write2007):
        raise Refused(f"{device} wants a password to {known.name}, and the platform keeps none", problem="password_needed")


def _hold(conn: Connection, gateway: str) -> None:
    """Until the end of the transaction nobody else asks this gateway, so that what is counted stays true."""
    conn.execute(_SQL["hold_gateway"], {"gateway": gateway})


def _asked_before(conn: Connection, order: _Order, actor: str) -> Command | None:
    known = find_by_key(conn, actor, order.key) if order.key is not None else None
    if known is None:
        return None
    if (known.kind, known.device, known.gateway, dict(known.arguments)) != (order.kind, order.target.device, order.target.gateway, order.arguments):
        raise Conflict(f"key {order.key!r} was used for another command, {known.id}; choose a new one", problem="key_used", command=known.id)
    return known


def _issue(conn: Connection, order: _Order, actor: str, now_ms: int) -> Command:
    if (same := _asked_before(conn, order, actor)) is not None:
        return same
    gateway = order.target.gateway
    waiting = number(conn, _SQL["open_of_gateway"], gateway=gateway)
    if waiting >= MAX_OPEN:
        raise Conflict(f"{waiting} commands wait for gateway {gateway!r} already; try again when some are settled", problem="busy", waiting=waiting)
    created, expires_ms = str(uuid.uuid4()), now_ms + order.expires_in_s * 1000
    line = order.target.line
    facts = {"kind": order.kind, "gateway": gateway, "device": order.target.device, "line": line, "reason": order.reason, "requested_by": actor}
    packed = orjson.dumps(dict(order.arguments)).decode()
    run(conn, _SQL["add_command"], id=created, key=order.key or created, arguments=packed, now_ms=now_ms, expires_ms=expires_ms, **facts)
    note(conn, created, "asked", now_ms, by=actor)
    details = {"command": created, **order.arguments, "reason": order.reason, "expires_ms": expires_ms}
    record(conn, actor, f"control.{order.kind}", order.target.device or f"{gateway}/{line}", details)
    return get_command(conn, created)

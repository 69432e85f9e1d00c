"""Gateways as people see them, and what their own messages change about that."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from central.db.pool import Connection
from central.db.statements import load_statements, one, rows, run
from central.fleet.clock_offset import note_report
from central.fleet.line_history import note_hour
from central.identity.scope import Scope
from central.mqtt.session import Message
from protocol.errors import MessageError
from protocol.messages import Birth, Health, Reported, State, decode_record, encode_record
from protocol.topics import Up, parse_up, up_filter

log = logging.getLogger(__name__)

_SQL = load_statements("central.fleet")


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """A gateway of the plan. `wanted_version`, `reported_version`: of its `lines` document; `health`: the newest health message.

    `clock_offset_ms`: how far its clock is ahead, by the newest health message; `clock_alarm_ms`: since when that is above the alarm limit.
    """

    code: str
    place: str
    name_zh: str
    name_en: str
    state: str
    generation: int
    last_seen_at_ms: int | None
    state_at_ms: int | None
    agent_version: str | None
    lines: int
    devices: int
    wanted_version: int | None
    reported_version: int | None
    reported_error: str | None
    health: dict[str, Any] | None
    clock_offset_ms: int | None = None
    clock_alarm_ms: int | None = None


def list_gateways(conn: Connection, scope: Scope = None) -> list[GatewayRow]:
    """Every gateway on the plan that stands in the scope, in the plan's order."""
    return rows(conn, _SQL["gateways"], GatewayRow, code=None, scope=scope)


def get_gateway(conn: Connection, code: str) -> GatewayRow:
    """One gateway; raises NotFound."""
    return one(conn, _SQL["gateways"], GatewayRow, f"there is no gateway {code!r} on the plan", code=code, scope=None)


def fleet_filters() -> list[str]:
    """What to subscribe to hear the fleet."""
    return [up_filter(channel) for channel in _NOTES]


def observe(conn: Connection, message: Message) -> None:
    """Write down what a gateway says about itself. Raises MessageError where it cannot be understood."""
    gateway, channel = parse_up(message.topic)
    note = _NOTES.get(channel)
    if note is None:
        raise MessageError(f"channel {channel} says nothing about a gateway's state", topic=message.topic)
    note(conn, gateway, message)


def _birth(conn: Connection, gateway: str, message: Message) -> None:
    birth = decode_record(Birth, message.payload)
    if birth.gateway != gateway:
        raise MessageError(f"birth of {birth.gateway!r} on the topic of {gateway!r}", topic=message.topic)
    row = conn.execute(_SQL["generation_of"], {"gateway": gateway}).fetchone()
    registered = int(row[0]) if row else 0
    if registered not in (0, birth.generation):
        log.warning("gateway %s: a box of generation %d says hello, %d is enrolled; not noted", gateway, birth.generation, registered)
        return
    fields = {
        "registered": registered,
        "generation": birth.generation,
        "epoch": birth.epoch,
        "agent_version": birth.agent_version,
        "started_at_ms": birth.started_at_ms,
    }
    run(conn, _SQL["note_birth"], gateway=gateway, retained=message.retained, body=encode_record(birth).decode(), **fields)
    run(conn, _SQL["adopt_generation"], gateway=gateway, generation=birth.generation)


def _state(conn: Connection, gateway: str, message: Message) -> None:
    state = decode_record(State, message.payload)
    run(conn, _SQL["note_state"], gateway=gateway, retained=message.retained, state=state.state)


def _reported(conn: Connection, gateway: str, message: Message) -> None:
    reported = decode_record(Reported, message.payload)
    run(conn, _SQL["note_reported"], gateway=gateway, retained=message.retained, body=encode_record(reported).decode())


def _health(conn: Connection, gateway: str, message: Message) -> None:
    health = decode_record(Health, message.payload)
    row = conn.execute(_SQL["last_health"], {"gateway": gateway}).fetchone()
    note_hour(conn, gateway, row[0] if row else None, health)
    run(conn, _SQL["note_health"], gateway=gateway, body=encode_record(health).decode())
    if message.arrived_ms is not None:
        note_report(conn, gateway, health.at_ms, message.arrived_ms)


_NOTES: Mapping[Up, Callable[[Connection, str, Message], None]] = MappingProxyType(
    {Up.BIRTH: _birth, Up.STATE: _state, Up.REPORTED: _reported, Up.HEALTH: _health}
)

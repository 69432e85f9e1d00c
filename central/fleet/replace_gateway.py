"""A broken box is replaced by a spare one: the new one enters with the next generation, and from that commit on nothing the old one sends is stored.

What the old box had kept on its disk and sends later waits in quarantine until a person accepts it (`accept_old_box`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

import orjson
from pydantic import Field, TypeAdapter

from central.db.pool import Connection
from central.db.statements import load_statements, one, run
from central.identity.audit import record
from central.ingest.replay import Box, replay
from central.ingest.sift import OLD_GENERATION, UNKNOWN_GENERATION
from central.ingest.store import append_events
from protocol.errors import Conflict
from protocol.messages import Event
from protocol.record import Record

_SQL = load_statements("central.fleet")


class BoxSwap(Record):
    """The replacement of a box, with a key that makes it happen once."""

    key: Annotated[str, Field(min_length=8, max_length=100, pattern=r"^[\x21-\x7e]+$")]
    person: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Annotated[str, Field(min_length=3, max_length=1000)]


@dataclass(frozen=True, slots=True)
class BoxReplaced:
    """What the new box needs. `agent_toml`: the lines its settings file must have; its documents come by themselves with the first connection.

    `waiting`: batches a box of a generation that was not enrolled has sent; those of the new generation are stored now.
    """

    gateway: str
    old_generation: int
    new_generation: int
    agent_toml: str
    certificate_name: str
    waiting: int
    preview: bool


_ANSWER: TypeAdapter[BoxReplaced] = TypeAdapter(BoxReplaced)


def replace_gateway(conn: Connection, gateway: str, swap: BoxSwap, actor: str, now_ms: int, preview: bool = False) -> BoxReplaced:
    """Enrol the next box of a gateway, in one transaction. The same key with the same request is answered again.

    Raises NotFound, and Conflict when the key stands for another replacement.
    """
    digest = hashlib.sha256(f"{gateway} {swap.model_dump_json()}".encode()).digest()
    with conn.transaction(force_rollback=preview):
        found = one(conn, _SQL["gateway_for_replacement"], _Gateway, f"there is no gateway {gateway!r} on the plan", gateway=gateway)
        answered = _answered(conn, swap.key, digest)
        if answered is not None:
            return answered
        answer = _answer(found, preview)
        run(conn, _SQL["set_generation"], gateway=gateway, generation=answer.new_generation)
        facts: dict[str, str | int] = {"old_generation": answer.old_generation, "new_generation": answer.new_generation}
        facts |= {"person": swap.person, "reason": swap.reason}
        packed = orjson.dumps(answer).decode()
        run(conn, _SQL["note_gateway_replacement"], key=swap.key, digest=digest, gateway=gateway, actor=actor, answer=packed, **facts)
        record(conn, actor, "gateway.replaced", gateway, {**facts, "key": swap.key, "state_before": found.state})
        _raise(conn, "gateway.replaced", f"the box of gateway {gateway} was replaced; generation {answer.new_generation} is expected", facts, now_ms)
    if not preview:
        replay(conn, now_ms, (UNKNOWN_GENERATION,), Box(gateway, answer.new_generation))
    return answer


@dataclass(frozen=True, slots=True)
class Accepted:
    """What of a replaced box was stored. `left`: entries that wait still, such as those of devices no plan knows."""

    gateway: str
    generation: int
    stored: int
    left: int


def accept_old_box(conn: Connection, gateway: str, generation: int, reason: str, actor: str, now_ms: int) -> Accepted:
    """Store what a replaced box had sent after its replacement: a person's decision, once; what it sends later waits for another.

    A reading that is stored already stays as it is. Raises Conflict when this generation is no replaced one.
    """
    if conn.execute(_SQL["box_was_replaced"], {"gateway": gateway, "generation": generation}).fetchone() is None:
        raise Conflict(f"generation {generation} of gateway {gateway!r} was not replaced; only what a replaced box still sends can be accepted")
    stored = replay(conn, now_ms, (OLD_GENERATION,), Box(gateway, generation))
    facts = {"gateway": gateway, "generation": generation, "reason": reason}
    with conn.transaction():
        run(conn, _SQL["note_acceptance"], batches=stored, actor=actor, **facts)
        record(conn, actor, "gateway.old_box_accepted", gateway, {"generation": generation, "batches": stored, "reason": reason})
        left = one(conn, _SQL["waiting_of_box"], _Count, "no count", gateway=gateway, generation=generation, **{"reason": OLD_GENERATION}).total
    return Accepted(gateway, generation, stored, left)


@dataclass(frozen=True, slots=True)
class _Gateway:
    code: str
    generation: int
    state: str
    waiting: int


@dataclass(frozen=True, slots=True)
class _Count:
    total: int


def _answered(conn: Connection, key: str, digest: bytes) -> BoxReplaced | None:
    row = conn.execute(_SQL["gateway_replacement_of_key"], {"key": key}).fetchone()
    if row is None:
        return None
    if bytes(row[0]) != digest:
        raise Conflict(f"key {key!r} was used for another replacement; a new replacement needs a new key")
    return _ANSWER.validate_python(row[1])


def _answer(found: _Gateway, preview: bool) -> BoxReplaced:
    """A box that was never heard may be running all the same, and its generation is 1 unless it was told otherwise."""
    old = max(found.generation, 1)
    toml = f'gateway = "{found.code}"\ngeneration = {old + 1}\n'
    return BoxReplaced(found.code, old, old + 1, toml, found.code, found.waiting, preview)


def _raise(conn: Connection, code: str, message: str, data: dict[str, str | int], now_ms: int) -> None:
    append_events(conn, [(None, 0, Event(code=code, at_ms=now_ms, severity="warning", message=message, data=data))])

"""Gaps in what gateways sent: found, followed until they are filled or lost, and asked for again."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import orjson

from central.db.pool import Connection
from central.db.statements import load_statements, one, rows, run
from central.fleet.ranges import count, multirange, normal
from central.fleet.resend import Request, choose
from central.fleet.sequence import GRACE_MS, MAX_RANGES, Gap, Sequence, follow, holes
from central.metering.model import Page
from central.metering.values import Count

log = logging.getLogger(__name__)

_SQL = load_statements("central.fleet")
_KEEP_MS = 400 * 86_400_000  # how long filled gaps can be looked up
Epoch = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class GapRow:
    """A gap as people see it. `state`: open, asked, filled, lost; `missing`, `lost`: how many numbers; times are Unix milliseconds UTC."""

    id: int
    gateway: str
    generation: int
    epoch: int
    first: int
    last: int
    missing: int
    lost: int
    state: str
    found_ms: int
    asked_ms: int | None
    times: int
    closed_ms: int | None


@dataclass(frozen=True, slots=True)
class EpochView:
    """One epoch of a gateway: `holes` are inclusive ranges (at most 64 told), `missing` counts all; `waiting`: stored by the box and not yet sent."""

    generation: int
    epoch: int
    received_upto: int
    acked_seq: int | None
    last_seq: int | None
    first_held_seq: int | None
    waiting: int | None
    missing: int
    holes: tuple[tuple[int, int], ...]
    received_ms: int | None


@dataclass(frozen=True, slots=True)
class SequenceView:
    """What central has of a gateway's messages, and the newest gaps."""

    gateway: str
    epochs: tuple[EpochView, ...]
    gaps: tuple[GapRow, ...]


def mind_gaps(conn: Connection, now_ms: int) -> list[Request]:
    """Bring the gaps up to date in the caller's transaction; returns what to ask for once that is committed."""
    sequences = [row.sequence() for row in _sequences(conn, None)]
    known: dict[Epoch, list[Gap]] = defaultdict(list)
    for gap in rows(conn, _SQL["open_gaps"], _StoredGap):
        known[gap.gateway, gap.generation, gap.epoch].append(gap.gap())
    followed = {_key(one): follow(one, known[_key(one)], now_ms) for one in sequences}
    unchanged = frozenset(gap for gaps in known.values() for gap in gaps)
    stored = {key: [gap if gap in unchanged and gap.missing else _write(conn, gap, now_ms) for gap in gaps] for key, gaps in followed.items()}
    asked, requests = choose(sequences, {key: [gap for gap in gaps if gap.missing] for key, gaps in stored.items()}, now_ms)
    for marked in asked:
        _update(conn, marked)
    run(conn, _SQL["purge_gaps"], before_ms=now_ms - _KEEP_MS)
    return requests


def gateway_sequence(conn: Connection, code: str, gaps: int = 50) -> SequenceView:
    """The epochs of one gateway, newest first, and its newest gaps. Empty for a gateway that never sent anything."""
    return SequenceView(code, tuple(_view(row) for row in _sequences(conn, code)), list_gaps(conn, code, None, 0, gaps).items)


def list_gaps(conn: Connection, gateway: str | None, state: str | None, offset: int, limit: int) -> Page[GapRow]:
    """Gaps of one gateway or all, newest first. `state`: open (asked ones among them), filled, lost, or None for every one."""
    asked = {"gateway": gateway, "state": state}
    total = one(conn, _SQL["count_gaps"], Count, "no count", **asked).total
    return Page(tuple(rows(conn, _SQL["gaps"], GapRow, **asked, offset=offset, limit=limit)), total, offset, limit)


@dataclass(frozen=True, slots=True)
class _StoredSequence:
    gateway: str
    generation: int
    epoch: int
    ranges: list[list[int]]
    given_up: list[list[int]]
    acked_seq: int | None
    last_seq: int | None
    first_held_seq: int | None
    online: bool
    replaced: bool
    received_ms: int | None

    def sequence(self) -> Sequence:
        marks = (self.acked_seq, self.last_seq, self.first_held_seq)
        return Sequence(self.gateway, self.generation, self.epoch, self.ranges, self.given_up, *marks, self.online, self.replaced)


@dataclass(frozen=True, slots=True)
class _StoredGap:
    id: int
    gateway: str
    generation: int
    epoch: int
    first: int
    last: int
    missing: list[list[int]]
    given_up: list[list[int]]
    found_ms: int
    moved_ms: int
    asked_ms: int | None
    asked_last: int | None
    times: int
    fruitless: int

    def gap(self) -> Gap:
        own = (self.id, self.gateway, self.generation, self.epoch, self.first, self.last)
        asked = (self.asked_ms, self.asked_last, self.times, self.fruitless)
        return Gap(*own, normal(self.missing), normal(self.given_up), self.found_ms, self.moved_ms, *asked)


@dataclass(frozen=True, slots=True)
class _Neighbours:
    before_ms: int | None
    after_ms: int | None


def _sequences(conn: Connection, gateway: str | None) -> list[_StoredSequence]:
    """Epochs with something missing or open; of one gateway, every epoch."""
    return rows(conn, _SQL["sequences"], _StoredSequence, gateway=gateway, max_ranges=MAX_RANGES)


def _key(sequence: Sequence) -> Epoch:
    return sequence.gateway, sequence.generation, sequence.epoch


def _view(row: _StoredSequence) -> EpochView:
    missing = holes(row.sequence())
    upto = max((last for _, last in row.ranges), default=0)
    waiting = None if row.last_seq is None else max(0, row.last_seq - max(upto, row.acked_seq or 0))
    marks = (upto, row.acked_seq, row.last_seq, row.first_held_seq, waiting)
    return EpochView(row.generation, row.epoch, *marks, count(missing), missing[:64], row.received_ms)


def _write(conn: Connection, gap: Gap, now_ms: int) -> Gap:
    """Store a gap, closed when nothing of it can come any more."""
    if not gap.id:
        number = one(conn, _SQL["begin_gap"], Count, "no gap", **_identity(gap), **_state(gap), found_ms=gap.found_ms).total
        gap = replace(gap, id=number)
    else:
        _update(conn, gap)
    if not gap.missing:
        _close(conn, gap, now_ms)
    return gap


def _update(conn: Connection, gap: Gap) -> None:
    asked = {"asked_ms": gap.asked_ms, "asked_last": gap.asked_last, "times": gap.times, "fruitless": gap.fruitless}
    run(conn, _SQL["write_gap"], id=gap.id, **_state(gap), **asked)


def _close(conn: Connection, gap: Gap, now_ms: int) -> None:
    """Filled, or lost with an event; one that closed by itself soon is no story and is forgotten."""
    lost = count(gap.given_up) + one(conn, _SQL["notes_of_loss"], Count, "no count", **_identity(gap)).total
    if not lost and not gap.times and now_ms - gap.found_ms < GRACE_MS:
        run(conn, _SQL["forget_gap"], id=gap.id)
        return
    run(conn, _SQL["close_gap"], id=gap.id, lost=lost, now_ms=now_ms)
    if lost:
        _tell_loss(conn, gap, lost, now_ms)
    else:
        log.info("%s: gap %d..%d filled after %.0f s, asked %d times", gap.gateway, gap.first, gap.last, (now_ms - gap.found_ms) / 1000, gap.times)


def _tell_loss(conn: Connection, gap: Gap, lost: int, now_ms: int) -> None:
    near = one(conn, _SQL["time_of_numbers"], _Neighbours, "no neighbours", **_identity(gap))
    data = {**_identity(gap), "lost": lost, "times_asked": gap.times, "received_before_ms": near.before_ms, "received_after_ms": near.after_ms}
    message = (
        f"{lost} of the messages {gap.first}..{gap.last} of epoch {gap.epoch} are lost: gateway {gap.gateway} does not hold them any more;"
        " what they held is missing, not zero"
    )
    log.error("%s", message)
    told = {"code": "gateway.gap_lost", "severity": "error", "message": message, "data": orjson.dumps(data).decode()}
    run(conn, _SQL["raise_event"], gateway=gap.gateway, at_ms=now_ms, **told)


def _identity(gap: Gap) -> Mapping[str, str | int]:
    return {"gateway": gap.gateway, "generation": gap.generation, "epoch": gap.epoch, "first": gap.first, "last": gap.last}


def _state(gap: Gap) -> Mapping[str, str | int]:
    return {"left_over": multirange(gap.missing), "given_up": multirange(gap.given_up), "moved_ms": gap.moved_ms}

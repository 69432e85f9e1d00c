"""A gateway sends what nobody can store, between sound batches of its own and of others.

What is exercised: noise, truncated and inflated bytes, wrong types, NaN, unknown schemas and kinds, another gateway's name, no identity, and 10 MB
(which the broker must refuse). One batch of good readings has a value beyond 64 bits, a text, a null and a time of the year 2248 among them.
Judged: each is in quarantine with its reason and its bytes, has a receipt where its identity can be read, and no neighbour waits: neither in the
batch nor in the lane (a second at most). Not covered: sound messages with false values; a meter that lies is found by plausibility, not here.
"""

from __future__ import annotations

import json
import time
import zlib
from random import Random
from typing import Any

from protocol.messages import MAX_UNPACKED_BYTES, BatchId, columns, encode_readings
from protocol.reading import Reading
from protocol.topics import Up, up
from tests.faults import campus
from tests.faults.book import latencies, percentile, settle
from tests.faults.chain import Chain, Receipts, chain
from tests.faults.publisher import Publisher
from tests.faults.scenario import Outcome, Size
from tests.faults.wait import wait

TITLE = "poison"
NEEDS = ("linux", "mosquitto")
_EPOCH = 77
_SLOW_S = 1.0


def run(chance: Random, size: Size) -> Outcome:
    """Poison a running chain."""
    with chain() as bed, Receipts(bed) as receipts:
        bed.box("gw-1")
        failures: list[str] = []
        with bed.feeding(0.05):
            for number in range(1 if size is Size.SLICE else 20):
                failures += _round(bed, receipts, chance, number)
        excused = _bad_identities(bed)
        failures += bed.drained() + _refused_by_the_broker(bed)
        slowest = percentile([took for entry, took in latencies(bed.book, bed.dsn) if entry.gateway == "gw-1"], 1.0)
        if slowest > _SLOW_S:
            failures.append(f"a sound batch beside the poison took {slowest:.1f} s")
        kinds = bed.scalar("select count(distinct reason) from quarantine")
        notes = [f"{bed.scalar('select count(*) from quarantine')} in quarantine for {kinds} reasons", f"slowest neighbour {slowest * 1000:.0f} ms"]
        return settle(bed.book, bed.dsn, failures, notes, excused)


def _round(bed: Chain, receipts: Receipts, chance: Random, number: int) -> list[str]:
    """Send every poison once in random order with a mixed batch between; what was not done with it."""
    first = 1 + number * 100
    poisons = _poisons(chance, first)
    mixed = first + len(poisons)
    before = bed.scalar("select count(*) from quarantine")
    bed.book.attempt("gw-2", mixed)
    messages = [(up("gw-2", Up.DATA), payload, properties) for _, payload, properties in poisons.values()]
    messages.append((up("gw-2", Up.DATA), _mixed(mixed), _properties(mixed)))
    chance.shuffle(messages)
    with Publisher(bed, "gw-2") as publisher:
        for message in messages:
            publisher.publish(*message)
            time.sleep(chance.uniform(0, 0.2))
    bed.book.accept("gw-2", mixed, _EPOCH, mixed)
    wanted = before + len(messages)
    wait(lambda: bed.scalar("select count(*) from quarantine") >= wanted, 20, f"{len(messages)} messages are in quarantine")
    there = {reason for (reason,) in bed.rows(f"select reason from quarantine order by id desc limit {len(messages)}")}
    missing = {reason for reason, _, _ in poisons.values()} | {"reading.unusable"}
    missing -= there
    nameless = first + list(poisons).index("no identity")
    due = {("gw-2", _EPOCH, seq) for seq in range(first, mixed + 1) if seq != nameless}
    wait(lambda: due <= receipts.covered(), 20, "everything with an identity has a receipt")
    return [f"nothing was quarantined for {', '.join(sorted(missing))}"] if missing else []


def _poisons(chance: Random, first: int) -> dict[str, tuple[str, bytes, dict[str, str]]]:
    """Name -> reason it must get, payload, user properties; numbered from `first`."""
    noise = chance.randbytes(200)
    made: dict[str, tuple[str, Any]] = {
        "noise": ("message.corrupt", noise),
        "truncated": ("message.corrupt", lambda seq: _sound(seq)[:-7]),
        "flipped": ("message.corrupt", lambda seq: _sound(seq)[:-1] + bytes([_sound(seq)[-1] ^ 1])),
        "bomb": ("message.corrupt", zlib.compress(bytes(MAX_UNPACKED_BYTES + 1) + noise)),
        "NaN": ("message.corrupt", lambda seq: zlib.compress(_text(seq).replace('"v": [1]', '"v": [NaN]').encode())),
        "wrong types": ("message.invalid", lambda seq: _envelope(seq, v="many")),
        "no usable value": ("message.invalid", lambda seq: _envelope(seq, v=[1 << 80])),
        "lengths": ("message.invalid", lambda seq: _envelope(seq, t=[0, 1])),
        "schema": ("message.unknown_schema", lambda seq: _envelope(seq, schema=99)),
        "kind": ("message.unknown_schema", lambda seq: _envelope(seq, kind="songs")),
        "other gateway": ("message.wrong_gateway", lambda seq: _envelope(seq, gateway="gw-3")),
        "future": ("message.future", lambda seq: _envelope(seq, base_ms=1 << 42)),
        "no identity": ("message.corrupt", noise[::-1]),
    }
    result = {}
    for seq, (name, (reason, payload)) in enumerate(made.items(), start=first):
        told = {} if name == "no identity" else _properties(seq)
        result[name] = (reason, payload(seq) if callable(payload) else payload, told)
    return result


def _mixed(number: int) -> bytes:
    """A whole cycle of readings, four of which are none."""
    rows = campus.cycle("gw-2", number)
    series = [[row.series.device, row.series.quantity] for row in rows]
    values: list[Any] = [row.value for row in rows]
    offsets = [0] * len(rows)
    values[3], values[50], values[51], offsets[199] = 1 << 64, "12", None, 1 << 43
    head = {"schema": 1, "kind": "readings", "base_ms": campus.at(number), "series": series, "s": list(range(len(rows)))}
    return zlib.compress(json.dumps(_identity(number) | head | {"t": offsets, "v": values}).encode())


def _bad_identities(bed: Chain) -> set[tuple[str, str, int]]:
    """The four readings of each mixed batch that nobody can store."""
    numbers = [entry.cycle for entry in bed.book.entries if entry.gateway == "gw-2"]
    rows: list[Reading] = [campus.cycle("gw-2", number)[n] for number in numbers for n in (3, 50, 51, 199)]
    return {(row.series.device, row.series.quantity, row.measured_at_ms) for row in rows}


def _refused_by_the_broker(bed: Chain) -> list[str]:
    """10 MB: the broker ends the session of whoever sends that."""
    known = bed.scalar("select count(*) from quarantine")
    publisher = Publisher(bed, "gw-3")
    with publisher:
        publisher.publish(up("gw-3", Up.DATA), bytes(10 << 20))
        wait(lambda: "oversize" in bed.broker.log() or "too large" in bed.broker.log().lower(), 20, "the broker refuses 10 MB")
        publisher.forget()
    return [] if bed.scalar("select count(*) from quarantine") == known else ["10 MB passed the broker"]


def _sound(seq: int) -> bytes:
    return encode_readings(BatchId("gw-2", 1, _EPOCH, seq), columns(campus.cycle("gw-2", seq)[:5]))


def _envelope(seq: int, **changes: object) -> bytes:
    return zlib.compress(_text(seq, **changes).encode())


def _text(seq: int, **changes: object) -> str:
    body = {"schema": 1, "kind": "readings", "base_ms": campus.at(seq), "series": [["gw-2-m0", "voltage_a"]], "s": [0], "t": [0], "v": [1]}
    return json.dumps(_identity(seq) | body | changes)


def _identity(seq: int) -> dict[str, object]:
    return {"gateway": "gw-2", "generation": 1, "epoch": _EPOCH, "seq": seq}


def _properties(seq: int) -> dict[str, str]:
    return {name: str(value) for name, value in _identity(seq).items()}

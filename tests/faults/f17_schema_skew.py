"""Gateways older and newer than central by two schema versions.

What is exercised: the same cycles as schema 1 (as released once), as this version writes them, with fields a later minor version adds, and as the two
schemas after ours. Judged: what can be read is stored; what cannot is in quarantine byte for byte, has its receipt, and is stored by the replay that
follows an upgrade (the range of readable schemas is raised), after which schema 1 is still read. What an added field says is not kept beside the
reading: a field that carries data must raise the schema number. Not covered: skew of documents and commands, and the roll-back of central below a
schema it has read.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from random import Random
from unittest import mock

import orjson

from central.db.pool import connect
from central.ingest.replay import replay
from protocol import messages
from protocol.messages import BatchId, columns, encode_readings
from protocol.topics import Up, up
from tests.faults import campus
from tests.faults.book import settle
from tests.faults.chain import Chain, Receipts, chain
from tests.faults.publisher import Publisher
from tests.faults.scenario import Outcome, Size
from tests.faults.wait import wait

TITLE = "schema skew"
NEEDS = ("linux", "mosquitto")
_EPOCH = 5
_NOW = messages.READINGS_SCHEMA


def run(chance: Random, size: Size) -> Outcome:
    """Send cycles in five dialects, then upgrade."""
    dialects: list[Callable[[int], bytes]] = [_first, _present, _with_more_fields, _newer(1), _newer(2)]
    cycles = 50 if size is Size.SLICE else 2_000
    with chain() as bed, Receipts(bed) as receipts:
        chosen = [chance.choice(dialects) for _ in range(cycles)]
        payloads = {seq: dialect(seq) for seq, dialect in enumerate(chosen, start=1)}
        with Publisher(bed, "gw-1") as publisher:
            publisher.publish_all((up("gw-1", Up.DATA), payload, {}) for payload in payloads.values())
        for seq in payloads:
            bed.book.accept("gw-1", seq, _EPOCH, seq)
        failures = bed.drained()
        wait(lambda: {("gw-1", _EPOCH, seq) for seq in payloads} <= receipts.covered(), 20, "every batch has a receipt")
        unread = [payload for seq, payload in payloads.items() if chosen[seq - 1] not in dialects[:3]]
        failures += _kept(bed, unread)
        stored = _upgrade(bed)
        if stored != len(unread):
            failures.append(f"{stored} of {len(unread)} waiting batches were stored after the upgrade")
        return settle(bed.book, bed.dsn, failures, [f"{cycles - len(unread)} read at once, {stored} after the upgrade"])


def _kept(bed: Chain, unread: list[bytes]) -> list[str]:
    """Whether quarantine has exactly these bytes."""
    kept = {bytes(payload) for (payload,) in bed.rows("select payload from quarantine where reason = 'message.unknown_schema'")}
    return [] if kept == set(unread) else [f"quarantine has {len(kept)} payloads, {len(unread)} could not be read"]


def _upgrade(bed: Chain) -> int:
    """Replay as a central that reads two schemas more; the third before it is still readable then."""
    newer = range(max(1, _NOW + 2 - 2), _NOW + 3)
    with mock.patch.object(messages, "READABLE_BATCHES", newer), connect(bed.dsn, autocommit=True) as conn:
        return replay(conn, int(time.time() * 1000))


def _first(seq: int) -> bytes:
    """Schema 1."""
    rows = campus.cycle("gw-1", seq)
    series = [[row.series.device, row.series.quantity] for row in rows]
    body = {"base_ms": campus.at(seq), "series": series, "s": list(range(len(rows))), "t": [0] * len(rows), "v": [row.value for row in rows]}
    head = {"schema": 1, "gateway": "gw-1", "generation": 1, "epoch": _EPOCH, "seq": seq, "kind": "readings"}
    return zlib.compress(orjson.dumps(head | body))


def _present(seq: int) -> bytes:
    return encode_readings(BatchId("gw-1", 1, _EPOCH, seq), columns(campus.cycle("gw-1", seq)))


def _with_more_fields(seq: int) -> bytes:
    return _changed(seq, colour="blue", phases=[1, 2, 3])


def _newer(by: int) -> Callable[[int], bytes]:
    def dialect(seq: int) -> bytes:
        return _changed(seq, schema=_NOW + by, w=["what", "nobody", "knows"], nested={"a": None})

    return dialect


def _changed(seq: int, **changes: object) -> bytes:
    return zlib.compress(orjson.dumps(orjson.loads(zlib.decompress(_present(seq))) | changes))

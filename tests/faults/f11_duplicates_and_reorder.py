"""Messages arrived twice, late and in another order.

What is exercised: the batches of one outbox go over the real path once, one after the other (the clean run), and to a fresh central from a publisher
that repeats one in ten, shuffles everything within a thousand messages and repeats some at the very end. Judged: both tables are equal, byte for
byte. Then a gateway delivers through a proxy that does the same to its stream, so that receipts come out of order, too: that table must be the same
as well. Not covered: a repeat with another value under the same identity (a conflict; component tests of ingest have it).
"""

from __future__ import annotations

from random import Random

from edge_agent.buffer.batches import Limits, Stored
from edge_agent.buffer.outbox import Outbox
from protocol.messages import CRC_PROPERTY
from protocol.topics import Up, up
from tests.faults.book import digest, settle
from tests.faults.chain import Chain, chain
from tests.faults.proxy import Mangler, Proxy
from tests.faults.publisher import Publisher
from tests.faults.scenario import Outcome, Size

TITLE = "duplicates, reordering, late delivery"
NEEDS = ("linux", "mosquitto")
_WINDOW, _REPEAT, _LATE = 1000, 0.10, 0.01


def run(chance: Random, size: Size) -> Outcome:
    """Deliver the same batches in order, in disorder, and through a proxy."""
    batches = 60 if size is Size.SLICE else 4000
    with chain() as bed:
        clean, sent = _clean(bed, batches)
    with chain() as bed:
        _publish(bed, _disorder(sent, chance))
        failures = [] if digest(bed.dsn) == clean else ["the table differs from the clean run's after disorder"]
    with chain() as bed:
        mangler = Mangler(chance, _REPEAT)
        proxy = Proxy((bed.broker.host, bed.broker.port), mangler.stream)
        try:
            box = bed.box(port=proxy.port, connect=False, sender={"backfill_per_s": 1000})
            for _ in range(batches):
                box.append()
            box.connect()
            failures += bed.drained(120)
        finally:
            proxy.close()
        failures += [] if digest(bed.dsn) == clean else ["the table differs from the clean run's after a mangling proxy"]
        failures += [] if mangler.repeated else ["the proxy repeated nothing"]
        notes = [f"{batches} batches", f"{mangler.repeated} repeated in the stream", f"hash {clean[:12]} wanted"]
        return settle(bed.book, bed.dsn, failures, notes)


def _clean(bed: Chain, batches: int) -> tuple[str, list[Stored]]:
    """Hash of the table after an undisturbed run, and the batches it was made of."""
    box = bed.box(connect=False, sender={"backfill_per_s": 1000})
    for _ in range(batches):
        box.append()
    box.connect()
    missing = bed.drained(120)
    if missing:
        raise TimeoutError(f"the clean run: {missing}")
    box.kill()
    outbox = Outbox(bed.folder / box.gateway, box.gateway, 1, Limits(min_free_bytes=0), now_ms=lambda: 0)
    try:
        return digest(bed.dsn), outbox.newest(batches)
    finally:
        outbox.close()


def _disorder(sent: list[Stored], chance: Random) -> list[Stored]:
    """One in ten twice, shuffled within the window, some once more at the end."""
    repeated = [batch for batch in sent for _ in range(2 if chance.random() < _REPEAT else 1)]
    shuffled = []
    for start in range(0, len(repeated), _WINDOW):
        part = repeated[start : start + _WINDOW]
        chance.shuffle(part)
        shuffled += part
    return shuffled + chance.choices(sent, k=max(1, int(len(sent) * _LATE)))


def _publish(bed: Chain, batches: list[Stored]) -> None:
    """Publish as gw-1 and wait until central has dealt with every copy."""
    with Publisher(bed, "gw-1") as publisher:
        publisher.publish_all((up("gw-1", Up.DATA), batch.payload, {CRC_PROPERTY: f"{batch.crc32c:08x}"}) for batch in batches)
    bed.settled(len(batches))

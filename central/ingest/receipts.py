"""From committed sequence numbers to the cumulative acknowledgement a gateway deletes by. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protocol.messages import Ack, BatchId

MAX_RANGES = 64  # as many as Ack.also holds


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is committed of one epoch: inclusive ranges in rising order."""

    gateway: str
    generation: int
    epoch: int
    ranges: Sequence[tuple[int, int]]


def ack(receipt: Receipt) -> Ack:
    """Everything up to `seq`, and the first ranges above it."""
    ranges = [(int(first), int(last)) for first, last in receipt.ranges]
    whole = ranges[0][1] if ranges and ranges[0][0] == 1 else 0
    above = ranges[1:] if whole else ranges
    return Ack(generation=receipt.generation, epoch=receipt.epoch, seq=whole, also=tuple(above[:MAX_RANGES]))


def ranges_by_epoch(batches: Iterable[BatchId]) -> list[tuple[str, int, int, str]]:
    """(gateway, generation, epoch, int8multirange text) in key order, so that concurrent workers lock cursors in one order."""
    numbers: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    for batch in batches:
        numbers[batch.gateway, batch.generation, batch.epoch].append(batch.seq)
    return [(*key, "{" + ",".join(f"[{seq},{seq}]" for seq in sorted(seqs)) + "}") for key, seqs in sorted(numbers.items())]

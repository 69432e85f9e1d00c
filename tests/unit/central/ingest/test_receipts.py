"""From committed numbers to acknowledgements."""

from __future__ import annotations

import pytest

from central.ingest.receipts import MAX_RANGES, Receipt, ack, ranges_by_epoch
from protocol.messages import Ack, BatchId


@pytest.mark.parametrize(
    ("ranges", "seq", "also"),
    [
        ([], 0, ()),
        ([(1, 7)], 7, ()),
        ([(2, 7)], 0, ((2, 7),)),
        ([(1, 1), (3, 3), (5, 9)], 1, ((3, 3), (5, 9))),
    ],
)
def test_ack_covers_what_is_whole_from_the_start(ranges: list[tuple[int, int]], seq: int, also: tuple[tuple[int, int], ...]):
    assert ack(Receipt("gw-1", 2, 3, ranges)) == Ack(generation=2, epoch=3, seq=seq, also=also)


def test_ack_names_no_more_ranges_than_it_may():
    ranges = [(1, 1), *((n, n) for n in range(3, 3 + 2 * (MAX_RANGES + 5), 2))]

    assert len(ack(Receipt("gw-1", 1, 1, ranges)).also) == MAX_RANGES


def test_batches_are_grouped_by_epoch_in_key_order():
    batches = [BatchId("b", 1, 1, 5), BatchId("a", 1, 2, 9), BatchId("a", 1, 1, 2), BatchId("a", 1, 1, 1)]

    assert ranges_by_epoch(batches) == [("a", 1, 1, "{[1,1],[2,2]}"), ("a", 1, 2, "{[9,9]}"), ("b", 1, 1, "{[5,5]}")]

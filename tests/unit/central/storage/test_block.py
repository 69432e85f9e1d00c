"""Blocks: what is encoded can be computed back, times are held once, and nothing is stored that is all zero."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from central.ingest.pack import Rows
from central.storage.block import WEEK_MS, Block, encode

WEEK = 2800 * WEEK_MS
_BORDER = 2**45


def rows(readings: list[tuple[int, int, int, int]]) -> Rows:
    columns = zip(*sorted(readings), strict=True)
    return Rows(*(np.array(column, np.int64) for column in columns))


def to_ms(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def decode(block: Block, holder: Block) -> list[tuple[int, int, int, int]]:
    """By the formula of the docstring, one by one."""
    at, value, found = to_ms(holder.first_at), block.first_value, []
    for i in range(block.readings):
        late = holder.late_low[i] + 65536 * (holder.late_high[i] if holder.late_high else 0)
        at += late + (holder.step_ms if i else 0)
        value += block.unit * (block.rise_low[i] + 65536 * (block.rise_high[i] if block.rise_high else 0))
        found.append((block.series_id, at, value, block.quality[i] if block.quality else 0))
    return found


readings = st.dictionaries(
    st.tuples(st.integers(1, 3), st.integers(WEEK, WEEK + WEEK_MS - 1)), st.tuples(st.integers(-_BORDER, _BORDER), st.integers(0, 4)), min_size=1
)


@given(known=readings)
def test_what_is_encoded_is_computed_back(known: dict[tuple[int, int], tuple[int, int]]):
    given_rows = sorted((*key, *value) for key, value in known.items())

    blocks = {block.series_id: block for block in encode(rows(given_rows))}

    assert [one for block in blocks.values() for one in decode(block, blocks[block.times_of or block.series_id])] == given_rows
    assert all(-32768 <= low <= 32767 for block in blocks.values() for low in [*block.rise_low, *(block.late_low or [])])
    assert all(abs(high) < 2**31 for block in blocks.values() for high in block.rise_high or [])


def test_series_of_one_exchange_hold_their_times_once():
    times = [WEEK + 900_000 * n + n * n for n in range(5)]
    first, second, third = encode(rows([(series, at + (series == 3), 230_000 + at % 7, 0) for series in (1, 2, 3) for at in times]))

    assert (first.times_of, second.times_of, third.times_of) == (None, 1, None)
    assert second.late_low is second.late_high is second.step_ms is None


def test_a_regular_series_of_good_readings_needs_its_low_steps_only():
    (block,) = encode(rows([(1, WEEK + 900_000 * n, 10_000_000 + 250 * n, 0) for n in range(672)]))

    assert (block.step_ms, block.unit, block.late_high, block.rise_high, block.quality) == (900_000, 250, None, None, None)
    assert set(block.rise_low) == {0, 1}


def test_a_block_names_its_ends():
    (block,) = encode(rows([(1, WEEK + 5, 7, 0), (1, WEEK + 9, 8, 1)]))

    assert tuple(map(to_ms, (block.week_at, block.first_at, block.last_at))) == (WEEK, WEEK + 5, WEEK + 9)
    assert (block.first_value, block.last_value, block.last_quality) == (7, 8, 1)

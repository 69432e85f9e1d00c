"""Stamps and true instants of clocks that are wrong."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from central.consumption.clock import Offset, corrected, stamp_ends, true_ends


@st.composite
def clocks(draw: st.DrawFn) -> list[Offset]:
    """Up to three times a clock was wrong, the last one perhaps still."""
    edges = sorted(draw(st.sets(st.integers(0, 200), min_size=2, max_size=6)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    open_end = draw(st.booleans())
    return [
        Offset(start, None if open_end and number + 1 == len(pairs) else end, draw(st.integers(-80, 80))) for number, (start, end) in enumerate(pairs)
    ]


@given(clocks(), st.integers(-50, 250), st.integers(0, 100))
def test_true_instants_of_stamps_lie_within_their_ends(offsets: list[Offset], first: int, length: int) -> None:
    true_ms = corrected(np.arange(first, first + length + 1, dtype=np.int64), offsets)
    low, high = true_ends(first, first + length, offsets)
    assert low <= int(true_ms.min())
    assert high >= int(true_ms.max())


@given(clocks(), st.integers(-50, 250), st.integers(1, 100) | st.none())
def test_every_stamp_with_its_true_instant_in_a_window_is_asked_for(offsets: list[Offset], first: int, length: int | None) -> None:
    stamps = np.arange(-400, 700, dtype=np.int64)
    true_ms = corrected(stamps, offsets)
    inside = stamps[(true_ms >= first) & ((true_ms < first + length) if length is not None else np.True_)]
    low, high = stamp_ends(first, None if length is None else first + length, offsets)
    assert low <= int(inside.min(initial=low))
    assert high is None or high > int(inside.max(initial=high - 1))


def test_a_clock_wrong_all_the_time_moves_both_ends_only_by_its_offset() -> None:
    assert true_ends(1000, 2000, [Offset(0, None, 300)]) == (700, 1700)

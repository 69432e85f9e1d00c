"""Cutting spans into slots: parts always sum to their whole, and nothing is said of what is not known."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from central.consumption.days import boundaries, bounds
from central.consumption.model import DayFigures, Integers, Samples, Spans
from central.consumption.slots import NONE, Grade, cut, day_figures, period_quality, pins, quality

ZONE = "Asia/Shanghai"
DAY = date(2025, 3, 3)
START_MS = bounds(DAY, ZONE)[0]
RATES: Integers = np.arange(96, dtype=np.int64) % 5


def spans_of(*spans: tuple[int, int, int]) -> Spans:
    columns = np.array(spans, np.int64).reshape(-1, 3).T
    return Spans(columns[0], columns[1], columns[2])


@st.composite
def disjoint_spans(draw: st.DrawFn) -> Spans:
    """Spans with and without gaps between them, of a second to a year, and of any amount a register can hold."""
    lengths = draw(st.lists(st.tuples(st.integers(0, 10**7), st.integers(1, 3 * 10**10), st.integers(-(10**6), 10**15)), min_size=1, max_size=20))
    rows, reached = [], 0
    for gap, length, amount in lengths:
        rows.append((reached + gap, reached + gap + length, amount))
        reached += gap + length
    return spans_of(*rows)


@given(disjoint_spans(), st.lists(st.integers(0, 10**11), min_size=1, max_size=50))
def test_any_cut_sums_to_the_whole(spans: Spans, inner: list[int]) -> None:
    whole = [int(spans.start_ms[0]), int(spans.end_ms[-1])]
    edges = np.unique(np.array([*whole, *(edge for edge in inner if whole[0] < edge < whole[1])], np.int64))
    amount, known_ms = cut(spans, edges)
    assert int(amount.sum()) == int(spans.amount.sum())
    assert int(known_ms.sum()) == int((spans.end_ms - spans.start_ms).sum())
    assert (known_ms >= 0).all()


@given(disjoint_spans(), st.lists(st.integers(0, 10**11), min_size=3, max_size=30, unique=True))
def test_coarser_cut_is_the_sum_of_the_finer_one(spans: Spans, edges: list[int]) -> None:
    fine = np.sort(np.array(edges, np.int64))
    amount, _ = cut(spans, fine)
    coarse, _ = cut(spans, fine[[0, -1]])
    assert int(amount.sum()) == int(coarse[0])


def test_amount_is_spread_evenly_and_rounded_down_along_the_span() -> None:
    amount, known_ms = cut(spans_of((0, 400, 10)), np.array([0, 100, 200, 300, 400, 500]))
    assert amount.tolist() == [2, 3, 2, 3, 0]
    assert known_ms.tolist() == [100, 100, 100, 100, 0]


def test_share_of_a_very_large_amount_over_a_very_long_span_is_exact() -> None:
    year_ms = 365 * 86_400_000
    amount, _ = cut(spans_of((0, year_ms, 10**15)), np.array([0, year_ms // 3, year_ms]))
    assert amount.tolist() == [10**15 // 3, 10**15 - 10**15 // 3]


def test_slot_known_in_part_says_how_much() -> None:
    day = day_figures(DAY, ZONE, spans_of((START_MS + 300_000, START_MS + 1_800_000, 50)), Samples(NONE, NONE), RATES, taken_ms=NONE)
    assert day.known_s[:3].tolist() == [600, 900, 0]
    assert day.slots[:3].tolist() == [20, 30, 0]
    assert (quality(day, 0, 2), quality(day, 2, 96)) == (Grade.ESTIMATED, Grade.UNKNOWN)


def test_amount_of_less_than_a_second_is_not_lost() -> None:
    day = day_figures(DAY, ZONE, spans_of((START_MS + 899_500, START_MS + 900_500, 9)), Samples(NONE, NONE), RATES, taken_ms=NONE)
    assert day.value == 9
    assert day.known_s[:2].tolist() == [1, 1]


def test_rates_sum_to_the_value() -> None:
    day = day_figures(DAY, ZONE, spans_of((START_MS, START_MS + 86_400_000, 1_000_003)), Samples(NONE, NONE), RATES, taken_ms=NONE)
    assert int(day.rates.sum()) == day.value == 1_000_003
    assert int(day.rates[1]) == int(day.slots[1::5].sum())


def test_boundary_is_pinned_by_two_readings_within_20_minutes_or_one_within_5() -> None:
    minute = 60_000
    edges = np.array([0])
    held = {
        "reading at it": [0],
        "one 5 before": [-5 * minute],
        "one 5 after": [5 * minute],
        "20 around": [-10 * minute, 10 * minute],
    }
    open_ = {
        "nothing": [],
        "one 5 before and a bit": [-5 * minute - 1],
        "20 and a bit around": [-10 * minute - 1, 10 * minute],
    }
    assert all(pins(edges, np.array(at_ms, np.int64)).all() for at_ms in held.values())
    assert not any(pins(edges, np.array(at_ms, np.int64)).any() for at_ms in open_.values())


def test_nothing_is_pinned_inside_a_mark_nor_by_what_is_inside() -> None:
    edges, minute = np.arange(7) * 900_000, 60_000
    at_ms = np.arange(-1, 8) * 900_000 + 2 * minute
    marks = [(900_000, 4 * 900_000)]
    assert pins(edges, at_ms).all()
    assert pins(edges, at_ms, marks).tolist() == [True, False, False, False, True, True, True]
    on_time = np.arange(7) * 900_000
    assert pins(edges, on_time, marks).tolist() == [True, True, False, False, True, True, True]
    assert not pins(np.array([0]), np.array([-2 * minute, 2 * minute]), [(-minute, minute)]).any()


def measured_day(day: date, amount: int, from_ms: int, until_ms: int) -> DayFigures:
    """A day known from one reading at `from_ms` and one at `until_ms`."""
    return day_figures(
        day, ZONE, spans_of((from_ms, until_ms, amount)), Samples(np.array([from_ms, until_ms]), np.array([0, amount])), RATES, taken_ms=NONE
    )


def test_period_of_days_is_measured_when_known_whole_and_held_at_both_ends() -> None:
    tomorrow, day_ms, day_s = DAY + timedelta(days=1), 86_400_000, 86_400
    both = [measured_day(day, 10, START_MS, START_MS + 2 * day_ms) for day in (DAY, tomorrow)]
    assert period_quality(both, 2 * day_s) is Grade.MEASURED
    assert period_quality(both, 3 * day_s) is Grade.ESTIMATED
    early = [measured_day(day, 10, START_MS - day_ms, START_MS + 2 * day_ms) for day in (DAY, tomorrow)]
    assert period_quality(early, 2 * day_s) is Grade.ESTIMATED
    late = [measured_day(day, 10, START_MS, START_MS + 3 * day_ms) for day in (DAY, tomorrow)]
    assert period_quality(late, 2 * day_s) is Grade.ESTIMATED
    assert period_quality([], day_s) is Grade.UNKNOWN


def test_period_with_a_hole_between_held_ends_is_estimated() -> None:
    minute = 60_000
    spans = spans_of((START_MS, START_MS + 5 * minute, 1), (START_MS + 10 * minute, START_MS + 15 * minute, 1))
    accepted = Samples(START_MS + np.array([0, 5, 10, 15]) * minute, np.array([0, 1, 7, 8]))
    assert quality(day_figures(DAY, ZONE, spans, accepted, RATES, taken_ms=NONE), 0, 1) is Grade.ESTIMATED


def test_seen_and_made_up_say_which_slots_were_read_when_due() -> None:
    taken, made_up = np.array([START_MS, START_MS + 900_000 - 1, START_MS - 1]), np.array([START_MS + 5, START_MS + 900_000, START_MS + 86_400_000])
    day = day_figures(DAY, ZONE, spans_of(), Samples(NONE, NONE), RATES, taken_ms=taken, made_up_ms=made_up)
    assert np.flatnonzero(day.seen).tolist() == [0]
    assert np.flatnonzero(day.made_up).tolist() == [1]


def test_first_and_last_are_readings_of_the_day_itself() -> None:
    end_ms = START_MS + 86_400_000
    accepted = Samples(np.array([START_MS - 1, START_MS, end_ms - 1, end_ms]), np.array([1, 2, 3, 4]))
    day = day_figures(DAY, ZONE, spans_of(), accepted, RATES, taken_ms=NONE)
    assert (day.first, day.last) == ((START_MS, 2), (end_ms - 1, 3))
    assert day_figures(DAY, ZONE, spans_of(), Samples(NONE, NONE), RATES, taken_ms=NONE).last is None


def test_day_is_pending_when_its_judgement_began_before_its_end() -> None:
    end_ms = START_MS + 86_400_000

    def pending(from_ms: int | None) -> bool:
        return day_figures(DAY, ZONE, spans_of(), Samples(NONE, NONE), RATES, taken_ms=NONE, pending_from_ms=from_ms).pending

    assert [pending(None), pending(end_ms), pending(end_ms - 1), pending(0)] == [False, False, True, True]


def test_day_on_which_the_clock_is_put_on_has_92_slots() -> None:
    day, zone = date(2025, 3, 30), "Europe/Berlin"
    start_ms, end_ms = bounds(day, zone)
    figures = day_figures(day, zone, spans_of((start_ms, end_ms, 92)), Samples(NONE, NONE), np.zeros(92, np.int64), taken_ms=NONE)
    assert figures.slots.tolist() == [1] * 92
    assert len(figures.pins) == len(boundaries(day, zone)) == 93
